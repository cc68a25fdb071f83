# SPDX-License-Identifier: Apache-2.0
"""S08: reflection v1 answers as v1alpha does; files and symbols are found with
all that they import, or answered with NOT_FOUND."""
import grpc
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support.sdk_case import INPUT, OUTPUT, PACKAGE, SdkCase  # noqa: E402

from google.protobuf import descriptor_pb2, descriptor_pool  # noqa: E402

BINDINGS = "dapr/proto/components/v1/bindings.proto"
COMMON = "dapr/proto/components/v1/common.proto"


def files(answer):
    parsed = [descriptor_pb2.FileDescriptorProto.FromString(one)
              for one in answer.file_descriptor_response.file_descriptor_proto]
    return {file.name: file for file in parsed}


class Descriptors(SdkCase):
    def setUp(self):
        super().setUp()
        self.serve("01-hello-output")
        self.socket = self.client("hello")

    def each_version(self):
        for version in ("v1", "v1alpha"):
            with self.subTest(version):
                yield self.socket.ask(version)

    def test_both_versions_list_the_same(self):
        services = [ask.services() for ask in self.each_version()]
        self.assertEqual(services[0], services[1])

    def test_a_file_comes_with_its_imports(self):
        for ask in self.each_version():
            found = files(ask(file_by_filename=BINDINGS))
            self.assertEqual(sorted(found), [BINDINGS, COMMON])
            pool = descriptor_pool.DescriptorPool()
            pool.Add(found[COMMON])
            pool.Add(found[BINDINGS])
            service = pool.FindServiceByName(OUTPUT)
            self.assertEqual([method.name for method in service.methods],
                             ["Init", "Invoke", "ListOperations", "Ping"])

    def test_symbols(self):
        for ask in self.each_version():
            for symbol in (OUTPUT, INPUT, OUTPUT + ".Invoke",
                           PACKAGE + ".InvokeRequest",
                           PACKAGE + ".InvokeRequest.MetadataEntry"):
                answer = ask(file_containing_symbol=symbol)
                self.assertIn(BINDINGS, files(answer), symbol)
            answer = ask(file_containing_symbol=PACKAGE + ".PingRequest")
            self.assertEqual(list(files(answer)), [COMMON])

    def test_reflection_shows_itself(self):
        for version in ("v1", "v1alpha"):
            symbol = f"grpc.reflection.{version}.ServerReflection"
            answer = self.socket.ask()(file_containing_symbol=symbol)
            self.assertEqual(list(files(answer)), [
                f"grpc/reflection/{version}/reflection.proto"])

    def test_what_is_not_there(self):
        for ask in self.each_version():
            for question in (
                    {"file_by_filename": "nope.proto"},
                    {"file_by_filename": ""},
                    {"file_containing_symbol": ""},
                    {"file_containing_symbol": "."},
                    {"file_containing_symbol": PACKAGE},
                    {"file_containing_symbol": PACKAGE + "."},
                    {"file_containing_symbol": OUTPUT + ".Nope"},
                    {"file_containing_symbol": OUTPUT + "Nope"},
                    {"file_containing_symbol": "x" * 100000},
                    {"file_containing_extension": {"containing_type": OUTPUT,
                                                   "extension_number": 1}},
                    {"all_extension_numbers_of_type": OUTPUT}):
                answer = ask(**question)
                self.assertEqual(answer.error_response.error_code,
                                 grpc.StatusCode.NOT_FOUND.value[0], question)

    def test_no_question_at_all(self):
        for ask in self.each_version():
            self.assertEqual(ask().error_response.error_code,
                             grpc.StatusCode.INVALID_ARGUMENT.value[0])
            self.assertEqual(len(ask.services()), 3)


if __name__ == "__main__":
    unittest.main()
