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
        self._show = self._call is None and (_on_terminal() if show is None else bool(show))
        self._total, self._what = total, what
        self._begin = time.monotonic()
        self._drawn = False

    @property
    def update(self) -> Callable[[int], None] | None:
        """Return what to call with the number of finished replicates; None if there is nothing to call."""
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
        self._draw(f"\r[{bar}] {finished:,}/{self._total:,} {self._what}{left}   ")
        self._drawn = True

    def _draw(self, text: str) -> None:
        # A bar is decoration: standard error that is closed, full or missing ends no run.
        try:
            print(text, end="", file=sys.stderr, flush=True)
        except Exception:
            self._show = False

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._drawn:
            # Wipe the line, so that what is printed next stands alone.
            self._draw("\r" + " " * (_WIDTH + 50) + "\r")


def _on_terminal() -> bool:
    """Return whether standard error is a terminal; what stands in its place may not even know the question."""
    try:
        return sys.stderr.isatty()
    except Exception:
        return False
