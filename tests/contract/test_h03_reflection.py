# SPDX-License-Identifier: Apache-2.0
"""H03: reflection is asked as v1alpha, then as v1; a component with neither is
named in the log."""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import case  # noqa: E402


class Reflection(case.TestCase):
    def start(self, versions):
        component = self.component("echo.sock", reflection=versions)
        sidecar = self.sidecar(case.resource("echo", "bindings.echo",
                                             initTimeout="1s"))
        sidecar.wait_ready()
        return component, sidecar

    def check(self, versions, asked):
        component, sidecar = self.start(versions)
        self.assertEqual(sidecar.invoke("echo", data="x").status, 200)
        calls = component.calls.all(
            lambda call: call.method.startswith("reflection "))
        self.assertEqual([call.method for call in calls],
                         ["reflection " + asked])
        self.assertEqual(calls[0].request.list_services, "*")
        self.assertEqual(calls[0].request.host, "")
        self.assertIsNone(calls[0].instance)

    def test_v1alpha(self):
        self.check(["v1alpha"], "v1alpha")

    def test_v1(self):
        self.check(["v1"], "v1")

    def test_both(self):
        self.check(["v1alpha", "v1"], "v1alpha")

    def test_neither(self):
        component, sidecar = self.start([])
        line = sidecar.wait_for_log(
            f"could not use socket {component.path}: .*reflection")
        self.assertEqual(line.level, "warning")
        self.assertRegex(line.msg, "v1alpha.*v1")
        sidecar.wait_for_log("Failed to init component echo")
        self.assertEqual(component.calls.all(), [])


if __name__ == "__main__":
    unittest.main()
