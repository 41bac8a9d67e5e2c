"""What a rule reads, found by calling it once with stand-ins that answer to every name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from senescape.rules.expression import Expr, inputs_of
from senescape.rules.rule import Rule
from senescape.rules.tracer import Names, trace

__all__ = ["Reads", "reads_of"]


class _Growing(list[str]):
    """A list of names to which every name asked for belongs."""

    def __contains__(self, name: object) -> bool:
        if isinstance(name, str) and not name.startswith("_"):
            if name not in list(self):
                self.append(name)
            return True
        return False


class _Traits(_Growing):
    """Traits: all attributes of a cell but the ones it always has."""

    def __contains__(self, name: object) -> bool:
        return name not in ("age", "mark", "signal") and super().__contains__(name)


@dataclass(frozen=True, slots=True)
class Reads:
    """A traced rule and the names it reads.

    Attributes
    ----------
    value : Expr
        What the rule computes. A signal stands as the trait of its name.
    traits, marks, drugs, pools, fates, signals : list of str
        Names in the order in which they were first read.
    """

    value: Expr
    traits: list[str] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)
    drugs: list[str] = field(default_factory=list)
    pools: list[str] = field(default_factory=list)
    fates: list[str] = field(default_factory=list)
    signals: list[str] = field(default_factory=list)

    def inputs(self) -> dict[str, Any]:
        """Return what the rule reads: the engine's inputs by how the rule writes them, such as ``"env.drug['navitoclax']"``."""
        return {self.label(which): which for which in inputs_of(self.value)}

    def label(self, which: Any) -> str:
        """Return how a rule writes an input."""
        if isinstance(which, str):
            return "cell.age" if which == "age" else "env.time"
        ((kind, index),) = which.items()
        if kind == "trait":
            name = self.traits[index]
            return f"cell.signal[{name!r}]" if name in self.signals else f"cell.{name}"
        if kind in ("sum", "mean"):
            return f"env.{kind}[{self.fates[index['fate']]!r}].{self.traits[index['of']]}"
        names = {"mark": self.marks, "drug": self.drugs, "pool": self.pools, "count": self.fates}[kind]
        return f"{'cell' if kind == 'mark' else 'env'}.{kind}[{names[index]!r}]"


def reads_of(rule: Rule, owner: str) -> Reads:
    """Trace a rule that stands in no model.

    Parameters
    ----------
    rule : Rule
        The rule.
    owner : str
        What it belongs to, for messages.

    Returns
    -------
    Reads

    Raises
    ------
    TraceError
        If it cannot be traced.
    """
    traits, marks, drugs, pools, fates, signals = _Traits(), *(_Growing() for _ in range(5))
    read_signal: Callable[[str], Expr] = lambda name: _as_trait(name, traits)  # noqa: E731
    names = Names(fates, traits, marks, drugs, pools, signals, read_signal)
    value = trace(rule.function, names, {name: name for name in rule.params}, owner, rule.reads_cell)
    return Reads(value, list(traits), list(marks), list(drugs), list(pools), list(fates), list(signals))


def _as_trait(name: str, traits: list[str]) -> Expr:
    if name not in list(traits):
        traits.append(name)
    return Expr("input", value={"trait": list(traits).index(name)})
