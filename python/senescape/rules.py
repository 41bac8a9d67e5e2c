"""Rules and their parameters."""

from __future__ import annotations

import hashlib
import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from senescape.errors import ModelError

__all__ = ["Param", "Rule", "RuleFunction", "as_params", "as_rule"]

RuleFunction = Callable[[Any, Any, Any], Any]
"""A rule: a function of the cell, the environment and the parameters."""


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
        Its range; a value outside is refused.
    source : str
        Where the default comes from, or ``"assumed"`` with a reason.

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

    def __post_init__(self) -> None:
        try:
            object.__setattr__(self, "value", float(self.value))
        except (TypeError, ValueError):
            raise ModelError(f"a parameter's value is {self.value!r}; it must be a number") from None
        if not math.isfinite(self.value):
            raise ModelError(f"a parameter's value is {self.value}; it must be finite")
        if not self.low <= self.value <= self.high:
            raise ModelError(f"a parameter's value {self.value:g} lies outside its range [{self.low:g}, {self.high:g}]")

    def at(self, value: float, name: str) -> Param:
        """The same parameter with another value; `name` is for the message if it is out of range."""
        try:
            return replace(self, value=value)
        except ModelError as error:
            raise ModelError(f"{name}: {error}") from None


@dataclass(frozen=True, slots=True)
class Rule:
    """A function of (cell, env, p) and its parameters.

    Attributes
    ----------
    function : callable
        The rule as its author wrote it; it runs on NumPy arrays too.
    params : dict of str to Param
        What ``p`` holds.
    """

    function: RuleFunction
    params: Mapping[str, Param] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """SHA-256 of the rule's source, or of its byte code where there is no source."""
        try:
            text = inspect.getsource(self.function).encode()
        except (OSError, TypeError):
            code = getattr(self.function, "__code__", None)
            text = code.co_code + repr(code.co_consts).encode() if code else repr(self.function).encode()
        return hashlib.sha256(text).hexdigest()

    def evaluate(self, cell: Any, env: Any, values: Any) -> Any:
        """Call the rule on NumPy arrays, as :mod:`senescape.reference` does."""
        return self.function(cell, env, values)


def as_params(params: Mapping[str, Param | float] | None, owner: str) -> dict[str, Param]:
    """Parameters from a mapping in which bare numbers may stand for parameters without a unit."""
    out: dict[str, Param] = {}
    for name, value in (params or {}).items():
        if not (isinstance(name, str) and name.isidentifier()):
            raise ModelError(f"{owner}: the parameter name {name!r} must be an identifier, since rules write p.{name}")
        try:
            out[name] = value if isinstance(value, Param) else Param(value)
        except ModelError as error:
            raise ModelError(f"{owner}: parameter {name!r}: {error}") from None
    return out


def as_rule(value: RuleFunction | Rule, params: Mapping[str, Param | float] | None, owner: str) -> Rule:
    """A rule from a function, checked to take (cell, env, p)."""
    if isinstance(value, Rule):
        return value
    if not callable(value):
        raise ModelError(f"{owner}: {value!r} is neither a number nor a function of (cell, env, p)")
    try:
        inspect.signature(value).bind(None, None, None)
    except TypeError:
        raise ModelError(f"{owner}: a rule is a function of three arguments, (cell, env, p)") from None
    except ValueError:
        pass  # a builtin without a signature: tracing will tell
    return Rule(value, as_params(params, owner))
