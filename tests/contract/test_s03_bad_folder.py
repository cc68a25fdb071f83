# SPDX-License-Identifier: Apache-2.0
"""S03: a missing folder is made; one that cannot be used, or a path that does
not fit a socket, is refused at once with a reason."""
import os
import pathlib
import stat
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support.sdk_case import SdkCase, VARIABLES  # noqa: E402

PATH_MAX = 107  # sun_path without its NUL


class BadFolder(SdkCase):
    def test_missing_one_is_made_for_all_users(self):
        folder = self.folder / "a" / "b"
        self.serve("01-hello-output", **{VARIABLES[0]: folder})
        self.client("hello", folder=folder).ping()
        self.assertEqual(stat.S_IMODE(folder.stat().st_mode), 0o1777)

    def test_existing_one_keeps_its_mode(self):
        self.sockets.mkdir(mode=0o750)
        self.serve("01-hello-output")
        self.assertEqual(stat.S_IMODE(self.sockets.stat().st_mode), 0o750)

    def test_a_file_is_no_folder(self):
        self.sockets.write_text("")
        self.refuse("01-hello-output", f"folder {self.sockets}: Not a dir")

    def test_a_folder_that_cannot_be_made(self):
        (self.folder / "file").write_text("")
        self.refuse("01-hello-output", "cannot (make|open) the sockets folder",
                    **{VARIABLES[0]: self.folder / "file" / "sockets"})

    def folder_for(self, name, size):
        """A folder in which the socket's path has that many bytes."""
        rest = size - len(f"{self.folder}//{name}.sock")
        return self.folder / ("x" * rest)

    def test_the_longest_path(self):
        folder = self.folder_for("hello", PATH_MAX)
        self.serve("01-hello-output", **{VARIABLES[0]: folder})
        self.client("hello", folder=folder).ping()

    def test_a_path_that_is_too_long(self):
        folder = self.folder_for("hello", PATH_MAX + 1)
        self.refuse("01-hello-output", "hello.sock is too long",
                    **{VARIABLES[0]: folder})
        self.assertEqual(os.listdir(folder), [])

    def test_odd_characters(self):
        folder = self.folder / "a %2F%25?b#c"
        process = self.serve("01-hello-output", **{VARIABLES[0]: folder})
        self.assertEqual(os.listdir(folder), ["hello.sock"])
        self.assertEqual(process.stop(), 0)
        self.assertEqual(os.listdir(folder), [])


if __name__ == "__main__":
    unittest.main()
