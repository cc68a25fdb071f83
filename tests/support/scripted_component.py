# SPDX-License-Identifier: Apache-2.0
"""A pluggable component that does what a test says, and peers that only look
like one."""
import concurrent.futures
import dataclasses
import pathlib
import queue
import socket
import threading

import grpc

from support.build import components, message
from support.seen import Seen

PACKAGE = "dapr.proto.components.v1"
OUTPUT = PACKAGE + ".OutputBinding"
INPUT = PACKAGE + ".InputBinding"
REFLECTION = "grpc.reflection.{}.ServerReflection"


class Refuse(Exception):
    """Raised by a script: the call ends with this status."""

    def __init__(self, code, text=""):
        super().__init__(text)
        self.code = grpc.StatusCode[code]
        self.text = text


@dataclasses.dataclass
class Call:
    """A call that came: Init, Invoke, ListOperations, Ping, Read, "reflection
    v1" and so on, or "half-close" of a reflection."""
    method: str
    instance: str  # x-component-instance; None: absent
    request: object
    metadata: list


class Stream:
    """An open Read, as the component sees it."""

    def __init__(self, context):
        self.context = context
        self.acks = Seen()
        self.closed = threading.Event()
        self.outbox = queue.Queue()
        self._numbers = iter(range(1, 1 << 30))
        if not context.add_callback(self._close):
            self._close()

    def _close(self):
        self.closed.set()
        self.outbox.put(None)

    def send(self, data=b"", metadata=None, content_type="", message_id=None):
        """Sends an event; its id is returned."""
        if message_id is None:
            message_id = str(next(self._numbers))
        self.outbox.put(components("ReadResponse")(
            data=data, metadata=metadata or {}, content_type=content_type,
            message_id=message_id))
        return message_id

    def finish(self, code=None, text=""):
        """Ends the stream, well or with a status."""
        self.outbox.put(Refuse(code, text) if code else None)

    def ack(self, message_id, timeout=5):
        """The ReadRequest that answers an event."""
        return self.acks.wait(1, timeout,
                              lambda ack: ack.message_id == message_id)[0]

    def read_acks(self, requests):
        try:
            for request in requests:
                self.acks.add(components("ReadRequest").FromString(request))
        except grpc.RpcError:
            pass


class Component(grpc.GenericRpcHandler):
    """A component on a socket file.

    output, input: the kinds that it serves. operations: of the output.
    invoke(call) -> bytes, a dict of InvokeResponse's fields, or Refuse raised.
    init(call) may raise Refuse too. Both may block, on `over` at the longest:
    it is set when the component stops.
    reflection: the versions served ("v1alpha", "v1"); services: what they list
    instead of the truth; endless: they never end the stream after the answer;
    silent: they never answer.
    """

    def __init__(self, path, output=True, input=False, operations=("create",),
                 invoke=lambda call: call.request.data, init=lambda call: None,
                 reflection=("v1alpha",), services=None, endless=False,
                 silent=False):
        self.path = pathlib.Path(path)
        self.kinds = [name for name, there in ((OUTPUT, output), (INPUT, input))
                      if there]
        self.operations = operations
        self.invoke = invoke
        self.init = init
        self.reflection = reflection
        self.services = services
        self.endless = endless
        self.silent = silent
        self.calls = Seen()
        self.streams = Seen()
        self.server = None
        self.over = threading.Event()
        self.start()

    def start(self):
        self.over.clear()
        self.server = grpc.server(
            concurrent.futures.ThreadPoolExecutor(32),
            handlers=[self],
            options=[("grpc.max_receive_message_length", -1)])
        if self.server.add_insecure_port(f"unix:{self.path}") == 0:
            raise OSError(f"cannot listen on {self.path}")
        self.server.start()
        return self

    def stop(self):
        """Ends all calls and removes the socket."""
        if self.server is not None:
            self.over.set()
            self.server.stop(0).wait(5)
            self.server = None
        self.path.unlink(missing_ok=True)

    end = stop

    def die(self):
        """Ends as a killed process does: the very file stays."""
        kept = self.path.parent.parent / (self.path.name + ".kept")
        kept.hardlink_to(self.path)
        self.stop()
        kept.rename(self.path)

    def called(self, method, count=1, timeout=5):
        """The first calls of one method."""
        return self.calls.wait(count, timeout,
                               lambda call: call.method == method)

    def stream(self, number=1, timeout=5):
        """The first, second, ... Read that was opened."""
        return self.streams.wait(number, timeout)[number - 1]

    # ---- the services --------------------------------------------------------

    def service(self, details):
        name, method = details.method[1:].split("/")
        for version in self.reflection:
            if name == REFLECTION.format(version):
                return self._streaming(
                    lambda requests, context: self._reflect(
                        version, requests, context))
        if name not in self.kinds:
            return None
        if method == "Read":
            return self._streaming(self._read)
        serve = {"Init": self._init, "Invoke": self._invoke, "Ping": self._ping,
                 "ListOperations": self._list_operations}.get(method)
        if serve is None:
            return None
        kind = name.rpartition(".")[2]
        request_type = components(
            (kind if method == "Init" else "") + method + "Request")
        return grpc.unary_unary_rpc_method_handler(
            lambda request, context: self._unary(
                serve, kind, self._note(method, request, context), context),
            request_type.FromString, lambda reply: reply.SerializeToString())

    @staticmethod
    def _streaming(serve):
        return grpc.stream_stream_rpc_method_handler(serve)

    def _note(self, method, request, context):
        metadata = list(context.invocation_metadata())
        instance = dict(metadata).get("x-component-instance")
        call = Call(method, instance, request, metadata)
        self.calls.add(call)
        return call

    @staticmethod
    def _unary(serve, kind, call, context):
        try:
            return serve(kind, call)
        except Refuse as refuse:
            return context.abort(refuse.code, refuse.text)

    def _init(self, kind, call):
        self.init(call)
        return components(kind + "InitResponse")()

    def _ping(self, kind, call):
        return components("PingResponse")()

    def _list_operations(self, kind, call):
        return components("ListOperationsResponse")(operations=self.operations)

    def _invoke(self, kind, call):
        reply = self.invoke(call)
        if not isinstance(reply, dict):
            reply = {"data": reply}
        return components("InvokeResponse")(**reply)

    def _read(self, requests, context):
        self._note("Read", None, context)
        stream = Stream(context)
        threading.Thread(target=stream.read_acks, args=(requests,),
                         daemon=True).start()
        self.streams.add(stream)
        while (event := stream.outbox.get()) is not None:
            if isinstance(event, Refuse):
                context.abort(event.code, event.text)
            yield event.SerializeToString()

    def _reflect(self, version, requests, context):
        package = f"grpc.reflection.{version}."
        names = self.services
        if names is None:
            names = [REFLECTION.format(version), *self.kinds]
        for data in requests:
            request = message(package + "ServerReflectionRequest").FromString(
                data)
            self._note("reflection " + version, request, context)
            if self.silent:
                self.over.wait(60)
            reply = message(package + "ServerReflectionResponse")()
            reply.list_services_response.SetInParent()
            for name in names:
                reply.list_services_response.service.add(name=name)
            yield reply.SerializeToString()
        self._note("half-close", None, context)
        if self.endless:
            self.over.wait(60)


# ---- what is no component ----------------------------------------------------


def stale(path):
    """A socket's file that nobody listens on any more."""
    with socket.socket(socket.AF_UNIX) as left_over:
        left_over.bind(str(path))


class Listener:
    """Accepts connections and says `greeting` to each, nothing more. Without
    a greeting it is mute."""

    def __init__(self, path, greeting=b""):
        self.path = pathlib.Path(path)
        self.greeting = greeting
        self.accepted = Seen()
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(str(path))
        self.socket.listen(16)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        try:
            while True:
                connection, _ = self.socket.accept()
                if self.greeting:
                    connection.sendall(self.greeting)
                self.accepted.add(connection)
        except OSError:
            pass

    def end(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        for connection in self.accepted.all():
            connection.close()
        self.path.unlink(missing_ok=True)


def mute(path):
    return Listener(path)


def http1(path):
    """Speaks HTTP/1.1, as a server that does not know HTTP/2 would."""
    return Listener(path, b"HTTP/1.1 400 Bad Request\r\n"
                          b"Content-Length: 0\r\nConnection: close\r\n\r\n")
