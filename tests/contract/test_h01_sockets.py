# SPDX-License-Identifier: Apache-2.0
"""H01: which sockets are found, under which names, and what is passed over."""
import os
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import case, scripted_component  # noqa: E402

PLURAL = "DAPR_COMPONENTS_SOCKETS_FOLDER"
SINGULAR = "DAPR_COMPONENT_SOCKETS_FOLDER"
DEFAULT = pathlib.Path("/tmp/dapr-components-sockets")
REGISTERED = "pluggable component '{}' was successfully registered for '{}'"
NOT_USED = "could not use socket for file {}"


class Sockets(case.TestCase):
    def check_folder(self, folder, env):
        """A component in the folder is found with that environment."""
        name = f"h01-{os.getpid()}"
        component = self.use(scripted_component.Component(
            folder / f"{name}.sock"))
        sidecar = self.sidecar(case.resource("echo", f"bindings.{name}"),
                               env=env)
        sidecar.wait_for_log(REGISTERED.format(name, scripted_component.OUTPUT))
        sidecar.wait_ready()
        self.assertEqual(sidecar.invoke("echo", data="x").status, 200)
        self.assertEqual(component.called("Init")[0].instance, "echo")

    def other_folder(self):
        folder = self.folder / "other"
        folder.mkdir()
        return folder

    def test_folder_by_the_sidecars_variable(self):
        self.check_folder(self.other_folder(), {
            PLURAL: self.folder / "other", SINGULAR: self.folder / "none"})

    def test_folder_by_the_injectors_variable(self):
        self.check_folder(self.other_folder(), {
            PLURAL: None, SINGULAR: self.folder / "other"})

    def test_empty_variable_counts_as_none(self):
        self.check_folder(self.other_folder(), {
            PLURAL: "", SINGULAR: self.folder / "other"})

    def test_default_folder(self):
        DEFAULT.mkdir(exist_ok=True)  # it stays: others may use it by now
        self.check_folder(DEFAULT, {PLURAL: None, SINGULAR: None})

    def test_missing_folder_is_no_harm(self):
        sidecar = self.sidecar(env={PLURAL: self.folder / "missing"})
        sidecar.wait_ready()
        self.assertEqual(sidecar.logged("could not"), [])

    def test_file_names(self):
        """The last extension goes, whatever it is; the type is lower case."""
        files = {"plain": "plain", "odd.ext": "odd", "a.b.sock": "a.b",
                 "Upper.sock": "upper"}
        for file in files:
            self.component(file)
        sidecar = self.sidecar(*(
            case.resource(f"use-{number}", f"bindings.{name}")
            for number, name in enumerate(files.values())))
        sidecar.wait_ready()
        for number, (file, name) in enumerate(files.items()):
            shown = file.rpartition(".")[0] or file
            sidecar.wait_for_log(
                REGISTERED.format(shown, scripted_component.OUTPUT))
            sidecar.wait_for_log(f"Component loaded: use-{number} "
                                 rf"\(bindings.{name}/v1\)")
            self.assertEqual(
                sidecar.invoke(f"use-{number}", data="x").status, 200)

    def test_what_is_no_socket(self):
        (self.sockets / "folder").mkdir()
        inside = self.use(scripted_component.Component(
            self.sockets / "folder" / "inside.sock"))
        (self.sockets / "file.sock").write_text("no socket")
        (self.sockets / "link.sock").symlink_to(inside.path)
        self.component("good.sock")
        sidecar = self.sidecar(case.resource("good", "bindings.good"))
        sidecar.wait_ready()
        sidecar.wait_for_log("Component loaded: good ")
        for file in ("file.sock", "link.sock"):
            lines = sidecar.logged(NOT_USED.format(self.sockets / file))
            self.assertEqual([line.level for line in lines], ["warning"])
        self.assertEqual(len(sidecar.logged("could not use socket")), 2)
        self.assertEqual(inside.calls.all(), [])


if __name__ == "__main__":
    unittest.main()
