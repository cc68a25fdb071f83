# SPDX-License-Identifier: Apache-2.0
"""S07: a reflection stream takes several questions, and ends with OK when the
client half-closes and reads to the end."""
import grpc
import pathlib
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support.sdk_case import SdkCase  # noqa: E402


class HalfClose(SdkCase):
    def setUp(self):
        super().setUp()
        self.serve("01-hello-output")

    def test_ends_with_ok(self):
        questions = self.client("hello").ask()
        self.assertEqual(questions.services(), questions.services())
        begin = time.monotonic()
        questions.half_close()
        self.assertEqual(list(questions.stream), [])
        self.assertLess(time.monotonic() - begin, 1)
        self.assertEqual(questions.stream.code(), grpc.StatusCode.OK)

    def test_without_a_question(self):
        questions = self.client("hello").ask()
        questions.half_close()
        self.assertEqual(list(questions.stream), [])
        self.assertEqual(questions.stream.code(), grpc.StatusCode.OK)

    def test_many_questions(self):
        questions = self.client("hello").ask()
        for _ in range(500):
            self.assertEqual(len(questions.services()), 3)

    def test_cancelled(self):
        client = self.client("hello")
        questions = client.ask()
        questions.services()
        questions.stream.cancel()
        client.ping()


if __name__ == "__main__":
    unittest.main()
