"""The one place where the kind, the unit and the range of an argument are checked.

NumPy takes almost anything for a number: texts, truth values, the number under a mask, a span of time without its unit.
Here such values are refused, with the reason; what holds one number (a 0-dimensional array, say) is taken for it.
"""

from __future__ import annotations

import datetime
import math
import operator
import os
from collections.abc import Iterable
from itertools import islice
from numbers import Number, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from senescape.errors import ModelError, SenescapeError

__all__ = [
    *("as_number", "at_most", "moments", "NotANumberError", "not_negative", "number", "numbers", "positive"),
    *("single_column", "thread_count", "whole_number"),
]

_SPAN = "a span of time; divide it by one hour (np.timedelta64(1, 'h')) to give it in hours"

_KINDS = {
    "b": "a truth value",
    "c": "a complex number",
    "m": _SPAN,
    "M": "a date; give hours since the start",
    "U": "a text",
    "S": "a text",
    "V": "a record",
}
"""Why NumPy arrays of these kinds hold no numbers."""

_MOST_VALUES = 100_000_000
"""Values that an argument may hold; an endless generator ends here."""

_MOST_SHOWN = 60
"""Characters of a value that a message shows."""

_LARGEST_WHOLE = 2**24
"""Single precision holds every whole number up to this one."""


class NotANumberError(Exception):
    """A value that is not a number; its text says what it is instead, where the value itself does not show it."""

    def __str__(self) -> str:
        reason = super().__str__()
        return f", {reason}" if reason else ""


def as_number(value: Any) -> float:
    """Return the number that a value is or holds.

    Raises
    ------
    NotANumberError
        If it is not one number: a text, a truth value, a span of time, a masked value, an array.
    """
    # Floats first: doses may be many, and to look a kind of number up takes longer.
    if type(value) is float:
        return value
    if isinstance(value, str | bytes | bytearray):
        raise NotANumberError
    if isinstance(value, bool | np.bool_):
        raise NotANumberError
    if isinstance(value, datetime.timedelta | np.timedelta64):
        raise NotANumberError(_SPAN)
    if isinstance(value, datetime.date | np.datetime64):
        raise NotANumberError(_KINDS["M"])
    if value is np.ma.masked or (isinstance(value, np.ma.MaskedArray) and np.ma.getmaskarray(value).any()):
        raise NotANumberError("masked: its value is missing")
    if isinstance(value, Number):
        return _real(value)
    if hasattr(value, "__array__") and getattr(value, "ndim", None) is not None:
        array = np.asarray(value)
        if array.dtype.kind in _KINDS:
            raise NotANumberError(_KINDS[array.dtype.kind])
        if array.ndim == 0:
            return as_number(array.item())
        raise NotANumberError(f"an array of shape {array.shape}, where one number is wanted")
    raise NotANumberError


def _real(value: Any) -> float:
    if isinstance(value, complex | np.complexfloating):
        raise NotANumberError("a complex number")
    try:
        return float(value)
    except OverflowError:
        return math.inf
    except (TypeError, ValueError):
        raise NotANumberError from None


def numbers(
    value: Any, name: str, what: str = "numbers", error: type[SenescapeError] = ModelError
) -> NDArray[np.float64]:
    """Return the numbers that an argument holds.

    Parameters
    ----------
    value : array-like or iterable
        One number or many.
    name, what
        What the message calls the argument, and what it must hold.
    error : type
        The error to raise.

    Returns
    -------
    ndarray of float64
        Of the shape that was given.

    Raises
    ------
    SenescapeError
        If one is not a number; the message names the first, and where it stands.
    """
    if isinstance(value, str | bytes) or value is None:
        raise error(f"{name} = {value!r} are not {what}")
    if not hasattr(value, "__array__") and isinstance(value, Iterable) and not isinstance(value, list | tuple):
        value = list(islice(value, _MOST_VALUES + 1))
        if len(value) > _MOST_VALUES:
            raise error(f"{name} holds over {_MOST_VALUES:,} values; give fewer")
    try:
        mask = np.ma.getmaskarray(value) if isinstance(value, np.ma.MaskedArray) else None
        array = np.asarray(value)
    except (TypeError, ValueError):
        raise error(f"{name} must hold {what}, in rows of one length") from None
    if mask is not None and mask.any():
        raise error(f"{name} must hold {what}, but value {int(mask.argmax())} is masked; fill or drop what is missing")
    if array.dtype.kind in "fiu":
        return array.astype(np.float64)
    if array.dtype.kind in _KINDS:
        raise error(f"{name} = {_short(value)} are not {what}: each is {_KINDS[array.dtype.kind]}")
    out = np.empty(array.shape, dtype=np.float64)
    for i, each in enumerate(array.flat):
        try:
            out.flat[i] = as_number(each)
        except NotANumberError as reason:
            raise error(f"{name} = {_short(value)} are not {what}: value {i} is {_short(each)}{reason}") from None
    return out


def _short(value: Any) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= _MOST_SHOWN else f"{text[: _MOST_SHOWN - 3]}..."


def single_column(value: Any, owner: str, what: str, error: type[SenescapeError] = ModelError) -> NDArray[np.float32]:
    """Return values of a trait in single precision, one a cell; `what` of `owner` they are, for messages.

    Raises
    ------
    SenescapeError
        If one is not finite in single precision, or a whole number that single precision does not hold.
    """
    given = numbers(value, f"{owner}: {what}", error=error)
    if given.ndim != 1:
        raise error(f"{owner}: {what} has shape {given.shape}; an array must hold one value for each founder")
    with np.errstate(over="ignore"):  # what overflows is infinite, and refused below
        column = given.astype(np.float32)
    bad = np.flatnonzero(~np.isfinite(column))
    if bad.size:
        raise error(
            f"{owner}: value {bad[0]} of {what} is {given[bad[0]]}, which is not a finite float32; "
            "drop or fill missing values first"
        )
    if np.asarray(value).dtype.kind in "iu":
        lost = np.flatnonzero(column.astype(np.float64) != given)
        if lost.size:
            raise error(
                f"{owner}: value {lost[0]} of {what} is {given[lost[0]]:.0f}, a whole number beyond {_LARGEST_WHOLE:,} "
                "that single precision rounds; number the cells from 0, or keep numbers like this beside the run"
            )
    return column


def number(value: Any, name: str, wanted: str, *, low: float = -math.inf, above: bool = False) -> float:
    """Return a finite number that is not below a limit.

    Parameters
    ----------
    value : object
        What was given.
    name, wanted
        What the message calls the argument, and what it must be: ``"a finite number >= 0"``.
    low : float
        The least.
    above : bool
        Whether it must lie above `low`.

    Raises
    ------
    ModelError
        If it is not one number, or out of range.
    """
    try:
        given = as_number(value)
    except NotANumberError as reason:
        raise ModelError(f"{name} is {_short(value)}{reason}; it must be {wanted}") from None
    if not math.isfinite(given) or given < low or (above and given == low):
        raise ModelError(f"{name} is {given:g}; it must be {wanted}")
    return given


def not_negative(value: Any, name: str) -> float:
    """Return a finite number >= 0."""
    return number(value, name, "a finite number >= 0", low=0.0)


def positive(value: Any, name: str, what: str) -> float:
    """Return a positive, finite number; `what` tells what to give."""
    if value is None:
        raise ModelError(f"{name} is missing: give {what}")
    try:
        given = as_number(value)
    except NotANumberError as reason:
        raise ModelError(f"{name} = {_short(value)} is not a number{reason}; give {what}") from None
    if not (given > 0 and math.isfinite(given)):
        raise ModelError(f"{name} = {_short(value)} must be positive and finite; give {what}")
    return given


def at_most(value: float, limit: float, name: str, fix: str) -> None:
    """Refuse a number above a limit."""
    if value > limit:
        raise ModelError(f"{name} = {value:,.6g} is more than {limit:,.6g}; {fix}")


def whole_number(value: Any, name: str, low: int, high: int) -> int:
    """Return a whole number from `low` to `high`."""
    try:
        if type(value) is not int:
            given = as_number(value)
            if not given.is_integer():
                raise NotANumberError
    except NotANumberError:
        raise ModelError(f"{name} = {_short(value)} must be a whole number") from None
    try:
        # Not by way of a float, which rounds beyond 2**53.
        whole = operator.index(value.item() if isinstance(value, np.ndarray) else value)
    except TypeError:
        whole = int(given)
    if not low <= whole <= high:
        raise ModelError(f"{name} = {whole} must lie between {low} and {high}")
    return whole


def moments(value: Any, name: str, until: float, *, end: bool = False) -> list[float]:
    """Return times from 0 to the horizon, in order and each once; the horizon itself only if `end`."""
    times = np.unique(numbers(value, name, "times (h)").ravel())
    inside = np.isfinite(times).all() and (times >= 0).all() and ((times <= until) if end else (times < until)).all()
    if not inside or not (end or times.size):
        raise ModelError(f"{name} must hold times from 0 to {'' if end else 'before '}until = {until:g} h")
    return [float(t) for t in times]


def thread_count(given: int | None) -> int:
    """Return the threads that were asked for; one for each processor by default."""
    return whole_number((os.cpu_count() or 1) if given is None else given, "threads", 1, 1024)


def is_number(value: Any) -> bool:
    """Return whether a value is or holds one real number, and so not a rule, a distribution or an array."""
    if isinstance(value, bool | np.bool_ | str | bytes) or value is None:
        return False
    return isinstance(value, Real) or (getattr(value, "ndim", None) == 0 and hasattr(value, "__array__"))
