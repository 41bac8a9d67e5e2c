"""Times in hours, the unit of time everywhere."""

from __future__ import annotations

import math
from numbers import Real

from senescape.errors import UnitError

__all__ = ["days", "hours", "minutes", "weeks"]


def _number(n: float, unit: str, array: str) -> float:
    if isinstance(n, bool) or not isinstance(n, Real):
        raise UnitError(f"{unit}({n!r}): give one number; for an array of times, {array}")
    try:
        value = float(n)
    except (TypeError, OverflowError):
        # A span of NumPy's, which counts as a number there; a whole number that no float holds.
        raise UnitError(f"{unit}({n!r:.40}): give one number that a float holds") from None
    if not math.isfinite(value):
        raise UnitError(f"{unit}({n!r}) is not a finite time; leave the argument out where a time may be missing")
    return value


def minutes(n: float) -> float:
    """Convert minutes to hours.

    Parameters
    ----------
    n : float
        A number of minutes.

    Returns
    -------
    float
        Hours.

    Raises
    ------
    UnitError
        If `n` is not one finite number.

    Examples
    --------
    >>> minutes(90)
    1.5
    """
    return _number(n, "minutes", "divide it by 60") / 60.0


def hours(n: float) -> float:
    """Give hours as they are: says the unit where a time stands.

    Parameters
    ----------
    n : float
        A number of hours.

    Returns
    -------
    float
        Hours.

    Raises
    ------
    UnitError
        If `n` is not one finite number.

    Examples
    --------
    >>> hours(17)
    17.0
    """
    return _number(n, "hours", "use it as it is")


def days(n: float) -> float:
    """Convert days to hours.

    Parameters
    ----------
    n : float
        A number of days.

    Returns
    -------
    float
        Hours.

    Raises
    ------
    UnitError
        If `n` is not one finite number.

    Examples
    --------
    >>> days(60)
    1440.0
    """
    return _number(n, "days", "multiply it by 24") * 24.0


def weeks(n: float) -> float:
    """Convert weeks to hours.

    Parameters
    ----------
    n : float
        A number of weeks.

    Returns
    -------
    float
        Hours.

    Raises
    ------
    UnitError
        If `n` is not one finite number.

    Examples
    --------
    >>> weeks(2)
    336.0
    """
    return _number(n, "weeks", "multiply it by 168") * 168.0
