# SPDX-License-Identifier: Apache-2.0
"""S04: the socket of a killed process is replaced; a served one is not."""
import fcntl
import os
import pathlib
import signal
import socket
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support.sdk_case import SdkCase  # noqa: E402


class Taken(SdkCase):
    def test_stale_socket_is_replaced(self):
        process = self.serve("01-hello-output")
        process.process.send_signal(signal.SIGKILL)
        process.wait()
        self.assertTrue((self.sockets / "hello.sock").is_socket())
        self.serve("01-hello-output")
        self.client("hello").ping()

    def test_live_socket_is_left_alone(self):
        self.serve("01-hello-output")
        before = os.lstat(self.sockets / "hello.sock").st_ino
        self.refuse("01-hello-output", "hello.sock: another process serves it")
        self.assertEqual(os.lstat(self.sockets / "hello.sock").st_ino, before)
        self.assertEqual(os.listdir(self.sockets), ["hello.sock"])
        self.client("hello").ping()

    def test_one_that_does_not_accept_is_live(self):
        self.sockets.mkdir()
        with socket.socket(socket.AF_UNIX) as peer:
            peer.bind(str(self.sockets / "hello.sock"))
            peer.listen(0)
            self.refuse("01-hello-output", "another process serves it")

    def test_other_files_are_left_alone(self):
        self.sockets.mkdir()
        (self.sockets / "hello.sock").write_text("precious")
        self.refuse("01-hello-output", "hello.sock: it is there and is no")
        self.assertEqual((self.sockets / "hello.sock").read_text(), "precious")

    def test_who_looks_holds_a_lock(self):
        """So that two that start do not both find the place vacant. The wait
        for the lock has an end."""
        self.sockets.mkdir()
        folder = os.open(self.sockets, os.O_RDONLY)
        self.addCleanup(os.close, folder)
        fcntl.flock(folder, fcntl.LOCK_EX)
        process = self.start("01-hello-output")
        process.wait_for_log("cannot lock the sockets folder", timeout=10)
        self.assertEqual(process.wait(), 1)
        self.assertEqual(os.listdir(self.sockets), [])
        fcntl.flock(folder, fcntl.LOCK_UN)
        self.serve("01-hello-output")

    def test_of_several_at_once_one_wins(self):
        processes = [self.start("01-hello-output") for _ in range(6)]
        for process in processes:
            process.wait_for_log(" serves |another process serves it")
        winners = [p for p in processes if p.logged(" serves hello| serves b")]
        self.assertEqual(len(winners), 1)
        for process in processes:
            if process not in winners:
                self.assertEqual(process.wait(), 1)
        self.client("hello").ping()
        self.assertEqual(os.listdir(self.sockets), ["hello.sock"])


if __name__ == "__main__":
    unittest.main()
