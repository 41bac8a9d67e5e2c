"""Transitions: hazards with their effects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from senescape._support.frozen_dict import FrozenDict
from senescape._support.validate import is_number, number
from senescape.errors import ModelError
from senescape.model.distributions import Constant, Distribution
from senescape.model.immutable import Frozen
from senescape.rules.parameter import Param, as_param
from senescape.rules.rule import Rule, RuleFunction, as_rule

__all__ = ["Death", "Division", "Escape", "Immunotherapy", "Senolytic", "Transition"]

DEAD = "dead"
"""The target of a death. The dead are counted by cause and not kept."""

Hazard = float | Param | RuleFunction | Rule
Params = Mapping[str, Param | float]
Names = str | Sequence[str]


class Transition(Frozen):
    """A hazard from one fate to another, or to death, with effects.

    Parameters
    ----------
    name : str
        Its name; its parameters are called ``<name>.<param>``, that of a constant hazard ``<name>.hazard``.
    source : str or sequence of str
        The fate it leaves; several make one transition each, named ``<name>[<source>]``, with the parameters in common.
    target : str
        The fate it leads to; the source's own for an event within a fate (age goes on), or ``"dead"``.
    hazard : float, Param or rule
        Events per hour for one cell, >= 0. A rule is a function of (cell, env, p).
    barrier : str, optional
        The barrier it belongs to, for the ledger.
    set : mapping of str to float, Param, Distribution or rule, optional
        Traits to set. Rules read the cell as it was before.
    mark, unmark : str or sequence of str, optional
        Marks to raise and to clear.
    cause : str, optional
        Cause of a death; the name by default.
    params : mapping, optional
        Parameters of the hazard and of rules in `set`.
    traced : bool
        False takes the slow path: the hazard is not compiled but called with NumPy columns at the start of every epoch, and
        its values hold for the epoch. A cell that enters the fate meets it from the next epoch on; a daughter has her
        mother's. For what cannot be traced, and to try things out.

    Raises
    ------
    ModelError
        If something is of the wrong kind, or a constant hazard is negative.

    Examples
    --------
    >>> Transition("escape", "senescent", "cycling", hazard=1e-4, barrier="arrest", mark=["ever_senescent"])
    Transition('escape')
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
        "prefix",
        "set",
        "source",
        "target",
        "unmark",
    )

    source: tuple[str, ...]
    kind: str
    target: str | None
    hazard: Param | Rule
    barrier: str | None
    set: dict[str, Param | Distribution | Rule]
    mark: tuple[str, ...]
    unmark: tuple[str, ...]
    cause: str | None
    params: dict[str, Param]
    named: bool
    prefix: str

    def __init__(
        self,
        name: str,
        source: Names,
        target: str,
        hazard: Hazard,
        barrier: str | None = None,
        set: Mapping[str, Any] | None = None,
        mark: Names = (),
        unmark: Names = (),
        cause: str | None = None,
        params: Params | None = None,
        traced: bool = True,
    ) -> None:
        if not isinstance(target, str):
            raise ModelError(f"transition {name!r}: target is {target!r}; name a fate, or 'dead'")
        kind = "death" if target == DEAD else "move"
        self._build(name, kind, source, target, hazard, barrier, set, mark, unmark, cause, params, traced=traced)

    def _build(
        self,
        name: str,
        kind: str,
        source: Names,
        target: str | None,
        hazard: Hazard,
        barrier: str | None,
        set: Mapping[str, Any] | None = None,
        mark: Names = (),
        unmark: Names = (),
        cause: str | None = None,
        params: Params | None = None,
        named: bool = True,
        traced: bool = True,
    ) -> None:
        if not isinstance(name, str) or not name:
            raise ModelError(f"a transition's name is {name!r}; it must be a text")
        owner = f"transition {name!r}"
        sources = _names(source, f"{owner}: source")
        if not sources:
            raise ModelError(f"{owner}: source is empty; name the fate it leaves")
        for what, text in (("barrier", barrier), ("cause", cause)):
            if text is not None and (not isinstance(text, str) or not text):
                raise ModelError(f"{owner}: {what} is {text!r}; it must be a text, or left out")
        raised, cleared = _names(mark, f"{owner}: mark"), _names(unmark, f"{owner}: unmark")
        if both := [each for each in raised if each in cleared]:
            raise ModelError(f"{owner} raises and clears the mark {both[0]!r}; do one of them")
        if kind == "death":
            cause = cause or name
            if set or raised or cleared:
                raise ModelError(f"{owner} is a death; the dead are not kept, so leave set, mark and unmark out")
        elif cause is not None:
            raise ModelError(f"{owner} has a cause, but only deaths have; leave it out or use target='dead'")
        rate = _hazard(hazard, params, owner, traced)
        values = {trait: _value(value, params, f"{owner}: set[{trait!r}]") for trait, value in dict(set or {}).items()}
        rules = [each for each in (rate, *values.values()) if isinstance(each, Rule)]
        if params and not rules:
            raise ModelError(f"{owner}: params are for rules, but its hazard is a number; leave them out")
        self._put(
            name=name,
            kind=kind,
            source=sources,
            target=None if kind == "death" else target,
            hazard=rate,
            barrier=barrier,
            set=FrozenDict(values),
            mark=raised,
            unmark=cleared,
            cause=cause,
            params={param: value for rule in rules for param, value in rule.params.items()},
            named=named,
            prefix=name,
        )


class Division(Transition):
    """A division into two daughters, each with the traits that inheritance gives her; both start at age 0.

    Parameters
    ----------
    source : str or sequence of str
        The fate that divides.
    hazard : float, Param or rule
        Divisions per hour for one cell.
    name : str
        ``"division"`` by default, followed by ``[<source>]`` where several would have that name.
    target : str, optional
        The daughters' fate; the mother's by default.
    barrier, set, mark, unmark, params, traced
        As for :class:`Transition`; `set` works on each daughter after inheritance.

    Examples
    --------
    >>> Division("cycling", hazard=0.03)
    Division('division')
    """

    __slots__ = ()

    def __init__(
        self,
        source: Names,
        hazard: Hazard,
        name: str | None = None,
        target: str | None = None,
        barrier: str | None = None,
        set: Mapping[str, Any] | None = None,
        mark: Names = (),
        unmark: Names = (),
        params: Params | None = None,
        traced: bool = True,
    ) -> None:
        if target == DEAD:
            raise ModelError("a division does not lead to death; use sn.Death")
        called = "division" if name is None else name
        self._build(
            called,
            "division",
            source,
            target,
            hazard,
            barrier,
            set,
            mark,
            unmark,
            params=params,
            named=name is not None,
            traced=traced,
        )


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
        Its name; the cause by default, followed by ``[<source>]`` where several would have that name.
    params : mapping, optional
        Parameters of the hazard.
    traced : bool
        As for :class:`Transition`.

    Examples
    --------
    >>> Death("cycling", hazard=3e-4, cause="turnover")
    Death('turnover')
    """

    __slots__ = ()

    def __init__(
        self,
        source: Names,
        hazard: Hazard,
        cause: str = "death",
        barrier: str | None = None,
        name: str | None = None,
        params: Params | None = None,
        traced: bool = True,
    ) -> None:
        called, named = cause if name is None else name, name is not None
        self._build(
            called, "death", source, None, hazard, barrier, cause=cause, params=params, named=named, traced=traced
        )


class Senolytic(Death):
    """A death of senescent cells by a drug: barrier ``intrinsic``, cause ``senolysis``.

    Parameters
    ----------
    name : str
        Its name.
    hazard : float, Param or rule
        Deaths per hour for one cell.
    params : mapping, optional
        Parameters of the hazard.
    source : str or sequence of str
        The fate it kills.
    cause, barrier, traced
        As for :class:`Death`.
    """

    __slots__ = ()

    def __init__(
        self,
        name: str,
        hazard: Hazard,
        params: Params | None = None,
        source: Names = "senescent",
        cause: str = "senolysis",
        barrier: str | None = "intrinsic",
        traced: bool = True,
    ) -> None:
        self._build(name, "death", source, None, hazard, barrier, cause=cause, params=params, traced=traced)


class Immunotherapy(Death):
    """A death by immune cells that a treatment brings about: barrier ``immune``, cause ``t_cell``.

    Parameters
    ----------
    name : str
        Its name.
    hazard : float, Param or rule
        Deaths per hour for one cell.
    params : mapping, optional
        Parameters of the hazard.
    source : str or sequence of str
        The fate it kills.
    cause, barrier, traced
        As for :class:`Death`; the cause of a death by NK cells is ``"nk_cell"``.
    """

    __slots__ = ()

    def __init__(
        self,
        name: str,
        hazard: Hazard,
        params: Params | None = None,
        source: Names = "senescent",
        cause: str = "t_cell",
        barrier: str | None = "immune",
        traced: bool = True,
    ) -> None:
        self._build(name, "death", source, None, hazard, barrier, cause=cause, params=params, traced=traced)


class Escape(Transition):
    """An exit from the arrest: barrier ``arrest``.

    Parameters
    ----------
    name : str
        Its name.
    hazard : float, Param or rule
        Escapes per hour for one cell.
    params : mapping, optional
        Parameters of the hazard and of rules in `set`.
    source : str or sequence of str
        The arrested fate.
    target : str
        The fate after escape.
    barrier : str
        The barrier.
    set, mark, unmark, traced
        As for :class:`Transition`.
    """

    __slots__ = ()

    def __init__(
        self,
        name: str,
        hazard: Hazard,
        params: Params | None = None,
        source: Names = "senescent",
        target: str = "cycling",
        barrier: str | None = "arrest",
        set: Mapping[str, Any] | None = None,
        mark: Names = (),
        unmark: Names = (),
        traced: bool = True,
    ) -> None:
        if target == DEAD:
            raise ModelError(f"transition {name!r}: an escape leads to a fate, not to death; use sn.Death")
        self._build(name, "move", source, target, hazard, barrier, set, mark, unmark, params=params, traced=traced)


def _names(value: Any, what: str) -> tuple[str, ...]:
    names = (value,) if isinstance(value, str) else tuple(value)
    for name in names:
        if not isinstance(name, str) or not name:
            raise ModelError(f"{what} holds {name!r}; it must hold names")
        if names.count(name) > 1:
            raise ModelError(f"{what} names {name!r} twice")
    return names


def _hazard(value: Any, params: Params | None, owner: str, traced: bool) -> Param | Rule:
    if isinstance(value, bool | str) or value is None:
        raise ModelError(f"{owner}: hazard is {value!r}; give a number per hour or a function of (cell, env, p)")
    if is_number(value):
        return as_param(
            number(value, f"{owner}: the hazard (per hour)", "finite and >= 0", low=0.0), owner, unit="1/h", low=0.0
        )
    if isinstance(value, Param):
        if value.value < 0:
            raise ModelError(f"{owner}: the hazard is {value.value:g} per hour; it must be >= 0")
        return value
    return as_rule(value, params, f"{owner}: hazard", traced=traced)


def _value(value: Any, params: Params | None, owner: str) -> Param | Distribution | Rule:
    if isinstance(value, Constant):
        return value.params()["value"]
    if isinstance(value, Param | Distribution):
        return value
    if is_number(value):
        return as_param(value, owner)
    return as_rule(value, params, owner)
