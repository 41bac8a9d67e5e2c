"""Read-outs over the cells of one fate, taken at times of observation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from senescape.errors import ModelError
from senescape.rules.parameter import Param
from senescape.rules.rule import Rule, RuleFunction, as_rule

__all__ = ["Observable"]

KINDS = ("mean", "sum", "count")


class Observable:
    """A mean, sum or count over the cells of one fate.

    Parameters
    ----------
    name : str
        Its name in results.
    fate : str
        The fate whose cells are read.
    value : str or rule, optional
        A trait's name, or a rule of (cell, env, p); not needed for a count. The mean of a comparison is a fraction:
        ``lambda cell, env, p: cell.depth > 0.5``.
    kind : {"mean", "sum", "count"}
        How cells are gathered. The mean over no cells is NaN.
    params : mapping, optional
        Parameters of the rule.
    unit : str
        Its unit.
    """

    __slots__ = ("fate", "kind", "name", "rule", "unit")

    def __init__(
        self,
        name: str,
        fate: str,
        value: str | RuleFunction | None = None,
        kind: str = "mean",
        params: Mapping[str, Param | float] | None = None,
        unit: str = "1",
    ) -> None:
        owner = f"observable {name!r}"
        if kind not in KINDS:
            raise ModelError(f"{owner}: kind is {kind!r}; it must be one of {', '.join(KINDS)}")
        if value is None and kind != "count":
            raise ModelError(f"{owner}: give value, a trait's name or a rule of (cell, env, p)")
        if value is not None and kind == "count":
            raise ModelError(
                f"{owner}: a count is of all cells of the fate and reads no value; leave it out, or count those for which a "
                "comparison holds with kind='sum'"
            )
        self.name = name
        self.fate = fate
        self.kind = kind
        self.unit = unit
        self.rule: Rule = as_rule(_reader(value), params, owner)

    def __repr__(self) -> str:
        return f"Observable({self.name!r})"


def _reader(value: str | RuleFunction | None) -> RuleFunction:
    if value is None:
        return _one
    return _ReadTrait(value) if isinstance(value, str) else value


def _one(cell: Any, env: Any, p: Any) -> float:
    return 1.0


@dataclass(frozen=True, slots=True)
class _ReadTrait:
    """A rule that reads one trait. A class and not a closure, so that models can be pickled."""

    trait: str

    @property
    def __name__(self) -> str:
        return "read"

    def __call__(self, cell: Any, env: Any, p: Any) -> Any:
        return getattr(cell, self.trait)
