# SPDX-License-Identifier: Apache-2.0
"""S06: reflection lists exactly the services of its own socket, and itself."""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support.sdk_case import INPUT, OUTPUT, SdkCase  # noqa: E402

REFLECTION = ["grpc.reflection.v1.ServerReflection",
              "grpc.reflection.v1alpha.ServerReflection"]


class Services(SdkCase):
    def listed(self, name):
        return sorted(self.client(name).ask().services())

    def test_each_socket_shows_its_own(self):
        self.serve("01-hello-output")
        self.serve("02-polling-input")
        self.assertEqual(self.listed("hello"), [OUTPUT, *REFLECTION])
        self.assertEqual(self.listed("ticker"), [INPUT, *REFLECTION])

    def test_the_answer_repeats_the_question(self):
        self.serve("01-hello-output")
        answer = self.client("hello").ask()(host="h", list_services="x")
        self.assertEqual(answer.valid_host, "h")
        self.assertEqual(answer.original_request.list_services, "x")


if __name__ == "__main__":
    unittest.main()
