# SPDX-License-Identifier: Apache-2.0
"""What a peer saw, in order, and waiting for more of it."""
import threading


class Seen:
    """A list that any thread adds to and a test waits on."""

    def __init__(self):
        self._items = []
        self._changed = threading.Condition()

    def add(self, item):
        with self._changed:
            self._items.append(item)
            self._changed.notify_all()

    def all(self, wanted=lambda item: True):
        with self._changed:
            return [item for item in self._items if wanted(item)]

    def wait(self, count=1, timeout=5, wanted=lambda item: True):
        """The first `count` items that are wanted."""
        found = []

        def enough():
            found[:] = [item for item in self._items if wanted(item)]
            return len(found) >= count

        with self._changed:
            if not self._changed.wait_for(enough, timeout):
                raise AssertionError(f"{len(found)} of {count} came within "
                                     f"{timeout} s; all: {self._items}")
            return found[:count]

    def clear(self):
        with self._changed:
            self._items.clear()
