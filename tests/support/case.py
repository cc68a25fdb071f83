# SPDX-License-Identifier: Apache-2.0
"""A test with a folder of its own and peers that end with it."""
import json
import pathlib
import tempfile
import time
import unittest

from support import build
from support.process import Process
from support.scripted_app import App
from support.scripted_component import Component
from support.sidecar import Sidecar


def resource(name, kind, metadata=None, **spec):
    """The YAML of a Component resource. Its errors are not fatal, unless the
    rest of its spec says so."""
    return json.dumps({
        "apiVersion": "dapr.io/v1alpha1", "kind": "Component",
        "metadata": {"name": name},
        "spec": {"type": kind, "version": "v1", "ignoreErrors": True,
                 "metadata": [{"name": key, "value": value}
                              for key, value in (metadata or {}).items()],
                 **spec}})


class TestCase(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="cdapr-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.sockets = self.folder / "sockets"
        self.sockets.mkdir()

    def use(self, peer):
        """Ends a peer after the test, the last one first."""
        self.addCleanup(peer.end)
        return peer

    def component(self, file, **script):
        """A scripted component on a file of the sockets folder."""
        return self.use(Component(self.sockets / file, **script))

    def app(self, routes=None, **how):
        return self.use(App(routes, **how))

    def sidecar(self, *resources, **how):
        """A cdaprd with these resources, each a YAML text."""
        files = {f"{number}.yaml": text
                 for number, text in enumerate(resources)}
        return self.use(Sidecar(self.folder, files, **how))

    def program(self, name, env=None):
        """A component's program, serving when this returns."""
        process = self.use(Process(
            [build.program(name)], self.folder,
            {"DAPR_COMPONENTS_SOCKETS_FOLDER": self.sockets, **(env or {})}))
        deadline = time.monotonic() + 5
        while not (self.sockets / f"{name}.sock").is_socket():
            if time.monotonic() > deadline:
                raise process.complain("no socket within 5 s")
            time.sleep(0.01)
        return process
