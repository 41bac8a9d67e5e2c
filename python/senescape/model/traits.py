"""Traits: named per-cell numbers, how they start, move and are inherited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from senescape._support.validate import is_number, single_column
from senescape.errors import ModelError
from senescape.model.distributions import Constant, Distribution
from senescape.model.immutable import Frozen
from senescape.rules.parameter import Param, as_param, check_identifier
from senescape.rules.rule import Rule, RuleFunction, as_rule

__all__ = ["Inherit", "Relax", "Trait", "ar1", "copy", "relax", "reset", "scaled"]

Params = Mapping[str, Param | float]


@dataclass(frozen=True, slots=True)
class Relax:
    """Relaxation ``x' = (target - x) / tau``; made by :func:`relax`.

    Attributes
    ----------
    target : Param or Rule
        Where to.
    tau : Param
        Time constant (h).
    fates : tuple of str or None
        Where it holds; None for all fates without a flow of their own.
    """

    target: Param | Rule
    tau: Param
    fates: tuple[str, ...] | None


def relax(
    target: float | Param | RuleFunction | Rule,
    tau: float | Param,
    fate: str | Sequence[str] | None = None,
    params: Params | None = None,
) -> Relax:
    """Let a trait relax toward a target: ``x' = (target - x) / tau``.

    Parameters
    ----------
    target : float, Param or rule
        Where to. A rule may read drugs, pools, aggregates, age, time and other traits (but not in a circle).
    tau : float or Param
        Time constant (h), > 0.
    fate : str or sequence of str, optional
        The fates in which it holds; all that have no flow of their own by default.
    params : mapping, optional
        Parameters of the rule.

    Returns
    -------
    Relax
        For the ``flow`` of a :class:`Trait`.

    Raises
    ------
    ModelError
        If `tau` is not positive, or something is of the wrong kind.

    Examples
    --------
    >>> relax(target=3.0, tau=336.0, fate="senescent").tau.value
    336.0
    """
    time = as_param(tau, "relax(tau)", unit="h")
    if not time.value > 0:
        raise ModelError(f"relax(tau={time.value:g}): the time constant must be a positive number of hours")
    goal: Param | Rule
    if isinstance(target, Param) or is_number(target):
        goal = as_param(target, "relax(target)")
        if params:
            raise ModelError("relax(params=...): the target is a number, which reads no parameters; leave them out")
    else:
        goal = as_rule(target, params, "relax(target)")
    fates = None if fate is None else (fate,) if isinstance(fate, str) else tuple(fate)
    if fates == ():
        raise ModelError("relax(fate=[]): name at least one fate, or leave it out for all fates")
    return Relax(goal, time, fates)


@dataclass(frozen=True, slots=True)
class Inherit:
    """What a daughter gets of her mother's trait; made by :func:`copy`, :func:`ar1`, :func:`scaled`, :func:`reset`.

    Attributes
    ----------
    kind : {"copy", "ar1", "scaled", "reset", "rule"}
        How.
    value : Param or Rule or None
        The correlation of ``"ar1"``, the factor of ``"scaled"``, the rule of ``"rule"``.
    """

    kind: str
    value: Param | Rule | None = None


def copy() -> Inherit:
    """Let a daughter have her mother's value (the default)."""
    return Inherit("copy")


def ar1(rho: float | Param) -> Inherit:
    """First-order autoregression about the initial distribution: mother and daughter correlate by `rho`.

    For a lognormal start it works on logarithms, for a normal one on values, and the distribution stays what it was. For
    another distribution a daughter keeps her mother's value with probability `rho` and else draws afresh. For a table of
    measured values the regression is about the table's own (log-)mean and spread.

    Parameters
    ----------
    rho : float or Param
        Correlation of mother and daughter, from -1 to 1; not negative for distributions other than (log)normal.

    Raises
    ------
    ModelError
        If `rho` lies outside.

    Examples
    --------
    >>> ar1(0.8).value.value
    0.8
    """
    correlation = as_param(rho, "ar1(rho)", low=-1.0, high=1.0)
    if not -1 <= correlation.value <= 1:
        raise ModelError(f"ar1({correlation.value:g}): a correlation lies between -1 and 1")
    return Inherit("ar1", correlation)


def scaled(factor: float | Param) -> Inherit:
    """Let a daughter have a multiple of her mother's value: ``scaled(0.5)`` splits it.

    Parameters
    ----------
    factor : float or Param
        What to multiply by.
    """
    return Inherit("scaled", as_param(factor, "scaled(factor)"))


def reset() -> Inherit:
    """Let a daughter draw afresh from the initial distribution."""
    return Inherit("reset")


class Trait(Frozen):
    """A named per-cell number (float32 in the engine).

    Parameters
    ----------
    name : str
        What rules call it: ``cell.<name>``.
    initial : float, Param, Distribution, array-like of shape (founder,), or rule
        Its first value. An array holds one value for each founder, in the order of the fates of ``initial`` of the run. A
        rule may read parameters and traits listed before this one.
    unit : str
        Its unit, ``"1"`` for none.
    flow : Relax or sequence of Relax, optional
        How it moves between events; not at all by default.
    inherit : Inherit or rule, optional
        What a daughter gets: :func:`copy` by default. A rule reads the mother.
    params : mapping, optional
        Parameters of an `initial` or `inherit` given as a rule.

    Raises
    ------
    ModelError
        If something is of the wrong kind.

    Examples
    --------
    >>> from senescape import LogNormal
    >>> Trait("depth", LogNormal(1.0, 0.5), flow=relax(3.0, tau=336.0, fate="senescent"), inherit=ar1(0.8))
    Trait('depth')
    """

    __slots__ = ("flow", "inherit", "initial", "name", "unit")

    unit: str
    initial: Param | Distribution | NDArray[np.float32] | Rule
    flow: tuple[Relax, ...]
    inherit: Inherit

    def __init__(
        self,
        name: str,
        initial: float | Param | Distribution | ArrayLike | RuleFunction | Rule = 0.0,
        unit: str = "1",
        flow: Relax | Sequence[Relax] | None = None,
        inherit: Inherit | RuleFunction | Rule | None = None,
        params: Params | None = None,
    ) -> None:
        check_identifier(name, "a trait", "cell")
        if name in ("age", "mark", "signal"):
            raise ModelError(f"a trait cannot be named {name!r}: every cell has cell.{name} already")
        owner = f"trait {name!r}"
        start = _initial(initial, params, owner)
        flows = () if flow is None else tuple(flow) if isinstance(flow, Sequence) else (flow,)
        for each in flows:
            if not isinstance(each, Relax):
                raise ModelError(f"{owner}: flow holds {each!r}; make flows with sn.relax(target, tau, fate)")
        _one_flow_a_fate(flows, owner)
        heritage = copy() if inherit is None else inherit
        if not isinstance(heritage, Inherit):
            heritage = Inherit("rule", as_rule(heritage, params, f"{owner}: inherit"))
        _check_inherit(heritage, start, owner)
        if params and not isinstance(start, Rule) and heritage.kind != "rule":
            raise ModelError(f"{owner}: params are for an initial or inherit given as a rule; here neither is one")
        self._put(name=name, unit=str(unit), initial=start, flow=flows, inherit=heritage)


def _holds_texts(value: Any) -> bool:
    return isinstance(value, list | tuple) and any(isinstance(each, str) for each in value)


def _one_flow_a_fate(flows: Sequence[Relax], owner: str) -> None:
    seen: set[str | None] = set()
    for flow in flows:
        for fate in flow.fates or (None,):
            if fate in seen:
                where = "all other fates" if fate is None else f"the fate {fate!r}"
                raise ModelError(f"{owner} has two flows for {where}; a trait follows one flow at a time")
            seen.add(fate)


def _check_inherit(inherit: Inherit, start: Any, owner: str) -> None:
    table = isinstance(start, np.ndarray)
    if inherit.kind == "reset" and table:
        raise ModelError(f"{owner}: reset() draws afresh, but the initial values are a table; use copy() or ar1()")
    if inherit.kind != "ar1":
        return
    if isinstance(start, Rule):
        raise ModelError(f"{owner}: ar1() needs an initial distribution or table to regress to, not a rule")
    assert isinstance(inherit.value, Param)
    linear = isinstance(start, Distribution) and start.kind in ("normal", "lognormal")
    if inherit.value.value < 0 and not linear and not table:
        raise ModelError(f"{owner}: ar1({inherit.value.value:g}) below 0 needs a normal or lognormal initial value")


def _initial(value: Any, params: Params | None, owner: str) -> Param | Distribution | NDArray[np.float32] | Rule:
    if isinstance(value, Constant):
        return value.params()["value"]
    if isinstance(value, Param | Distribution):
        return value
    if is_number(value):
        return as_param(value, f"{owner}: initial")
    if isinstance(value, Rule) or (callable(value) and not hasattr(value, "__array__")):
        return as_rule(value, params, f"{owner}: initial")
    if value is None or isinstance(value, bool | np.bool_ | str | bytes) or _holds_texts(value):
        raise ModelError(f"{owner}: initial is {value!r}; give a number, a distribution, an array or a rule")
    column = single_column(value, owner, "initial")
    column.flags.writeable = False
    return column
