# SPDX-License-Identifier: Apache-2.0
"""H06: a socket that appears late is attached; a component that restarts is
initialised again."""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import case, scripted_component  # noqa: E402


class LateSockets(case.TestCase):
    def check_works(self, sidecar, data="x"):
        answer = sidecar.invoke("echo", data=data)
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual(answer.json(), data)

    def test_within_the_time_for_init(self):
        sidecar = self.sidecar(case.resource("echo", "bindings.echo",
                                             initTimeout="20s"))
        sidecar.wait_for_log("app id: test")
        self.component("echo.sock")
        sidecar.wait_ready()
        self.check_works(sidecar)
        self.assertEqual(sidecar.logged("Failed to init"), [])

    def test_after_the_time_for_init(self):
        sidecar = self.sidecar(case.resource("echo", "bindings.echo",
                                             initTimeout="100ms"))
        sidecar.wait_for_log("Failed to init component echo ")
        sidecar.wait_ready()
        self.assertEqual(sidecar.invoke("echo", data="x").status, 500)
        self.component("echo.sock")
        sidecar.wait_for_log("Component loaded: echo ")
        self.check_works(sidecar)

    def test_in_a_folder_that_appears_late(self):
        self.sockets.rmdir()
        sidecar = self.sidecar(case.resource("echo", "bindings.echo",
                                             initTimeout="20s"))
        sidecar.wait_for_log("app id: test")
        self.sockets.mkdir()
        self.component("echo.sock")
        sidecar.wait_ready()
        self.check_works(sidecar)

    def restart(self, end):
        component = self.component("echo.sock")
        sidecar = self.sidecar(case.resource("echo", "bindings.echo",
                                             {"color": "red"}))
        sidecar.wait_ready()
        self.check_works(sidecar)
        end(component)
        sidecar.wait_for_log(f"lost the component at {component.path}")
        answer = sidecar.invoke("echo", data="x")
        self.assertEqual(answer.status, 500)
        self.assertEqual(len(component.called("Init")), 1)
        component.path.unlink(missing_ok=True)
        component.start()
        sidecar.wait_for_log("Component attached again: echo ")
        self.check_works(sidecar, "again")
        for call in component.called("Init", 2):
            self.assertEqual(dict(call.request.metadata.properties),
                             {"color": "red"})

    def test_restart(self):
        self.restart(lambda component: component.stop())

    def test_restart_after_a_crash(self):
        self.restart(lambda component: component.die())

    def test_restart_of_an_input(self):
        """Its stream is opened again, after Init."""
        app = self.app({"POST /echo": 200, "OPTIONS /echo": 200})
        component = self.component("echo.sock", output=False, input=True)
        sidecar = self.sidecar(case.resource("echo", "bindings.echo"),
                               app_port=app.port)
        sidecar.wait_ready()
        first = component.stream()
        first.ack(first.send(b"1"))
        component.stop()
        component.start()
        second = component.stream(2)
        second.ack(second.send(b"2"))
        self.assertEqual([request.body for request
                          in app.seen("POST", "/echo", 2)], [b"1", b"2"])
        self.assertEqual([call.method for call in component.calls.all()
                          if call.method in ("Init", "Read")],
                         ["Init", "Read", "Init", "Read"])

    def test_replaced_in_place(self):
        """A new process takes the name while the old one still serves."""
        old = self.component("echo.sock", invoke=lambda call: b'"old"')
        sidecar = self.sidecar(case.resource("echo", "bindings.echo"))
        sidecar.wait_ready()
        self.assertEqual(sidecar.invoke("echo").json(), "old")
        new = self.use(scripted_component.Component(
            self.folder / "new.sock", invoke=lambda call: b'"new"'))
        new.path = new.path.rename(old.path)
        new.called("Init")
        sidecar.wait_for_log("Component attached again: echo ")
        self.assertEqual(sidecar.invoke("echo").json(), "new")


if __name__ == "__main__":
    unittest.main()
