# SPDX-License-Identifier: Apache-2.0
"""S01: where the sockets are: the default, each spelling of the environment, an
empty one, two that differ."""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support.sdk_case import SdkCase, VARIABLES  # noqa: E402

DEFAULT = pathlib.Path("/tmp/dapr-components-sockets")


class Folder(SdkCase):
    def test_default(self):
        if (DEFAULT / "hello.sock").exists():
            self.skipTest(f"{DEFAULT} is in use here")
        process = self.serve("01-hello-output", **{VARIABLES[0]: ""})
        self.client("hello", folder=DEFAULT).ping()
        process.wait_for_log("from the default")

    def test_each_spelling(self):
        for variable in VARIABLES:
            with self.subTest(variable):
                process = self.serve("01-hello-output",
                                     **{variable: self.sockets})
                self.client("hello").ping()
                process.wait_for_log(f"from {variable}")
                self.assertEqual(process.stop(), 0)

    def test_empty_is_unset(self):
        self.serve("01-hello-output",
                   **{VARIABLES[0]: "", VARIABLES[1]: self.sockets})
        self.client("hello").ping()

    def test_the_first_of_two_counts_with_a_warning(self):
        process = self.serve(
            "01-hello-output",
            **{VARIABLES[0]: self.sockets, VARIABLES[2]: "/elsewhere"})
        self.client("hello").ping()
        warning = process.wait_for_log("/elsewhere")
        self.assertEqual(warning.level, "warning")
        self.assertIn(VARIABLES[2], warning.msg)

    def test_two_that_agree_do_not_warn(self):
        process = self.serve("01-hello-output",
                             **dict.fromkeys(VARIABLES, self.sockets))
        self.assertNotIn("warning", [line.level for line in process.log.all()])


if __name__ == "__main__":
    unittest.main()
