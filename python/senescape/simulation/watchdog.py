"""Ends calls of a user's code that take too long."""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

__all__ = ["Overtime", "Watchdog"]

_TICK = 0.05


class Overtime(BaseException):
    """Raised in a call that took too long; no Exception, so that the call cannot swallow it by chance."""


class Watchdog:
    """Watches calls in any number of threads from one of its own.

    A call that runs over its time has :class:`Overtime` raised in it between two steps of the interpreter, so that an endless
    loop in Python ends. A single step that never ends, such as a call of C code, cannot be ended from within the process.

    Parameters
    ----------
    limit : float
        Seconds that a call may take.
    """

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self._deadlines: dict[int, float] = {}
        self._raised: set[int] = set()
        self._lock = threading.Lock()
        self._over = threading.Event()

    def __enter__(self) -> Self:
        threading.Thread(target=self._watch, name="senescape-watchdog", daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()

    def call(self, function: Callable[[], Any]) -> Any:
        """Call a function of no arguments in this thread.

        Raises
        ------
        Overtime
            If it took too long.
        """
        thread = threading.get_ident()
        with self._lock:
            self._deadlines[thread] = time.monotonic() + self.limit
        try:
            return function()
        finally:
            with self._lock:
                self._deadlines.pop(thread, None)
                if thread in self._raised:
                    self._raised.discard(thread)
                    # Raised but not yet delivered: it must not strike whatever runs next.
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), None)

    def end_all(self) -> None:
        """End all calls that run now: the whole run has been interrupted."""
        with self._lock:
            for thread in self._deadlines:
                self._deadlines[thread] = 0.0

    def _watch(self) -> None:
        while not self._over.wait(_TICK):
            now = time.monotonic()
            with self._lock:
                for thread in [thread for thread, deadline in self._deadlines.items() if deadline < now]:
                    del self._deadlines[thread]
                    self._raised.add(thread)
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(Overtime))
