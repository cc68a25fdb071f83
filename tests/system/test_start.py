# SPDX-License-Identifier: Apache-2.0
"""The sidecar's start: files that are no resources, components that fail, and
what each of them stops."""
import os
import pathlib
import socket
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import build, case
from support.scripted_app import Hang
from support.scripted_component import Listener, Refuse
from support.sidecar import Sidecar

GOOD = case.resource("good", "bindings.good", ignoreErrors=False)


class Start(case.TestCase):
    def start(self, files, **how):
        return self.use(Sidecar(self.folder, files, **how))

    def check_serves(self, sidecar, name="good"):
        sidecar.wait_ready()
        answer = sidecar.invoke(name, data="x")
        self.assertEqual((answer.status, answer.body), (200, b'"x"'))

    def check_ends(self, sidecar, fatal, code=1):
        self.assertEqual(sidecar.wait(), code)
        sidecar.wait_for_log(fatal)

    def test_files_that_are_no_resources(self):
        self.component("good.sock")
        sidecar = self.start({
            "broken.yaml": "apiVersion: dapr.io/v1alpha1\nkind: [\n",
            "binary.yaml": "\x00\x01\x02",
            "deep.yaml": "[" * 5000,
            "empty.yaml": "",
            "good.yaml": GOOD,
            "list.yaml": "- 1\n- 2\n",
            "notes.txt": "nothing",
            "other.yaml": "apiVersion: v1\nkind: ConfigMap\n"
                          "metadata: {name: x}\n",
        })
        self.check_serves(sidecar)
        for name in ("broken", "binary", "deep", "list"):
            lines = sidecar.logged(f"in .*/{name}.yaml")
            self.assertEqual(len(lines), 1, name)
            self.assertEqual(lines[0].level, "warning")
        self.assertRegex(sidecar.logged("broken.yaml")[0].msg, "line 3")
        for name in ("empty", "other"):
            self.assertEqual(sidecar.logged(f"{name}.yaml"), [])
        sidecar.wait_for_log("A non-YAML Component file notes.txt was detected")

    def test_a_folder_that_is_not_there(self):
        sidecar = self.start({}, flags={
            "resources-path": self.folder / "nowhere"})
        self.check_ends(sidecar, "^Fatal error from runtime: .*nowhere: no "
                                 "such file or directory$")

    def test_a_name_twice(self):
        sidecar = self.start({"a.yaml": GOOD, "b.yaml": GOOD})
        self.check_ends(sidecar, "^Fatal error from runtime: failed to load "
                                 "components: duplicate definition of "
                                 "Component name good")

    def test_a_type_that_nothing_provides(self):
        self.component("good.sock")
        sidecar = self.start({"a.yaml": GOOD, "b.yaml": case.resource(
            "gone", "bindings.gone", ignoreErrors=False,
            initTimeout="300ms")})
        self.check_ends(sidecar, "^Fatal error from runtime: failed to load "
                                 "components: process component gone error: .*"
                                 "couldn't find binding gone")
        sidecar.wait_for_log("^Shutting down component good ")

    def test_other_building_blocks_are_left_out(self):
        self.component("good.sock")
        sidecar = self.start({"a.yaml": GOOD, "b.yaml": case.resource(
            "store", "state.redis", ignoreErrors=False)})
        self.check_serves(sidecar)
        sidecar.wait_for_log("^component store .* is ignored")

    def test_a_type_of_no_building_block(self):
        sidecar = self.start({"a.yaml": case.resource(
            "odd", "sockets.plenty", ignoreErrors=False)})
        self.check_ends(sidecar, "^Fatal error from runtime: failed to load "
                                 "components: process component odd error: "
                                 "incorrect type sockets.plenty$")

    def test_init_that_fails(self):
        def fail(call):
            raise Refuse("INVALID_ARGUMENT", "no topic")
        self.component("bad.sock", init=fail)
        sidecar = self.start({"a.yaml": case.resource(
            "bad", "bindings.bad", ignoreErrors=False)})
        self.check_ends(sidecar, "^Fatal error from runtime: .*rpc error: code "
                                 "= InvalidArgument desc = no topic")

    def test_init_that_fails_is_tried_again(self):
        turns = []

        def fail_once(call):
            turns.append(call)
            if len(turns) == 1:
                raise Refuse("INTERNAL", "not yet")
        self.component("bad.sock", init=fail_once)
        self.component("good.sock")
        sidecar = self.start({"a.yaml": case.resource("bad", "bindings.bad"),
                              "b.yaml": GOOD})
        self.check_serves(sidecar)
        sidecar.wait_for_log("^Failed to init component bad .*not yet$")
        sidecar.wait_for_log("^Component loaded: bad ")
        self.check_serves(sidecar, "bad")

    def test_init_that_hangs(self):
        go = threading.Event()
        self.addCleanup(go.set)
        self.component("bad.sock", init=lambda call: go.wait(10))
        self.component("good.sock")
        sidecar = self.start({
            "a.yaml": case.resource("bad", "bindings.bad",
                                    initTimeout="200ms"), "b.yaml": GOOD})
        self.check_serves(sidecar)
        sidecar.wait_for_log("^Failed to init component bad .*init timeout for "
                             "component bad ")

    def test_a_component_that_dies_in_init(self):
        inside, over = threading.Event(), threading.Event()
        self.addCleanup(over.set)

        def die(call):
            if not inside.is_set():
                inside.set()
                over.wait(5)
        component = self.component("good.sock", init=die)
        sidecar = self.start({"a.yaml": GOOD})
        self.assertTrue(inside.wait(5))
        component.die()
        over.set()
        component.path.unlink()
        component.start()
        self.check_serves(sidecar)

    def test_a_signal_at_any_stage(self):
        """While sockets are probed, Init hangs, a name is not there, the app
        is waited for or asked: it ends at once, and well."""
        def hang(request):
            raise Hang()
        go = threading.Event()
        self.addCleanup(go.set)
        self.component("slow.sock", init=lambda call: go.wait(10))
        self.use(Listener(self.sockets / "mute.sock"))
        app = self.app({"OPTIONS /tick": hang}, start=False)
        tick = case.resource("tick", "bindings.cron", {"schedule": "@every 1s"})
        mute = case.resource("mute", "bindings.mute", initTimeout="9s")
        for files, sign in (
                ({"a.yaml": mute}, "Waiting for all outstanding"),
                ({"a.yaml": case.resource("slow", "bindings.slow",
                                          initTimeout="9s")}, "Waiting for"),
                ({"a.yaml": case.resource("gone", "bindings.gone",
                                          initTimeout="9s")}, "Waiting for"),
                ({"a.yaml": tick}, "Loading components"),
                ({"a.yaml": tick}, "waiting on port"),
                ({"a.yaml": tick}, "application discovered")):
            if sign == "application discovered":
                app.start()
            sidecar = self.start(files, app_port=app.port)
            sidecar.wait_for_log(sign)
            begin = time.monotonic()
            self.assertEqual(sidecar.stop(), 0)
            self.assertLess(time.monotonic() - begin, 2.5)
            sidecar.wait_for_log("Daprd shutdown gracefully")
            for file in self.folder.glob("resources/*"):
                file.unlink()

    def test_a_port_that_is_taken(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            sidecar = self.start({}, flags={"dapr-http-port": port})
            self.check_ends(sidecar, "^Fatal error from runtime: failed to "
                                     "start HTTP server")
            sidecar.wait_for_log(f"could not listen on 127.0.0.1 port {port} "
                                 ".*address already in use")

    def test_flags_that_are_wrong(self):
        for flags, code, text in (
                ({"no-such-flag": "x"}, 2, "unknown flag: --no-such-flag"),
                ({"app-id": None}, 1, "parameter app-id cannot be empty"),
                ({"dapr-http-port": "x"}, 1, "parsing \"x\": invalid syntax"),
                ({"app-protocol": "ftp"}, 1, "invalid value for "
                                             "'app-protocol': ftp")):
            sidecar = self.start({}, flags=flags)
            self.check_ends(sidecar, text, code)

    def test_modules_that_are_none(self):
        modules = self.folder / "modules"
        modules.mkdir()
        (modules / "text.so").write_text("not a library")
        cron = pathlib.Path(build.MODULES) / "cron.so"
        (modules / "other.so").write_bytes(cron.read_bytes())
        self.component("good.sock")
        sidecar = self.start(
            {"a.yaml": GOOD,
             "b.yaml": case.resource("text", "bindings.text",
                                     initTimeout="300ms"),
             "c.yaml": case.resource("other", "bindings.other",
                                     initTimeout="300ms"),
             "d.yaml": case.resource("up", "bindings.../modules/other",
                                     initTimeout="300ms")},
            modules=modules)
        self.check_serves(sidecar)
        sidecar.wait_for_log("could not load module .*/text.so: .*file too "
                             "short|invalid ELF header")
        sidecar.wait_for_log("could not load module .*/other.so: it registers "
                             "no component \"other\"")
        self.assertEqual(sidecar.invoke("up").status, 500)


if __name__ == "__main__":
    unittest.main()
