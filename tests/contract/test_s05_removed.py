# SPDX-License-Identifier: Apache-2.0
"""S05: the socket is removed at the end, unless it has become someone else's;
nothing else is left either."""
import os
import pathlib
import signal
import socket
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support.sdk_case import SdkCase  # noqa: E402


class Removed(SdkCase):
    def test_signals(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number):
                process = self.serve("01-hello-output")
                process.process.send_signal(number)
                self.assertEqual(process.wait(), 0)
                self.assertEqual(os.listdir(self.sockets), [])
                process.wait_for_log("component hello has stopped")

    def test_two_signals_are_one(self):
        process = self.serve("01-hello-output")
        for number in (signal.SIGTERM, signal.SIGTERM):
            process.process.send_signal(number)
        self.assertEqual(process.wait(), 0)
        self.assertEqual(os.listdir(self.sockets), [])

    def test_what_replaced_it_stays(self):
        process = self.serve("01-hello-output")
        path = self.sockets / "hello.sock"
        path.unlink()
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(str(path))
            self.assertEqual(process.stop(), 0)
        self.assertTrue(path.is_socket())

    def test_one_that_is_gone_already(self):
        process = self.serve("01-hello-output")
        (self.sockets / "hello.sock").unlink()
        self.assertEqual(process.stop(), 0)

    def test_with_a_caller_connected(self):
        process = self.serve("01-hello-output")
        client = self.client("hello")
        client.ping()
        self.assertEqual(process.stop(timeout=3), 0)
        self.assertEqual(os.listdir(self.sockets), [])


if __name__ == "__main__":
    unittest.main()
