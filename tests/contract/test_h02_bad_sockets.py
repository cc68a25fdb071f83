# SPDX-License-Identifier: Apache-2.0
"""H02: sockets that do not answer are passed over within a deadline, with one
line each; the others and the start do not wait for them."""
import os
import pathlib
import shutil
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import case, scripted_component  # noqa: E402

# What a start may take at most: a deadline of 2 s, and a slow machine.
START = 5


class BadSockets(case.TestCase):
    def start(self, prefix=()):
        """Starts beside a good component, which must be there in time."""
        self.component("good.sock")
        begin = time.monotonic()
        sidecar = self.sidecar(case.resource("good", "bindings.good"),
                               prefix=prefix)
        sidecar.wait_ready(START)
        self.assertLess(time.monotonic() - begin, START)
        self.assertEqual(sidecar.invoke("good", data="x").status, 200)
        return sidecar

    def check_line(self, sidecar, file, why):
        """One line, also after it was tried again."""
        pattern = f"could not use socket {self.sockets / file}: "
        line = sidecar.wait_for_log(pattern)
        self.assertEqual(line.level, "warning")
        self.assertRegex(line.msg, why)
        return pattern

    def test_stale(self):
        scripted_component.stale(self.sockets / "bad.sock")
        sidecar = self.start()
        pattern = self.check_line(sidecar, "bad.sock", "connection refused")
        new = self.use(scripted_component.Component(self.folder / "new.sock"))
        new.path = new.path.rename(self.sockets / "bad.sock")
        sidecar.wait_for_log("pluggable component 'bad' was successfully")
        self.assertEqual(len(sidecar.logged(pattern)), 1)

    def test_mute(self):
        peer = self.use(scripted_component.mute(self.sockets / "bad.sock"))
        sidecar = self.start()
        pattern = self.check_line(sidecar, "bad.sock", "timed out|timeout")
        peer.accepted.wait(3, timeout=15)
        self.assertEqual(len(sidecar.logged(pattern)), 1)

    def test_other_protocol(self):
        peer = self.use(scripted_component.http1(self.sockets / "bad.sock"))
        sidecar = self.start()
        pattern = self.check_line(sidecar, "bad.sock", "HTTP/2")
        peer.accepted.wait(3, timeout=10)
        self.assertEqual(len(sidecar.logged(pattern)), 1)

    def test_no_permission(self):
        prefix = ()
        if os.geteuid() == 0:  # root may do what it likes, unless told not to
            prefix = (shutil.which("setpriv"), "--bounding-set",
                      "-dac_override,-dac_read_search")
        peer = self.use(scripted_component.mute(self.sockets / "bad.sock"))
        peer.path.chmod(0)
        sidecar = self.start(prefix)
        self.check_line(sidecar, "bad.sock", "permission denied")
        self.assertEqual(peer.accepted.all(), [])

    def test_component_of_a_bad_socket(self):
        """It fails alone, with a reason that names the socket's trouble."""
        self.use(scripted_component.mute(self.sockets / "bad.sock"))
        self.component("good.sock")
        sidecar = self.sidecar(
            case.resource("hopeless", "bindings.bad", initTimeout="1s"),
            case.resource("good", "bindings.good"))
        sidecar.wait_ready(START)
        line = sidecar.wait_for_log("Failed to init component hopeless")
        self.assertEqual(line.level, "error")
        self.assertEqual(sidecar.invoke("good", data="x").status, 200)
        self.assertEqual(sidecar.invoke("hopeless", data="x").status, 500)


if __name__ == "__main__":
    unittest.main()
