# SPDX-License-Identifier: Apache-2.0
"""An HTTP app that answers as a test says and remembers what it saw."""
import dataclasses
import http.server
import socket
import threading

from support import build
from support.seen import Seen


@dataclasses.dataclass
class Request:
    method: str
    path: str
    headers: dict  # names in lower case
    body: bytes
    connection: int  # which of the app's connections it came on, from 1


class Hang(Exception):
    """Raised by an answer: nothing is sent until the app ends."""


class Cut(Exception):
    """Raised by an answer: the connection is closed without one."""


class App:
    """Serves 127.0.0.1:port.

    routes: "METHOD /path" -> a status, (status, body), (status, body, headers),
    a function of the request that returns one of these or raises Hang or Cut,
    or a list of all these, of which the last one repeats. What has no route is
    answered 404. start=False: nothing listens yet.
    """

    def __init__(self, routes=None, port=None, start=True):
        self.routes = routes or {}
        self.port = port or build.free_ports(1)[0]
        self.requests = Seen()
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._turns = {}
        self._connections = []
        self._count = 0
        self.server = None
        if start:
            self.start()

    def start(self):
        app = self

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

        class Handler(_Handler):
            owner = app

        self._over.clear()
        self.server = Server(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self.server.serve_forever,
                         kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def stop(self):
        """Listens no more; open connections are cut."""
        if self.server is not None:
            self._over.set()
            self.server.shutdown()
            self.server.server_close()
            self.server = None
        self.close_connections()

    end = stop

    def close_connections(self):
        """Cuts those that are open, as a server does with idle ones."""
        with self._lock:
            connections, self._connections = self._connections, []
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def seen(self, method, path, count=1, timeout=5):
        """The first requests of one route."""
        return self.requests.wait(count, timeout, lambda request: (
            request.method, request.path) == (method, path))

    def opened(self, connection):
        with self._lock:
            self._connections.append(connection)
            self._count += 1
            return self._count

    def answer(self, request):
        """(status, body, headers) for a request; may raise Hang or Cut."""
        key = f"{request.method} {request.path}"
        answer = self.routes.get(key, 404)
        if isinstance(answer, list):
            with self._lock:
                turn = self._turns.get(key, 0)
                self._turns[key] = turn + 1
            answer = answer[min(turn, len(answer) - 1)]
        if callable(answer):
            answer = answer(request)
        given = (answer,) if isinstance(answer, int) else answer
        status, body, headers = given + (200, b"", {})[len(given):]
        return status, body.encode() if isinstance(body, str) else body, headers

    def hang(self):
        self._over.wait(60)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner = None

    def setup(self):
        super().setup()
        self.number = self.owner.opened(self.connection)

    def do(self):
        size = int(self.headers.get("content-length") or 0)
        request = Request(self.command, self.path,
                          {name.lower(): value
                           for name, value in self.headers.items()},
                          self.rfile.read(size), self.number)
        self.owner.requests.add(request)
        try:
            self.reply(*self.owner.answer(request))
        except Hang:
            self.owner.hang()
            self.close_connection = True
        except Cut:
            self.close_connection = True

    def reply(self, status, body, headers):
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def handle(self):
        try:
            super().handle()
        except OSError:  # the other side has gone
            pass

    def log_message(self, *_):
        pass

    do_GET = do_POST = do_PUT = do_DELETE = do_OPTIONS = do_HEAD = do
