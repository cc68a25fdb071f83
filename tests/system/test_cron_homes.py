# SPDX-License-Identifier: Apache-2.0
"""The cron component in both its homes, the module in cdaprd and the program
behind a socket: the app sees no difference."""
import datetime
import pathlib
import re
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import build, case  # noqa: E402

TIME = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?:\.(\d{1,9}))? "
                  r"\+0000 UTC$")
SCHEDULES = {"often": "@every 100ms", "each-second": "* * * * * *"}
ROUTES = {f"{method} /{name}": 200 for method in ("OPTIONS", "POST")
          for name in SCHEDULES}


def seconds(request):
    """When a run says that it was."""
    day, fraction = TIME.match(request.headers["readtimeutc"]).groups()
    time = datetime.datetime.fromisoformat(day + "+00:00").timestamp()
    return time + float("0." + (fraction or "0"))


def shape(request):
    """What a run looks like, but for its time and place."""
    headers = {name: value for name, value in request.headers.items()
               if name not in ("host", "readtimeutc")}
    return request.method, request.path, headers, request.body


class CronHomes(case.TestCase):
    def start(self, home, *resources, **how):
        if home == "program":
            self.program("cron", env={"TZ": "Asia/Tokyo"})
            how["modules"] = self.folder  # none there
        sidecar = self.sidecar(*resources, env={"TZ": "Asia/Tokyo"}, **how)
        return sidecar.wait_ready()

    def runs(self, home):
        app = self.app(ROUTES)
        sidecar = self.start(home, *(
            case.resource(name, "bindings.cron", {"schedule": schedule})
            for name, schedule in SCHEDULES.items()), app_port=app.port)
        often = app.seen("POST", "/often", 8)
        each = app.seen("POST", "/each-second", 2)
        self.assertEqual(sidecar.stop(), 0)
        return often, each

    def check_runs(self, home):
        """What runs look like in that home, in a folder of their own."""
        self.folder = self.folder / home
        self.sockets = self.folder / "sockets"
        self.sockets.mkdir(parents=True)
        often, each = self.runs(home)
        times = sorted(map(seconds, often))
        for earlier, later in zip(times, times[1:]):
            self.assertGreater(later - earlier, 0.02)
        self.assertLess(times[-1] - times[0], 3)
        for one in each:  # on the second, give or take a busy machine
            self.assertLess(seconds(one) % 1, 0.5)
        self.assertTrue(all(one.headers["timezone"] == "Asia/Tokyo"
                            for one in often + each))
        return sorted({repr(shape(one)) for one in often + each})

    def test_runs_are_the_same(self):
        in_module = self.check_runs("module")
        self.assertEqual(len(in_module), 2)
        self.assertEqual(self.check_runs("program"), in_module)

    def check_refused(self, home):
        sidecar = self.start(
            home, case.resource("bad", "bindings.cron", {"schedule": "x"}),
            case.resource("none", "bindings.cron"))
        return [sidecar.wait_for_log(f"Failed to init component {name} ").msg
                for name in ("bad", "none")]

    def test_errors_in_a_module(self):
        bad, none = self.check_refused("module")
        self.assertIn("invalid schedule format 'x': expected 5 to 6 fields, "
                      "found 1: [x]", bad)
        self.assertIn("schedule not set", none)

    def test_errors_of_a_program(self):
        bad, none = self.check_refused("program")
        self.assertIn("invalid schedule format 'x': expected 5 to 6 fields, "
                      "found 1: [x]", bad)
        self.assertIn("schedule not set", none)


if __name__ == "__main__":
    unittest.main()
