"""Parameters: the named numbers of rules."""

from __future__ import annotations

import keyword
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from senescape._support.names import check_spelling
from senescape._support.validate import NotANumberError, as_number
from senescape.errors import ModelError

__all__ = ["Param", "as_param", "as_params", "check_identifier"]


@dataclass(frozen=True, slots=True)
class Param:
    """A named number of a rule, which a run or a sweep may change without tracing the rule again.

    Parameters
    ----------
    value : float
        Its default.
    unit : str
        Its unit, ``"1"`` for none.
    low, high : float
        Its range, both ends included; a value outside is refused.
    source : str
        Where the default comes from, or ``"assumed"`` with a reason.
    name : str, optional
        Its full name in the model. By default it is called after its owner, ``"<owner>.<name>"``; a name given here
        makes it one parameter for all that use it.

    Raises
    ------
    ModelError
        If the value is not finite or lies outside the range.

    Examples
    --------
    >>> Param(0.05, unit="1/h", low=0.0, source="assumed: a half-life of 14 h at full effect").value
    0.05
    """

    value: float
    unit: str = "1"
    low: float = -math.inf
    high: float = math.inf
    source: str = "assumed"
    name: str | None = None

    def __post_init__(self) -> None:
        for each in ("value", "low", "high"):
            given = getattr(self, each)
            try:
                object.__setattr__(self, each, as_number(given))
            except NotANumberError as reason:
                raise ModelError(f"a parameter's {each} is {given!r:.60}{reason}; it must be a number") from None
            if isinstance(given, int) and not math.isfinite(getattr(self, each)):
                raise ModelError(f"a parameter's {each} is too large a whole number to be counted with")
        for each in ("unit", "source"):
            if not isinstance(getattr(self, each), str):
                raise ModelError(f"a parameter's {each} is {getattr(self, each)!r}; it must be a text")
        if self.name is not None and (not isinstance(self.name, str) or not self.name):
            raise ModelError(f"a parameter's name is {self.name!r}; it must be a text, or left out")
        if not math.isfinite(self.value):
            raise ModelError(f"a parameter's value is {self.value}; it must be finite")
        if not self.low <= self.high:
            raise ModelError(f"a parameter's range [{self.low:g}, {self.high:g}] is empty; low must not exceed high")
        if not self.low <= self.value <= self.high:
            raise ModelError(
                f"a parameter's value {_exact(self.value)} lies outside its range "
                f"[{_exact(self.low)}, {_exact(self.high)}]; "
                "change the value, or the range where it is too narrow"
            )

    def at(self, value: float, name: str) -> Param:
        """Give the same parameter with another value.

        Parameters
        ----------
        value : float
            The value.
        name : str
            What the message calls it if the value is out of range.

        Raises
        ------
        ModelError
            If the value is not finite or lies outside the range.
        """
        try:
            return replace(self, value=value)
        except ModelError as error:
            raise ModelError(f"{name}: {error}") from None


def _exact(number: float) -> str:
    """Write a number with all its digits where a few would be those of another."""
    return f"{number:g}" if float(f"{number:g}") == number else repr(number)


def as_param(value: Any, owner: str, unit: str = "1", low: float = -math.inf, high: float = math.inf) -> Param:
    """Make a parameter of a number; a parameter stays as it is.

    Parameters
    ----------
    value : float or Param
        The number.
    owner : str
        What it belongs to, for messages.
    unit, low, high
        Of a parameter made of a bare number.

    Raises
    ------
    ModelError
        If it is no number, or a bare number out of range.
    """
    try:
        return value if isinstance(value, Param) else Param(value, unit=unit, low=low, high=high)
    except ModelError as error:
        raise ModelError(f"{owner}: {error}") from None


def as_params(params: Mapping[str, Param | float] | None, owner: str) -> dict[str, Param]:
    """Make parameters of a mapping in which bare numbers may stand for parameters without a unit.

    Parameters
    ----------
    params : mapping of str to Param or float, optional
        By the names that the rule uses.
    owner : str
        What they belong to, for messages.

    Raises
    ------
    ModelError
        If a name is no identifier or a value no finite number.
    """
    if params is not None and not isinstance(params, Mapping):
        raise ModelError(f"{owner}: params is {params!r}; give a mapping, params={{'k': sn.Param(...)}}")
    out: dict[str, Param] = {}
    for name, value in (params or {}).items():
        check_identifier(name, f"{owner}: a parameter", "p")
        out[name] = as_param(value, f"{owner}: parameter {name!r}")
    return out


def check_identifier(name: Any, what: str, holder: str) -> str:
    """Refuse a name that a rule could not write as ``holder.name``.

    Parameters
    ----------
    name : str
        The name.
    what : str
        What has it, for the message.
    holder : str
        What rules write before the dot.

    Raises
    ------
    ModelError
        If it is not an identifier, a word of Python, begins with an underscore, or is spelled as Python spells no name.
    """
    if not isinstance(name, str) or not name.isidentifier():
        raise ModelError(f"{what} is named {name!r}; it must be an identifier, since rules write {holder}.<name>")
    if keyword.iskeyword(name) or name.startswith("_"):
        why = "is a word of Python" if keyword.iskeyword(name) else "begins with an underscore"
        raise ModelError(f"{what} is named {name!r}, which {why}; rules write {holder}.<name>, so choose another")
    check_spelling(name, what)
    return name
