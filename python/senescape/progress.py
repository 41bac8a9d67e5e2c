"""A progress bar on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType

__all__ = ["Progress"]

_PATIENCE = 1.0
"""Seconds before a bar shows: short runs stay silent."""

_WIDTH = 30


class Progress:
    """Show how many replicates have finished.

    Parameters
    ----------
    show : bool, callable or None
        True: always; False: never; None: where standard error is a terminal; a callable is called instead.
    total : int
        Replicates in all.
    what : str
        What is counted, if not replicates.
    """

    def __init__(self, show: bool | Callable[[int], object] | None, total: int, what: str = "replicates") -> None:
        self._call = show if callable(show) else None
        # A process without a terminal may have no standard error at all.
        there = sys.stderr is not None
        self._show = self._call is None and there and (sys.stderr.isatty() if show is None else bool(show))
        self._total, self._what = total, what
        self._begin = time.monotonic()
        self._drawn = False

    @property
    def update(self) -> Callable[[int], None] | None:
        """What to call with the number of finished replicates; None if nobody looks."""
        return self._update if self._show or self._call else None

    def _update(self, finished: int) -> None:
        if self._call is not None:
            self._call(finished)
            return
        elapsed = time.monotonic() - self._begin
        if elapsed < _PATIENCE:
            return
        share = finished / self._total
        filled = round(share * _WIDTH)
        left = f", {elapsed / share - elapsed:.0f} s left" if finished else ""
        bar = "#" * filled + "-" * (_WIDTH - filled)
        print(f"\r[{bar}] {finished:,}/{self._total:,} {self._what}{left}   ", end="", file=sys.stderr, flush=True)
        self._drawn = True

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._drawn:
            # Wipe the line, so that what is printed next stands alone.
            print("\r" + " " * (_WIDTH + 50) + "\r", end="", file=sys.stderr, flush=True)
