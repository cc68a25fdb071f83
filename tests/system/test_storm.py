# SPDX-License-Identifier: Apache-2.0
"""A component that is killed and comes back, again and again, while calls and
events flow: each call is answered or fails with a reason, each event that the
app has not taken comes again, and the sidecar stays what it was."""
import concurrent.futures
import os
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import case

ROUNDS = 15
CALLERS = 6
EVENTS = 20  # of each round


def descriptors(process):
    return len(os.listdir(f"/proc/{process.pid}/fd"))


class Storm(case.TestCase):
    def call(self, over):
        """Calls until it is over; counts what was answered and what failed."""
        good = bad = 0
        while not over.is_set():
            answer = self.cdaprd.invoke("both", data="x")
            if answer.status == 200:
                self.assertEqual(answer.body, b'"x"')
                good += 1
            else:
                self.assertEqual(answer.status, 500)
                self.assertRegex(answer.json()["message"],
                                 "code = (Unavailable|Canceled) ")
                bad += 1
        return good, bad

    def test_restarts_under_load(self):
        app = self.app({"OPTIONS /both": 200, "POST /both": 200})
        both = self.component("both.sock", input=True)
        self.cdaprd = self.sidecar(case.resource("both", "bindings.both"),
                                   app_port=app.port).wait_ready()
        self.assertEqual(self.cdaprd.invoke("both", data="x").status, 200)
        both.stream()
        before = descriptors(self.cdaprd.process)
        over = threading.Event()
        self.addCleanup(over.set)
        with concurrent.futures.ThreadPoolExecutor(CALLERS) as pool:
            callers = [pool.submit(self.call, over) for _ in range(CALLERS)]
            for turn in range(1, ROUNDS + 1):
                stream = both.stream(turn)
                ids = [stream.send(b"%d" % turn) for _ in range(EVENTS)]
                stream.ack(ids[0])
                both.die()
                both.path.unlink()
                both.start()
            last = both.stream(ROUNDS + 1)
            self.assertEqual(last.ack(last.send(b"end")).response_data, b"")
            over.set()
            counts = [caller.result(20) for caller in callers]
        self.assertGreater(min(good for good, bad in counts), 0)
        self.assertGreater(sum(bad for good, bad in counts), 0)
        self.assertEqual(self.cdaprd.invoke("both", data="x").status, 200)
        lost = len(self.cdaprd.logged("^lost the component at "))
        again = len(self.cdaprd.logged("^Component attached again: "))
        self.assertGreaterEqual(lost, ROUNDS)
        self.assertLessEqual(again, lost)
        # What is kept open: the callers' connections, and those to the app.
        self.assertLessEqual(descriptors(self.cdaprd.process),
                             before + CALLERS + EVENTS + 2)
        self.assertEqual(self.cdaprd.stop(), 0)

    def test_many_resources_on_one_socket(self):
        box = self.component("box.sock")
        names = [f"box{number:03}" for number in range(100)]
        self.cdaprd = self.sidecar(*(case.resource(name, "bindings.box")
                                     for name in names)).wait_ready()
        for name in names:
            self.assertEqual(self.cdaprd.invoke(name, data=name).json(), name)
        self.assertEqual(sorted(call.instance
                                for call in box.called("Init", 100)), names)
        box.die()
        box.path.unlink()
        box.start()
        for name in names:
            self.wait_until_answered(name)

    def wait_until_answered(self, name):
        deadline = time.monotonic() + 10
        while (answer := self.cdaprd.invoke(name, data=name)).status != 200:
            self.assertLess(time.monotonic(), deadline, answer.body)
            time.sleep(0.01)
        self.assertEqual(answer.json(), name)


if __name__ == "__main__":
    unittest.main()
