"""Traits: named per-cell numbers, how they start, move and are inherited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from senescape.distributions import Distribution
from senescape.errors import ModelError
from senescape.rules import Param, Rule, RuleFunction, as_params, as_rule

__all__ = ["Inherit", "Relax", "Trait", "ar1", "copy", "relax", "reset", "scaled"]


@dataclass(frozen=True, slots=True)
class Relax:
    """Relaxation ``x' = (target - x) / tau``; made by :func:`relax`."""

    target: Param | Rule
    tau: Param
    fates: tuple[str, ...] | None


def relax(
    target: float | Param | RuleFunction,
    tau: float | Param,
    fate: str | Sequence[str] | None = None,
    params: Mapping[str, Param | float] | None = None,
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
        If `tau` is not positive.
    """
    tau = tau if isinstance(tau, Param) else Param(tau, unit="h")
    if not tau.value > 0:
        raise ModelError(f"relax(tau={tau.value:g}): the time constant must be a positive number of hours")
    goal: Param | Rule
    if isinstance(target, Param):
        goal = target
    elif isinstance(target, int | float | np.number):
        goal = Param(float(target))
    else:
        goal = as_rule(target, params, "relax(target)")
    fates = None if fate is None else (fate,) if isinstance(fate, str) else tuple(fate)
    return Relax(goal, tau, fates)


@dataclass(frozen=True, slots=True)
class Inherit:
    """What a daughter gets of her mother's trait; made by :func:`copy`, :func:`ar1`, :func:`scaled`, :func:`reset`."""

    kind: str
    value: Param | Rule | None = None


def copy() -> Inherit:
    """The mother's value (the default)."""
    return Inherit("copy")


def ar1(rho: float | Param) -> Inherit:
    """First-order autoregression about the initial distribution: mother and daughter correlate by `rho`.

    For a lognormal start it works on logarithms, for a normal one on values, and the distribution stays what it was. For
    another distribution a daughter keeps her mother's value with probability `rho` and else draws afresh. For a table of
    measured values the regression is about the table's own (log-)mean and spread.

    Parameters
    ----------
    rho : float or Param
        Correlation of mother and daughter, from -1 to 1.
    """
    rho = rho if isinstance(rho, Param) else Param(rho)
    if not -1 <= rho.value <= 1:
        raise ModelError(f"ar1({rho.value:g}): a correlation lies between -1 and 1")
    return Inherit("ar1", rho)


def scaled(factor: float | Param) -> Inherit:
    """A multiple of the mother's value: ``scaled(0.5)`` splits it."""
    return Inherit("scaled", factor if isinstance(factor, Param) else Param(factor))


def reset() -> Inherit:
    """A fresh draw from the initial distribution."""
    return Inherit("reset")


class Trait:
    """A named per-cell number (float32 in the engine).

    Parameters
    ----------
    name : str
        What rules call it: ``cell.<name>``.
    initial : float, Param, Distribution, array-like of shape (founder,), or rule
        Its first value. An array holds one value for each founder, in the order of the fates of ``initial`` of the run. A
        rule may read traits listed before this one.
    unit : str
        Its unit, ``"1"`` for none.
    flow : Relax or sequence of Relax, optional
        How it moves between events; not at all by default.
    inherit : Inherit or rule, optional
        What a daughter gets: :func:`copy` by default.
    params : mapping, optional
        Parameters of an `initial` or `inherit` given as a rule.

    Raises
    ------
    ModelError
        If something is of the wrong kind.
    """

    __slots__ = ("flow", "inherit", "initial", "name", "unit")

    name: str
    unit: str
    initial: Param | Distribution | NDArray[np.float32] | Rule
    flow: tuple[Relax, ...]
    inherit: Inherit

    def __init__(
        self,
        name: str,
        initial: float | Param | Distribution | ArrayLike | RuleFunction = 0.0,
        unit: str = "1",
        flow: Relax | Sequence[Relax] | None = None,
        inherit: Inherit | RuleFunction | None = None,
        params: Mapping[str, Param | float] | None = None,
    ) -> None:
        if not (isinstance(name, str) and name.isidentifier()):
            raise ModelError(f"a trait's name is {name!r}; it must be an identifier, since rules write cell.{name}")
        if name in ("age", "mark"):
            raise ModelError(f"a trait cannot be named {name!r}: every cell has cell.{name} already")
        self.name = name
        self.unit = unit
        owner = f"trait {name!r}"
        self.initial = _initial(initial, params, owner)
        flows = () if flow is None else (flow,) if isinstance(flow, Relax) else tuple(flow)
        for each in flows:
            if not isinstance(each, Relax):
                raise ModelError(f"{owner}: flow holds {each!r}; make flows with sn.relax(target, tau, fate)")
        self.flow = flows
        if inherit is None:
            self.inherit = copy()
        elif isinstance(inherit, Inherit):
            self.inherit = inherit
        else:
            self.inherit = Inherit("rule", as_rule(inherit, params, owner))

    def __repr__(self) -> str:
        return f"Trait({self.name!r})"


def _initial(
    value: Any, params: Mapping[str, Param | float] | None, owner: str
) -> Param | Distribution | NDArray[np.float32] | Rule:
    if isinstance(value, Param | Distribution):
        return value
    if isinstance(value, int | float | np.number):
        as_params({"initial": float(value)}, owner)
        return Param(float(value))
    if callable(value):
        return as_rule(value, params, owner)
    try:
        column = np.asarray(value, dtype=np.float32)
    except (TypeError, ValueError):
        raise ModelError(f"{owner}: initial is {value!r}; give a number, a distribution, an array or a rule") from None
    if column.ndim != 1:
        raise ModelError(f"{owner}: initial has shape {column.shape}; an array must hold one value for each founder")
    bad = np.flatnonzero(~np.isfinite(column))
    if bad.size:
        raise ModelError(f"{owner}: value {bad[0]} of initial is {column[bad[0]]}; drop or fill missing values first")
    return column
