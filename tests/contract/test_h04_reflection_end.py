# SPDX-License-Identifier: Apache-2.0
"""H04: the stream of reflection is half-closed; a server that never ends it,
or never answers, holds nothing up."""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import case  # noqa: E402


class ReflectionEnd(case.TestCase):
    def test_half_close(self):
        component = self.component("echo.sock")
        sidecar = self.sidecar(case.resource("echo", "bindings.echo"))
        component.called("half-close")
        sidecar.wait_ready()

    def test_server_that_never_ends(self):
        component = self.component("echo.sock", endless=True)
        sidecar = self.sidecar(case.resource("echo", "bindings.echo"))
        sidecar.wait_ready()
        component.called("half-close")
        self.assertEqual(sidecar.invoke("echo", data="x").status, 200)
        self.assertEqual(len(component.called("Init")), 1)

    def test_server_that_never_answers(self):
        component = self.component("mute.sock", silent=True)
        self.component("echo.sock")
        sidecar = self.sidecar(case.resource("echo", "bindings.echo"))
        sidecar.wait_ready(5)
        self.assertEqual(sidecar.invoke("echo", data="x").status, 200)
        line = sidecar.wait_for_log(f"could not use socket {component.path}: ")
        self.assertEqual(line.level, "warning")
        self.assertRegex(line.msg, "DeadlineExceeded")


if __name__ == "__main__":
    unittest.main()
