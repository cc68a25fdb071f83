# SPDX-License-Identifier: Apache-2.0
"""S02: <name>.sock is a socket that works, for any user, from the first instant
that it can be seen; nothing else that looks like one is ever there."""
import multiprocessing
import os
import pathlib
import socket
import stat
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support.sdk_case import SdkCase  # noqa: E402

NOBODY = 65534


def connects(path, ret):
    """As another user, where we may become one."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setuid(NOBODY)
    with socket.socket(socket.AF_UNIX) as peer:
        ret.value = peer.connect_ex(path)


class Visible(SdkCase):
    def first_sight(self, name):
        """Watches the folder without a pause; the file when it is there."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            for entry in os.listdir(self.sockets):
                if not entry.startswith("."):
                    self.assertEqual(entry, name)
                    return os.lstat(self.sockets / entry)
        self.fail(f"no {name}")

    def test_first_sight(self):
        self.folder.chmod(0o755)
        self.sockets.mkdir()
        self.sockets.chmod(0o755)
        for attempt in range(10):
            with self.subTest(attempt):
                process = self.start("01-hello-output")
                status = self.first_sight("hello.sock")
                self.assertTrue(stat.S_ISSOCK(status.st_mode))
                self.assertEqual(status.st_mode & 0o666, 0o666)
                result = multiprocessing.Value("i", -1)
                child = multiprocessing.Process(
                    target=connects,
                    args=(str(self.sockets / "hello.sock"), result))
                child.start()
                child.join(10)
                self.assertEqual(result.value, 0)
                self.assertEqual(process.stop(), 0)

    def test_umask_does_not_matter(self):
        old = os.umask(0o077)
        try:
            self.serve("01-hello-output")
        finally:
            os.umask(old)
        mode = os.lstat(self.sockets / "hello.sock").st_mode
        self.assertEqual(mode & 0o777, 0o666)


if __name__ == "__main__":
    unittest.main()
