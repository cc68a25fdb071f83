# SPDX-License-Identifier: Apache-2.0
# timeout: 120
"""What `make install` puts below its prefix is enough: an author builds a
component against it, with no other file of ours, and cdaprd finds its own
modules."""
import os
import re
import subprocess
import sys
import unittest
import unittest.mock

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import build, case
from support.process import Process

# The programs that the README shows: an output binding "hello", and an input.
HELLO, TICKS = re.findall(r"```c\n(.*?)```", (
    build.ROOT / "README.md").read_text(), re.S)
SANITIZERS = {"__asan_init": "-fsanitize=address,undefined",
              "__tsan_init": "-fsanitize=thread"}


def run(*command, **how):
    done = subprocess.run([str(word) for word in command], text=True,
                          stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=60, **how)
    if done.returncode:
        raise AssertionError(f"{command}: {done.stdout}{done.stderr}")
    return done.stdout


def sanitizer(library):
    """The flags that a library was built with, if it was for a sanitizer."""
    symbols = run("nm", "-D", library)
    return [flag for symbol, flag in SANITIZERS.items() if symbol in symbols]


class Install(case.TestCase):
    def setUp(self):
        super().setUp()
        self.root = self.folder / "root"
        self.prefix = self.root / "opt/cdapr"
        self.make("install", "-o", "all")  # what is built as it is

    def make(self, *words):
        run("make", *words, f"BUILD={build.BUILD.relative_to(build.ROOT)}",
            f"DESTDIR={self.root}", "PREFIX=/opt/cdapr", cwd=build.ROOT)

    def compile(self, *how, text=HELLO):
        """Builds a program as its author would, elsewhere."""
        source = self.folder / "echo.c"
        source.write_text(text)
        flags = run("pkg-config", "--cflags", "--libs", *how, "dapr-components",
                    env={**os.environ, "PKG_CONFIG_SYSROOT_DIR": self.root,
                         "PKG_CONFIG_PATH": self.prefix / "lib/pkgconfig"})
        if "--static" in how:
            flags = flags.replace("-ldapr-components",
                                  "-l:libdapr-components.a")
        run("cc", source.name, "-o", "echo", *flags.split(),
            *sanitizer(self.prefix / "lib/libdapr-components.so"),
            cwd=self.folder)
        return self.folder / "echo"

    def check_example(self, program):
        component = self.use(Process(
            [program], self.folder,
            {"DAPR_COMPONENTS_SOCKETS_FOLDER": self.sockets,
             "LD_LIBRARY_PATH": self.prefix / "lib"}))
        component.wait_for_log(" serves ")
        with unittest.mock.patch.object(build, "CDAPRD",
                                        self.prefix / "bin/cdaprd"):
            sidecar = self.sidecar(case.resource("echo", "bindings.hello"),
                                   modules=None).wait_ready()
        self.assertEqual(sidecar.invoke("echo", data="x").body, b'"x"')

    def test_example_with_the_shared_library(self):
        program = self.compile()
        self.assertIn("libdapr-components.so.0", run("readelf", "-d", program))
        self.check_example(program)

    def test_example_with_the_static_library(self):
        program = self.compile("--static")
        self.assertNotIn("libdapr", run("readelf", "-d", program))
        self.check_example(program)

    def test_an_input_binding(self):
        program = self.compile(text=TICKS)
        component = self.use(Process(
            [program], self.folder,
            {"DAPR_COMPONENTS_SOCKETS_FOLDER": self.sockets,
             "LD_LIBRARY_PATH": self.prefix / "lib"}))
        app = self.app({"OPTIONS /clock": 200,
                        "POST /clock": (200, "thanks")})
        self.sidecar(case.resource("clock", "bindings.ticks"),
                     app_port=app.port)
        self.assertEqual(app.seen("POST", "/clock")[0].body, b"tick 1")
        component.wait_for_log("^tick 1: taken: thanks$")

    def test_cdaprd_finds_its_modules(self):
        app = self.app({"OPTIONS /tick": 200, "POST /tick": 200})
        with unittest.mock.patch.object(build, "CDAPRD",
                                        self.prefix / "bin/cdaprd"):
            self.sidecar(case.resource("tick", "bindings.cron",
                                       {"schedule": "@every 1s"}),
                         modules=None, app_port=app.port).wait_ready()
        app.seen("POST", "/tick", 1)

    def test_uninstall_leaves_nothing(self):
        other = self.prefix / "bin/other"
        other.touch()
        self.make("uninstall")
        left = [path for path in self.root.rglob("*") if not path.is_dir()]
        self.assertEqual(left, [other])


if __name__ == "__main__":
    unittest.main()
