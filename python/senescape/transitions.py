"""Transitions: hazards with their effects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from senescape.distributions import Distribution
from senescape.errors import ModelError
from senescape.rules import Param, Rule, RuleFunction, as_rule

__all__ = ["Death", "Division", "Escape", "Senolytic", "Transition"]

DEAD = "dead"
"""The target of a death. The dead are counted by cause and not kept."""

Hazard = float | Param | RuleFunction


class Transition:
    """A hazard from one fate to another, or to death or division, with effects.

    Parameters
    ----------
    name : str
        Its name; its parameters are called ``<name>.<param>``.
    source : str or sequence of str
        The fate it leaves; several make one transition each, named ``<name>[<source>]``.
    target : str
        The fate it leads to; the source's own for an event within a fate (age goes on), or ``"dead"``.
    hazard : float, Param or rule
        Events per hour for one cell, >= 0. A rule is a function of (cell, env, p).
    barrier : str, optional
        The barrier it belongs to, for the ledger.
    set : mapping of str to float, Param, Distribution or rule, optional
        Traits to set. Rules read the cell as it was before.
    mark, unmark : sequence of str, optional
        Marks to raise and to clear.
    cause : str, optional
        Cause of a death.
    params : mapping, optional
        Parameters of the hazard and of rules in `set`.

    Raises
    ------
    ModelError
        If something is of the wrong kind, or a constant hazard is negative.
    """

    __slots__ = (
        "barrier",
        "cause",
        "hazard",
        "kind",
        "mark",
        "name",
        "named",
        "params",
        "set",
        "source",
        "target",
        "unmark",
    )

    def __init__(
        self,
        name: str,
        source: str | Sequence[str],
        target: str | None,
        hazard: Hazard,
        barrier: str | None = None,
        set: Mapping[str, Any] | None = None,
        mark: str | Sequence[str] = (),
        unmark: str | Sequence[str] = (),
        cause: str | None = None,
        params: Mapping[str, Param | float] | None = None,
    ) -> None:
        if not isinstance(name, str) or not name:
            raise ModelError(f"a transition's name is {name!r}; it must be a text")
        self.name = name
        self.named = True
        self.source: tuple[str, ...] = (source,) if isinstance(source, str) else tuple(source)
        if not self.source:
            raise ModelError(f"transition {name!r}: source is empty; name the fate it leaves")
        self.kind = "death" if target == DEAD else "move"
        self.target = None if target == DEAD else target
        self.barrier = barrier
        self.cause = (cause or name) if self.kind == "death" else cause
        self.mark = (mark,) if isinstance(mark, str) else tuple(mark)
        self.unmark = (unmark,) if isinstance(unmark, str) else tuple(unmark)
        owner = f"transition {name!r}"
        self.hazard = _hazard(hazard, params, owner)
        self.params = dict(self.hazard.params) if isinstance(self.hazard, Rule) else {}
        self.set = {trait: _value(value, params, f"{owner}: set[{trait!r}]") for trait, value in (set or {}).items()}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"


class Division(Transition):
    """A division into two daughters, each with the traits that inheritance gives her; both start at age 0.

    Parameters
    ----------
    source : str or sequence of str
        The fate that divides.
    hazard : float, Param or rule
        Divisions per hour for one cell.
    name : str
        ``"division"`` by default.
    target : str, optional
        The daughters' fate; the mother's by default.
    barrier, set, mark, unmark, params
        As for :class:`Transition`; `set` works on each daughter after inheritance.
    """

    __slots__ = ()

    def __init__(
        self,
        source: str | Sequence[str],
        hazard: Hazard,
        name: str | None = None,
        target: str | None = None,
        barrier: str | None = None,
        set: Mapping[str, Any] | None = None,
        mark: str | Sequence[str] = (),
        unmark: str | Sequence[str] = (),
        params: Mapping[str, Param | float] | None = None,
    ) -> None:
        super().__init__(name or "division", source, target, hazard, barrier, set, mark, unmark, params=params)
        self.named = name is not None
        self.kind = "division"


class Death(Transition):
    """A death of a stated cause.

    Parameters
    ----------
    source : str or sequence of str
        The fate that dies.
    hazard : float, Param or rule
        Deaths per hour for one cell.
    cause : str
        The cause it is counted under.
    barrier : str, optional
        The barrier it belongs to.
    name : str, optional
        Its name; the cause by default.
    params : mapping, optional
        Parameters of the hazard.
    """

    __slots__ = ()

    def __init__(
        self,
        source: str | Sequence[str],
        hazard: Hazard,
        cause: str = "death",
        barrier: str | None = None,
        name: str | None = None,
        params: Mapping[str, Param | float] | None = None,
    ) -> None:
        super().__init__(name or cause, source, DEAD, hazard, barrier, cause=cause, params=params)
        self.named = name is not None


class Senolytic(Transition):
    """A death of senescent cells by a drug: barrier ``intrinsic``, cause ``senolysis``.

    Parameters
    ----------
    name : str
        Its name.
    hazard : rule
        Deaths per hour.
    params : mapping, optional
        Parameters of the hazard.
    source : str or sequence of str
        The fate it kills.
    cause, barrier : str
        As for :class:`Death`.
    """

    __slots__ = ()

    def __init__(
        self,
        name: str,
        hazard: Hazard,
        params: Mapping[str, Param | float] | None = None,
        source: str | Sequence[str] = "senescent",
        cause: str = "senolysis",
        barrier: str = "intrinsic",
    ) -> None:
        super().__init__(name, source, DEAD, hazard, barrier, cause=cause, params=params)


class Escape(Transition):
    """An exit from the arrest: barrier ``arrest``.

    Parameters
    ----------
    name : str
        Its name.
    hazard : rule
        Escapes per hour.
    params : mapping, optional
        Parameters of the hazard.
    source : str or sequence of str
        The arrested fate.
    target : str
        The fate after escape.
    barrier : str
        The barrier.
    set, mark, unmark
        As for :class:`Transition`.
    """

    __slots__ = ()

    def __init__(
        self,
        name: str,
        hazard: Hazard,
        params: Mapping[str, Param | float] | None = None,
        source: str | Sequence[str] = "senescent",
        target: str = "cycling",
        barrier: str = "arrest",
        set: Mapping[str, Any] | None = None,
        mark: str | Sequence[str] = (),
        unmark: str | Sequence[str] = (),
    ) -> None:
        super().__init__(name, source, target, hazard, barrier, set, mark, unmark, params=params)


def _hazard(value: Any, params: Mapping[str, Param | float] | None, owner: str) -> Param | Rule:
    if isinstance(value, bool) or value is None:
        raise ModelError(f"{owner}: hazard is {value!r}; give a number per hour or a function of (cell, env, p)")
    if isinstance(value, int | float | np.number):
        try:
            value = Param(float(value), unit="1/h", low=0.0)
        except ModelError:
            raise ModelError(f"{owner}: the hazard is {float(value):g} per hour; it must be finite and >= 0") from None
    if isinstance(value, Param):
        if value.value < 0:
            raise ModelError(f"{owner}: the hazard is {value.value:g} per hour; it must be >= 0")
        return value
    return as_rule(value, params, owner)


def _value(value: Any, params: Mapping[str, Param | float] | None, owner: str) -> Param | Distribution | Rule:
    if isinstance(value, Param | Distribution):
        return value
    if isinstance(value, int | float | np.number):
        return Param(float(value))
    return as_rule(value, params, owner)
