"""Times in hours, the unit of time everywhere."""

from __future__ import annotations

import math

from senescape._support.validate import NotANumberError, as_number
from senescape.errors import UnitError

__all__ = ["days", "hours", "minutes", "weeks"]


def _number(n: float, unit: str, array: str) -> float:
    try:
        value = as_number(n)
    except NotANumberError as reason:
        raise UnitError(f"{unit}({n!r:.40}): give one number{reason}; for an array of times, {array}") from None
    if isinstance(n, int) and math.isinf(value):
        raise UnitError(f"{unit}({n!r:.40}): give one number that a float holds")
    if not math.isfinite(value):
        raise UnitError(f"{unit}({n!r:.40}) is not a finite time; leave the argument out where a time may be missing")
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
