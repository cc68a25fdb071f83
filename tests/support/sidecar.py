# SPDX-License-Identifier: Apache-2.0
"""cdaprd under test, with its flags, files and environment."""
import dataclasses
import http.client
import json
import time

from support import build
from support.process import Process


@dataclasses.dataclass
class Response:
    status: int
    headers: dict  # names in lower case
    body: bytes

    def json(self):
        return json.loads(self.body)


class Sidecar(Process):
    """A running cdaprd.

    resources: file name -> YAML. flags: name without dashes -> value; None
    leaves a default away, True is a flag without a value. sockets: the sockets
    folder, given by DAPR_COMPONENTS_SOCKETS_FOLDER unless env says otherwise.
    modules: where modules are. prefix: a command that runs it.
    """

    def __init__(self, folder, resources=None, flags=None, env=None,
                 app_port=None, modules=build.MODULES, prefix=()):
        self.resources = folder / "resources"
        self.resources.mkdir(exist_ok=True)
        for name, text in (resources or {}).items():
            (self.resources / name).write_text(text)
        ports = build.free_ports(4)
        self.http_port, self.grpc_port = ports[:2]
        names = ("dapr-http-port", "dapr-grpc-port", "dapr-internal-grpc-port",
                 "metrics-port")
        values = {"app-id": "test", **dict(zip(names, ports)),
                  "resources-path": self.resources, "log-level": "debug",
                  "dapr-graceful-shutdown-seconds": 3,
                  "components-lib": modules, "app-port": app_port,
                  **(flags or {})}
        super().__init__(
            [*prefix, build.CDAPRD] + [
                f"--{name}" if value is True else f"--{name}={value}"
                for name, value in values.items() if value is not None],
            folder, {"DAPR_COMPONENTS_SOCKETS_FOLDER": folder / "sockets",
                     **(env or {})})

    def http(self, method, path, body=None, headers=None, timeout=10):
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port,
                                                timeout=timeout)
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return Response(answer.status, {name.lower(): value for name, value
                                            in answer.getheaders()},
                            answer.read())
        finally:
            connection.close()

    def invoke(self, binding, operation="create", data=None, metadata=None,
               timeout=10):
        """POST /v1.0/bindings/NAME."""
        return self.http("POST", f"/v1.0/bindings/{binding}",
                         {"operation": operation, "data": data,
                          "metadata": metadata or {}}, timeout=timeout)

    def healthy(self):
        try:
            return self.http("GET", "/v1.0/healthz").status == 204
        except OSError:
            return False

    def wait_ready(self, timeout=10):
        deadline = time.monotonic() + timeout
        while not self.healthy():
            if self.process.poll() is not None:
                self.process.wait()
                raise self.complain("ended instead of being ready")
            if time.monotonic() > deadline:
                raise self.complain(f"not healthy within {timeout} s")
            time.sleep(0.01)
        return self
