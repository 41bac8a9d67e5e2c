"""Times in hours, the unit of time everywhere."""

from __future__ import annotations

__all__ = ["days", "hours", "minutes", "weeks"]


def minutes(n: float) -> float:
    """`n` minutes in hours."""
    return float(n) / 60.0


def hours(n: float) -> float:
    """`n` hours, as a float: says the unit where it is given.

    Examples
    --------
    >>> hours(17)
    17.0
    """
    return float(n)


def days(n: float) -> float:
    """`n` days in hours.

    Examples
    --------
    >>> days(60)
    1440.0
    """
    return 24.0 * float(n)


def weeks(n: float) -> float:
    """`n` weeks in hours."""
    return 168.0 * float(n)
