"""Where in the user's code something stands."""

from __future__ import annotations

import linecache
import os
import sys
from pathlib import Path

from senescape.errors import TraceError

__all__ = ["trace_error", "user_line"]

_OWN = str(Path(__file__).resolve().parent) + os.sep
# Built-in rules are rules like any other: their lines are shown too.
_RULES = _OWN + "biology" + os.sep


def user_line() -> str:
    """The innermost line of code outside this package and NumPy: file, number, function and text."""
    frame = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        own = file.startswith(_OWN) and not file.startswith(_RULES)
        if not own and f"{os.sep}numpy{os.sep}" not in file and not file.startswith("<frozen"):
            text = linecache.getline(file, frame.f_lineno, frame.f_globals).strip()
            place = f"{file}:{frame.f_lineno}, in {frame.f_code.co_name}"
            return f"{place}\n    {text}" if text else place
        frame = frame.f_back  # type: ignore[assignment]
    return "unknown place"


def trace_error(what: str, fix: str) -> TraceError:
    """An error about the line of a rule that is being traced.

    Parameters
    ----------
    what : str
        What is wrong.
    fix : str
        What to write instead.
    """
    return TraceError(f"{what}\n  at {user_line()}\n  fix: {fix}")
