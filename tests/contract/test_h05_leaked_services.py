# SPDX-License-Identifier: Apache-2.0
"""H05: .NET's SDK lists the services of all its sockets on each of them. What
is listed but not served harms nobody who does not use it."""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import case  # noqa: E402
from support.scripted_component import INPUT, OUTPUT  # noqa: E402

LEAKED = [OUTPUT, INPUT, "dapr.proto.components.v1.StateStore",
          "grpc.reflection.v1alpha.ServerReflection"]


class LeakedServices(case.TestCase):
    def setUp(self):
        super().setUp()
        self.out = self.component("out.sock", services=LEAKED)
        self.inp = self.component("in.sock", output=False, input=True,
                                  services=LEAKED)

    def test_unused_ones_harm_nobody(self):
        app = self.app({"POST /events": 200})
        sidecar = self.sidecar(
            case.resource("sink", "bindings.out", {"direction": "output"}),
            case.resource("events", "bindings.in", {"direction": "input"}),
            app_port=app.port)
        sidecar.wait_ready()
        self.assertEqual(sidecar.invoke("sink", data="x").status, 200)
        stream = self.inp.stream()
        ack = stream.ack(stream.send(b"an event"))
        self.assertFalse(ack.HasField("response_error"))
        self.assertEqual(app.seen("POST", "/events")[0].body, b"an event")
        for component, kind in ((self.out, OUTPUT), (self.inp, INPUT)):
            init = component.called("Init")
            self.assertIn(kind.rpartition(".")[2],
                          type(init[0].request).__name__)

    def test_use_of_one_fails_with_a_reason(self):
        sidecar = self.sidecar(
            case.resource("wrong", "bindings.in", {"direction": "output"}),
            case.resource("sink", "bindings.out", {"direction": "output"}))
        sidecar.wait_ready()
        line = sidecar.wait_for_log("Failed to init component wrong")
        self.assertEqual(line.level, "error")
        self.assertRegex(line.msg, "Unimplemented")
        self.assertEqual(sidecar.invoke("wrong", data="x").status, 500)
        self.assertEqual(sidecar.invoke("sink", data="x").status, 200)


if __name__ == "__main__":
    unittest.main()
