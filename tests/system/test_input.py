# SPDX-License-Identifier: Apache-2.0
"""Input bindings: events reach the app, verdicts reach the component, whatever
the app, the component or a signal does meanwhile."""
import os
import signal
import sys
import threading
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import case
from support.scripted_app import Cut

WANTED = {"OPTIONS /ticks": 200}


class Input(case.TestCase):
    def start(self, routes=None, app=None, metadata=None, **flags):
        self.source = self.component("source.sock", output=False, input=True)
        self.shop = app or self.app({**WANTED, **(routes or {})})
        self.cdaprd = self.sidecar(
            case.resource("ticks", "bindings.source", metadata),
            app_port=self.shop.port, flags=flags)
        return self.cdaprd

    def check_taken(self, ack, data=b""):
        self.assertFalse(ack.HasField("response_error"), ack)
        self.assertEqual(ack.response_data, data)

    def check_refused(self, ack, why):
        self.assertTrue(ack.HasField("response_error"), ack)
        self.assertRegex(ack.response_error.message, why)

    def test_event_and_verdicts(self):
        self.start({"POST /ticks": [(200, "thanks"), (201, ""), (500, "no"),
                                    (404, "where"), (302, "")]})
        stream = self.source.stream()
        ids = [stream.send(b"one", {"Color": "red", "content-type": "x"},
                           "text/plain", "id-1")]
        self.check_taken(stream.ack("id-1"), b"thanks")
        request = self.shop.seen("POST", "/ticks")[0]
        self.assertEqual(request.body, b"one")
        self.assertEqual(request.headers["color"], "red")
        self.assertEqual(request.headers["content-type"], "application/json")
        self.check_taken(stream.ack(stream.send(b"two")))
        for status in (500, 404, 302):
            self.check_refused(
                stream.ack(stream.send(b"x")),
                "^fails to send binding event to http app channel, status "
                f"code: {status} body: ")
        self.check_taken_after(stream, ids)

    def check_taken_after(self, stream, ids):
        """No event has two verdicts."""
        acks = [ack.message_id for ack in stream.acks.all()]
        self.assertEqual(len(acks), len(set(acks)))
        self.assertLessEqual(set(ids), set(acks))

    def test_events_without_an_id(self):
        self.start({"POST /ticks": 200})
        stream = self.source.stream()
        stream.send(b"x", message_id="")
        self.check_taken(stream.ack(""))

    def test_an_app_that_does_not_want_them(self):
        self.start({"OPTIONS /ticks": 404})
        self.cdaprd.wait_for_log("^app has not subscribed to binding ticks.$")
        self.cdaprd.wait_ready()
        self.assertEqual(self.source.streams.all(), [])

    def test_direction_and_route(self):
        self.start({"POST /in/here?a=b": 200},
                   metadata={"direction": "Input",
                             "route": "in//x/../here?a=b"})
        stream = self.source.stream()
        self.check_taken(stream.ack(stream.send(b"x")))
        self.assertEqual(self.shop.requests.all(
            lambda request: request.method == "OPTIONS"), [])

    def test_an_app_that_comes_late(self):
        app = self.app({**WANTED, "POST /ticks": 200}, start=False)
        self.start(app=app)
        self.cdaprd.wait_for_log("waiting on port")
        self.assertEqual(self.cdaprd.http("GET", "/v1.0/healthz").status, 500)
        self.assertEqual(
            self.cdaprd.http("GET", "/v1.0/healthz/outbound").status, 204)
        app.start()
        self.cdaprd.wait_ready()
        stream = self.source.stream()
        self.check_taken(stream.ack(stream.send(b"x")))

    def test_an_app_that_is_gone_and_comes_back(self):
        self.start({"POST /ticks": 200})
        stream = self.source.stream()
        self.check_taken(stream.ack(stream.send(b"x")))
        self.shop.stop()
        self.check_refused(stream.ack(stream.send(b"x")),
                           "^error invoking app: Post .*connection refused")
        self.shop.start()
        self.check_taken(stream.ack(stream.send(b"x")))

    def test_an_app_that_cuts_its_answers(self):
        """On a kept connection once may be chance: it is sent once more."""
        def cut(request):
            raise Cut()
        self.start({"POST /ticks": [cut, cut, 200]})
        stream = self.source.stream()
        self.check_refused(stream.ack(stream.send(b"x")),
                           "^error invoking app: Post ")
        self.check_taken(stream.ack(stream.send(b"x")))

    def test_kept_connections_that_the_app_closes(self):
        self.start({"POST /ticks": 200})
        stream = self.source.stream()
        for _ in range(20):
            self.check_taken(stream.ack(stream.send(b"x")))
            self.shop.close_connections()

    def test_a_slow_event_does_not_hold_others(self):
        go = threading.Event()
        self.addCleanup(go.set)

        def answer(request):
            if request.body == b"slow":
                go.wait(10)
            return 200
        self.start({"POST /ticks": answer})
        stream = self.source.stream()
        slow = stream.send(b"slow")
        for _ in range(10):
            self.check_taken(stream.ack(stream.send(b"x")))
        go.set()
        self.check_taken(stream.ack(slow))

    def test_max_concurrency(self):
        most, now, lock = [0], [0], threading.Lock()
        full, go = threading.Event(), threading.Event()
        self.addCleanup(go.set)

        def answer(request):
            with lock:
                now[0] += 1
                most[0] = max(most[0], now[0])
                if now[0] == 2:
                    full.set()
            go.wait(10)
            with lock:
                now[0] -= 1
            return 200
        self.start({"POST /ticks": answer}, **{"app-max-concurrency": 2})
        stream = self.source.stream()
        ids = [stream.send(b"x") for _ in range(10)]
        self.assertTrue(full.wait(5))
        go.set()
        for one in ids:
            self.check_taken(stream.ack(one))
        self.assertEqual(most[0], 2)

    def test_a_stream_that_ends_is_opened_again(self):
        self.start({"POST /ticks": 200})
        self.source.stream().finish("INTERNAL", "broken")
        self.cdaprd.wait_for_log("the event stream of input binding ticks "
                                 "ended: rpc error: code = Internal desc = "
                                 "broken; it is opened again")
        stream = self.source.stream(2)
        self.check_taken(stream.ack(stream.send(b"x")))

    def test_a_component_that_dies_with_events_under_way(self):
        inside, go = threading.Event(), threading.Event()
        self.addCleanup(go.set)

        def answer(request):
            inside.set()
            go.wait(10)
            return 200
        self.start({"POST /ticks": [answer, 200]})
        self.source.stream().send(b"first", message_id="m1")
        self.assertTrue(inside.wait(5))
        self.source.die()
        self.cdaprd.wait_for_log("lost the component at ")
        self.source.path.unlink()
        self.source.start()
        stream = self.source.stream(2)
        go.set()  # this verdict reaches nobody: it is delivered again
        stream.send(b"again", message_id="m1")
        self.check_taken(stream.ack("m1"))
        self.assertEqual([request.body for request in
                          self.shop.seen("POST", "/ticks", 2)],
                         [b"first", b"again"])
        self.assertEqual(len(stream.acks.all()), 1)

    def test_a_signal_with_events_under_way(self):
        inside, go = threading.Event(), threading.Event()
        self.addCleanup(go.set)

        def answer(request):
            inside.set()
            go.wait(10)
            return (200, "done")
        self.start({"POST /ticks": answer})
        stream = self.source.stream()
        stream.send(b"x", message_id="m1")
        self.assertTrue(inside.wait(5))
        self.cdaprd.process.send_signal(signal.SIGTERM)
        self.cdaprd.wait_for_log("Dapr is shutting down")
        stream.send(b"too late", message_id="m2")
        self.check_refused(stream.ack("m2"), "^input binding is closed$")
        go.set()
        self.check_taken(stream.ack("m1"), b"done")
        self.assertTrue(stream.closed.wait(5))
        self.assertEqual(self.cdaprd.wait(), 0)

    def test_a_thousand_events(self):
        self.start({"POST /ticks": 200})
        stream = self.source.stream()
        ids = [stream.send(b"%d" % n) for n in range(1000)]
        for one in ids:
            self.check_taken(stream.ack(one, 20))
        self.assertEqual(sorted(int(request.body) for request in
                                self.shop.seen("POST", "/ticks", 1000)),
                         list(range(1000)))

    def test_without_an_app_nothing_is_read(self):
        self.component("source.sock", output=False, input=True)
        sidecar = self.sidecar(case.resource("ticks", "bindings.source"))
        sidecar.wait_for_log("^App channel is not initialized")
        sidecar.wait_ready()


if __name__ == "__main__":
    unittest.main()
