# SPDX-License-Identifier: Apache-2.0
"""A test of the SDK: example components as processes, and a scripted sidecar
that speaks gRPC to them."""
import pathlib
import queue
import tempfile
import unittest

import grpc

from support.build import components, message, program
from support.process import Process

PACKAGE = "dapr.proto.components.v1"
OUTPUT = PACKAGE + ".OutputBinding"
INPUT = PACKAGE + ".InputBinding"
TIMEOUT = 10

VARIABLES = (
    "DAPR_COMPONENT_SOCKETS_FOLDER",
    "DAPR_COMPONENTS_SOCKETS_FOLDER",
    "DAPR_COMPONENT_SOCKET_FOLDER",
)


def serialize(request):
    return request.SerializeToString()


class Client:
    """A sidecar's connection to one socket."""

    def __init__(self, path, *options):
        self.channel = grpc.insecure_channel(
            f"unix:{path}",
            options=[("grpc.use_local_subchannel_pool", 1), *options])

    def end(self):
        self.channel.close()

    def call(self, service, method, request, reply, instance=None):
        """`request` may be bytes, to send what is no message."""
        encode = bytes if isinstance(request, bytes) else serialize
        metadata = [] if instance is None else [
            ("x-component-instance", instance)]
        return self.channel.unary_unary(
            f"/{service}/{method}", request_serializer=encode,
            response_deserializer=components(reply).FromString)(
                request, timeout=TIMEOUT, metadata=metadata)

    def ping(self, service=OUTPUT):
        return self.call(service, "Ping", components("PingRequest")(),
                         "PingResponse")

    def ask(self, version="v1alpha"):
        return Questions(self.channel, version)


class Questions:
    """A stream of reflection."""

    def __init__(self, channel, version):
        package = f"grpc.reflection.{version}."
        self.request = message(package + "ServerReflectionRequest")
        self.outbox = queue.Queue()
        self.stream = channel.stream_stream(
            f"/{package}ServerReflection/ServerReflectionInfo",
            request_serializer=serialize,
            response_deserializer=message(
                package + "ServerReflectionResponse").FromString)(
                    iter(self.outbox.get, None), timeout=TIMEOUT)

    def __call__(self, **question):
        self.outbox.put(self.request(**question))
        return next(self.stream)

    def services(self):
        listed = self(list_services="*").list_services_response.service
        return [service.name for service in listed]

    def half_close(self):
        self.outbox.put(None)


class SdkCase(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="sdk-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.sockets = self.folder / "sockets"

    def start(self, example, **variables):
        """Starts an example; without variables, on this test's sockets."""
        process = Process(
            [program(example)], self.folder,
            variables or {VARIABLES[0]: self.sockets})
        self.addCleanup(process.end)
        return process

    def serve(self, example, **variables):
        """Starts one that must come to serve."""
        process = self.start(example, **variables)
        process.wait_for_log(" serves ")
        return process

    def refuse(self, example, why, **variables):
        """Starts one that must say why it does not serve, and end."""
        process = self.start(example, **variables)
        line = process.wait_for_log(why)
        self.assertEqual(process.wait(), 1)
        return line

    def client(self, name, *options, folder=None):
        client = Client((folder or self.sockets) / f"{name}.sock", *options)
        self.addCleanup(client.end)
        return client
