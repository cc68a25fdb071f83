# SPDX-License-Identifier: Apache-2.0
"""Output bindings over HTTP: what reaches the component, what comes back, and
what is said of everything else."""
import concurrent.futures
import os
import signal
import sys
import threading
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import case
from support.scripted_component import Refuse

NO_TRACE = "00-" + "0" * 32 + "-" + "0" * 16 + "-00"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Output(case.TestCase):
    def start(self, **script):
        self.store = self.component("store.sock", **script)
        self.cdaprd = self.sidecar(case.resource("store", "bindings.store",
                                                 ignoreErrors=False))
        return self.cdaprd.wait_ready()

    def check_error(self, answer, status, code, message):
        self.assertEqual(answer.status, status, answer.body)
        self.assertEqual(answer.headers["content-type"], "application/json")
        self.assertEqual(answer.json()["errorCode"], code)
        self.assertRegex(answer.json()["message"], message)

    def check_refused(self, answer, message):
        self.check_error(answer, 500, "ERR_INVOKE_OUTPUT_BINDING",
                         "^error invoking output binding [^:]*: " + message)

    def check_serves(self):
        answer = self.cdaprd.invoke("store", data="well")
        self.assertEqual((answer.status, answer.body), (200, b'"well"'))

    def test_call_and_answer(self):
        self.start(operations=["create", "get"], invoke=lambda call: {
            "data": b"\x00\xff", "metadata": {"Key": "v", "b\nad": "x",
                                              "break": "a\r\nB: c"},
            "content_type": "text/plain"})
        answer = self.cdaprd.http(
            "PUT", "/v1.0//bindings/./store?x=1",
            b'{"DATA": {"b": 1.0, "a": "<"}, "operation": "get", '
            b'"metadata": {"k": "v"}} rest', {"traceparent": TRACE})
        self.assertEqual((answer.status, answer.body), (200, b"\x00\xff"))
        self.assertEqual(answer.headers["content-type"], "application/json")
        self.assertEqual(answer.headers["metadata.key"], "v")
        self.assertEqual(answer.headers["metadata.break"], "a  B: c")
        self.assertEqual(answer.headers["traceparent"], TRACE)
        self.assertNotIn("b", answer.headers)
        call = self.store.called("Invoke")[0]
        self.assertEqual(call.instance, "store")
        self.assertEqual(call.request.operation, "get")
        self.assertEqual(call.request.data, b'{"a":"\\u003c","b":1}')
        self.assertEqual(dict(call.request.metadata),
                         {"k": "v", "traceparent": TRACE})

    def test_names_are_unescaped(self):
        self.component("store.sock")
        sidecar = self.sidecar(case.resource("my/ store", "bindings.store"),
                               case.resource("a b", "bindings.store"))
        sidecar.wait_ready()
        self.assertEqual(sidecar.http("POST", "/v1.0/bindings/a%20b",
                                      '{"operation":"create"}').status, 200)
        self.assertEqual(sidecar.http("POST", "/v1.0/bindings/a+b",
                                      '{"operation":"create"}').status, 200)

    def test_what_is_refused(self):
        self.start(operations=["create", "list"])
        self.check_refused(self.cdaprd.invoke("store", ""),
                           "operation field is missing from request$")
        self.check_refused(self.cdaprd.invoke("other"),
                           "couldn't find output binding other$")
        self.check_refused(
            self.cdaprd.invoke("store", "drop"),
            "binding store does not support operation drop. supported "
            "operations:create list$")
        for method, path in (("GET", "/v1.0/bindings/store"),
                             ("POST", "/v1.0/bindings/"),
                             ("POST", "/v1.0/bindings/store/more"),
                             ("POST", "/v1.0/Bindings/store"),
                             ("POST", "/")):
            self.check_error(self.cdaprd.http(method, path), 404,
                             "ERR_DIRECT_INVOKE", "^failed getting app id")
        self.check_serves()

    def test_bodies_that_are_no_request(self):
        self.start()
        for body, why in ((b"", "EOF"), (b"{", "unexpected EOF"),
                          (b"[1]", "json: cannot unmarshal array"),
                          (b"\xff\xfe", "invalid character"),
                          (b'{"operation": "create", "data": ' + b"[" * 20000,
                           "invalid character .\\[. exceeded max depth"),
                          (b'{"operation":"create","data":"' + b"x" * (5 << 20),
                           "stream too large")):
            answer = self.cdaprd.http("POST", "/v1.0/bindings/store", body)
            self.check_error(answer, 400, "ERR_MALFORMED_REQUEST",
                             "^failed deserializing HTTP body: " + why)
        self.check_serves()

    def test_four_megabytes_both_ways(self):
        self.start()
        data = "x" * ((4 << 20) - 100)
        answer = self.cdaprd.invoke("store", data=data, timeout=30)
        self.assertEqual(answer.status, 200, answer.body[:200])
        self.assertEqual(answer.json(), data)

    def test_the_components_errors(self):
        def fail(call):
            raise Refuse("NOT_FOUND", 'no "row" <é>')
        self.start(invoke=fail)
        self.check_refused(self.cdaprd.invoke("store"),
                           'rpc error: code = NotFound desc = no "row" <é>$')

    def test_a_component_that_dies_in_a_call(self):
        inside = threading.Event()

        def hang(call):
            inside.set()
            call_over.wait(20)
            return b""
        call_over = threading.Event()
        self.addCleanup(call_over.set)
        self.start(invoke=hang)
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            answer = pool.submit(self.cdaprd.invoke, "store")
            self.assertTrue(inside.wait(5))
            threading.Thread(target=self.store.die).start()
            self.check_refused(answer.result(10),
                               "rpc error: code = Unavailable desc = ")
            call_over.set()
        self.cdaprd.wait_for_log("lost the component at ")
        self.check_refused(self.cdaprd.invoke("store"),
                           "rpc error: code = Unavailable desc = component "
                           "store does not answer")

    def test_calls_under_way_are_answered_at_the_end(self):
        inside, go = threading.Event(), threading.Event()

        def wait(call):
            inside.set()
            go.wait(10)
            return b"late"
        self.start(invoke=wait)
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            answer = pool.submit(self.cdaprd.invoke, "store")
            self.assertTrue(inside.wait(5))
            self.cdaprd.process.send_signal(signal.SIGTERM)
            self.cdaprd.wait_for_log("Dapr is shutting down")
            go.set()
            self.assertEqual(answer.result(10).body, b"late")
        self.assertEqual(self.cdaprd.wait(), 0)
        self.cdaprd.wait_for_log("Daprd shutdown gracefully")

    def test_a_call_that_never_ends_does_not_hold_the_end(self):
        inside, go = threading.Event(), threading.Event()
        self.addCleanup(go.set)

        def wait(call):
            inside.set()
            go.wait(20)
            return b""
        self.start(invoke=wait)
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            call = pool.submit(self.cdaprd.invoke, "store")
            self.assertTrue(inside.wait(5))
            self.cdaprd.process.send_signal(signal.SIGTERM)
            self.assertEqual(self.cdaprd.wait(), 1)
            self.cdaprd.wait_for_log("Graceful shutdown timeout exceeded")
            self.assertIsNotNone(call.exception(10))

    def test_many_callers(self):
        self.start()
        with concurrent.futures.ThreadPoolExecutor(64) as pool:
            answers = list(pool.map(
                lambda n: self.cdaprd.invoke("store", data=n), range(500)))
        self.assertEqual([answer.body for answer in answers],
                         [str(n).encode() for n in range(500)])

    def test_the_api_token(self):
        self.component("store.sock")
        self.cdaprd = self.sidecar(case.resource("store", "bindings.store"),
                                   env={"DAPR_API_TOKEN": "secret"})
        self.cdaprd.wait_ready()  # without a token: health needs none
        body = '{"operation":"create"}'
        for token in (None, "", "secre", "secret1", "Secret"):
            headers = {} if token is None else {"dapr-api-token": token}
            answer = self.cdaprd.http("POST", "/v1.0/bindings/store", body,
                                      headers)
            self.assertEqual((answer.status, answer.body),
                             (401, b"invalid api token\n"))
        self.assertEqual(self.cdaprd.http("GET", "/any").status, 401)
        answer = self.cdaprd.http("POST", "/v1.0/bindings/store", body,
                                  {"Dapr-Api-Token": "secret"})
        self.assertEqual(answer.status, 200)
        self.assertFalse([line for line in self.cdaprd.lines()
                          if "secret" in line])

    def test_health(self):
        self.start()
        for path in ("/v1.0/healthz", "/v1.0/healthz/outbound",
                     "/v1.0/healthz?appid=test"):
            self.assertEqual(self.cdaprd.http("GET", path).status, 204)
        self.check_error(self.cdaprd.http("GET", "/v1.0/healthz?appid=other"),
                         500, "ERR_HEALTH_APPID_NOT_MATCH", "does not match")


if __name__ == "__main__":
    unittest.main()
