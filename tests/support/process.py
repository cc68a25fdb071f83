# SPDX-License-Identifier: Apache-2.0
"""A program under test: its output read line by line, and ended for sure."""
import dataclasses
import json
import os
import re
import signal
import subprocess
import threading

from support.seen import Seen

# What a sanitizer, or the kernel, says when something is wrong.
ALARMS = re.compile(r"(Address|Leak|Thread|Memory|UndefinedBehavior)Sanitizer"
                    r"|runtime error:|Assertion .* failed")
FIELD = re.compile(r'(\w+)=(?:"((?:[^"\\]|\\.)*)"|(\S*))')


@dataclasses.dataclass
class Line:
    """One line of the log. `fields` holds all of it."""
    text: str
    level: str = ""
    msg: str = ""
    scope: str = ""
    fields: dict = dataclasses.field(default_factory=dict)


def unquote(text):
    try:
        return json.loads(f'"{text}"')
    except ValueError:  # Go quotes odd bytes in ways of its own
        return text


def parse_line(text):
    """A line in Dapr's log format, text or JSON; any other is kept whole."""
    try:
        fields = json.loads(text) if text.startswith("{") else {}
    except ValueError:
        fields = {}
    fields = fields or {name: unquote(quoted) if quoted else bare
                        for name, quoted, bare in FIELD.findall(text)}
    return Line(text, fields.get("level", ""), fields.get("msg", ""),
                fields.get("scope", ""), fields)


class Process:
    """A program in a process group of its own.

    Its environment is the tests' own, without what would reach it by chance,
    and `env` over that, where None takes a variable away.
    """

    def __init__(self, command, folder, env=None):
        self.log = Seen()
        self.asked_to_stop = False
        self.process = subprocess.Popen(
            [str(part) for part in command], env=self._environment(env or {}),
            cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace",
            start_new_session=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @staticmethod
    def _environment(env):
        base = {name: value for name, value in os.environ.items()
                if not name.startswith(("DAPR_", "APP_"))}
        return {name: str(value) for name, value in {**base, **env}.items()
                if value is not None}

    def _read(self):
        for text in self.process.stdout:
            self.log.add(parse_line(text.rstrip("\n")))

    # ---- what it says --------------------------------------------------------

    def wait_for_log(self, regex, timeout=5, count=1):
        """The `count`th line whose message, or else whole text, matches."""
        pattern = re.compile(regex)
        try:
            return self.log.wait(count, timeout, lambda line: pattern.search(
                line.msg or line.text))[count - 1]
        except AssertionError:
            raise self.complain(f"no line {count} matches {regex!r} within "
                                f"{timeout} s") from None

    def logged(self, regex):
        """All lines so far whose message matches."""
        return self.log.all(lambda line: re.search(regex, line.msg))

    def lines(self):
        return [line.text for line in self.log.all()]

    def complain(self, what):
        return AssertionError(f"{what}; it said:\n" + "\n".join(self.lines()))

    # ---- the end -------------------------------------------------------------

    def wait(self, timeout=10):
        """Its exit code, when it ends by itself."""
        self.asked_to_stop = True
        return self.process.wait(timeout)

    def stop(self, timeout=10):
        """Its exit code, after SIGTERM."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.wait(timeout)

    def end(self):
        """Ends it whatever it does; complains of what went wrong in it."""
        wrong = self._finish()
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self._reader.join(5)
        self.process.stdout.close()
        if not wrong and any(map(ALARMS.search, self.lines())):
            wrong = "a sanitizer complains"
        if wrong:
            raise self.complain(wrong)

    def _finish(self):
        """What was wrong with how it ended, or None."""
        ended = self.process.poll() is not None and not self.asked_to_stop
        try:
            code = self.stop()
        except subprocess.TimeoutExpired:
            return "did not end"
        if ended or (code < 0 and code != -signal.SIGKILL):
            return f"ended with {code}"
        return None
