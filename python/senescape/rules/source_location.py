"""Where in the user's code something stands."""

from __future__ import annotations

import inspect
import linecache
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from senescape.errors import TraceError

__all__ = [
    "Tracing",
    "code_of",
    "missing_error",
    "note_refusal",
    "raised_at",
    "source_line",
    "trace_error",
    "tracing",
    "user_line",
]

_OWN = str(Path(__file__).resolve().parent.parent) + os.sep
# Built-in rules are rules like any other: their lines are shown too.
_RULES = _OWN + "biology" + os.sep
_RULE: ContextVar[Tracing | None] = ContextVar("rule", default=None)


class Tracing:
    """A rule that is being traced.

    Attributes
    ----------
    code : code or None
        Its byte code.
    refusals : list of BaseException
        What was refused so far, whether the rule let it pass or not.
    """

    def __init__(self, code: CodeType | None) -> None:
        self.code = code
        self.refusals: list[BaseException] = []

    def caught(self) -> BaseException | None:
        """Give the first refusal that code of the user caught.

        ``hasattr`` and ``getattr`` with a default take errors too, but before these reach a line of the user's: they ask.
        """
        return next((error for error in self.refusals if _reached_user(error)), None)


class _MissingError(TraceError, AttributeError):
    """A name is not there: to ``hasattr`` the answer no, to all else a refusal."""


def code_of(function: Callable[..., Any]) -> CodeType | None:
    """Find the byte code of a function, a method, a partial or a callable object, where it has one."""
    function = inspect.unwrap(function)
    while hasattr(function, "func"):
        function = function.func
    code = getattr(function, "__code__", None) or getattr(type(function).__call__, "__code__", None)
    return code if isinstance(code, CodeType) else None


@contextmanager
def tracing(function: Callable[..., Any]) -> Iterator[Tracing]:
    """Tell :func:`user_line` which rule is being traced, and keep what is refused meanwhile."""
    found = Tracing(code_of(function))
    token = _RULE.set(found)
    try:
        yield found
    finally:
        _RULE.reset(token)
        # Each holds the frames that it went through.
        found.refusals.clear()


def note_refusal(error: BaseException) -> None:
    """Keep an error, in case the rule that is being traced catches it."""
    rule = _RULE.get()
    if rule is not None:
        rule.refusals.append(error)


def _is_users(file: str) -> bool:
    own = file.startswith(_OWN) and not file.startswith(_RULES)
    return not own and f"{os.sep}numpy{os.sep}" not in file and not file.startswith("<frozen")


def _reached_user(error: BaseException) -> bool:
    step = error.__traceback__
    while step is not None:
        if _is_users(step.tb_frame.f_code.co_filename):
            return True
        step = step.tb_next
    return False


def source_line(code: CodeType, line: int) -> str:
    """File, number, function and text of a line."""
    text = linecache.getline(code.co_filename, line).strip()
    place = f"{code.co_filename}:{line}, in {code.co_name}"
    return f"{place}\n    {text}" if text else place


def raised_at(error: BaseException, function: Callable[..., Any]) -> str:
    """Return the line of a function that an exception went through, or its first line."""
    code = code_of(function)
    place = "an unknown place" if code is None else source_line(code, code.co_firstlineno)
    step = error.__traceback__
    while step is not None:
        if step.tb_frame.f_code is code:
            place = source_line(step.tb_frame.f_code, step.tb_lineno)
        step = step.tb_next
    return place


def user_line() -> str:
    """Return the line of the rule that is being traced; without one, the innermost line outside this package and NumPy.

    A rule may call helpers: those in its own file are shown themselves, those of other libraries by the line that
    calls them.
    """
    traced = _RULE.get()
    rule = None if traced is None else traced.code
    nearest: FrameType | None = None
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        if _is_users(file):
            if rule is None or file == rule.co_filename:
                nearest = frame
                break
            nearest = nearest or frame
        frame = frame.f_back
    return "an unknown place" if nearest is None else source_line(nearest.f_code, nearest.f_lineno)


def trace_error(what: str, fix: str, at: str | None = None) -> TraceError:
    """Return an error about the line of a rule that is being traced.

    Parameters
    ----------
    what : str
        What is wrong.
    fix : str
        What to write instead.
    at : str, optional
        Where; the line that runs just now by default.
    """
    return _noted(TraceError, what, fix, at)


def missing_error(what: str, fix: str, missing: str) -> TraceError:
    """Return an error about a name that a rule reads and that is not there.

    Parameters
    ----------
    what : str
        What is wrong.
    fix : str
        What to write instead.
    missing : str
        The name.
    """
    error = _noted(_MissingError, what, fix, None)
    error.missing = missing
    return error


def _noted(kind: type[TraceError], what: str, fix: str, at: str | None) -> TraceError:
    error = kind(what, at=user_line() if at is None else at, fix=fix)
    note_refusal(error)
    return error
