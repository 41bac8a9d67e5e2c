"""Signals, which hazards are written in, and modifiers, by which plugins change signals and hazards of others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from senescape._support.validate import is_number
from senescape.errors import ModelError
from senescape.model.immutable import Frozen
from senescape.rules.parameter import Param, as_param
from senescape.rules.rule import Rule, RuleFunction, as_rule

__all__ = ["Modifier", "Signal"]


class Signal(Frozen):
    """A named quantity of a cell that hazards are written in: ``cell.signal["checkpoint_inhibition"]``.

    It is computed where it is read, from the cell and the environment as they are then; it costs nothing where no rule reads it.

    Parameters
    ----------
    name : str
        What rules call it.
    value : float, Param or rule
        Its value before modifiers. A rule is a function of (cell, env, p) and may read other signals.
    params : mapping, optional
        Parameters of the rule, called ``<name>.<param>``; that of a number is ``<name>.value``.
    unit : str
        Its unit.

    Raises
    ------
    ModelError
        If something is of the wrong kind.

    Examples
    --------
    >>> Signal("checkpoint_inhibition", lambda cell, env, p: 1.0 + cell.pdl1 / p.half, params={"half": 1.5})
    Signal('checkpoint_inhibition')
    """

    __slots__ = ("name", "unit", "value")

    value: Param | Rule
    unit: str

    def __init__(
        self,
        name: str,
        value: float | Param | RuleFunction | Rule,
        params: Mapping[str, Param | float] | None = None,
        unit: str = "1",
    ) -> None:
        if not isinstance(name, str) or not name:
            raise ModelError(f"a signal's name is {name!r}; it must be a text")
        self._put(name=name, unit=unit, value=_number_or_rule(value, params, f"signal {name!r}: value", unit))


class Modifier(Frozen):
    """A factor on a signal or a hazard, which may be of another plugin.

    Factors commute: all modifiers of one thing are multiplied, in the order of their names, so that neither the order of
    plugins nor that of a list changes a result.

    Parameters
    ----------
    name : str
        Its name; no two modifiers of a model share one.
    of : str
        The signal or the transition that it multiplies. A transition with several sources is named with or without
        one: ``"apoptosis"`` means all, ``"apoptosis[cycling]"`` one.
    factor : float, Param or rule
        The factor, >= 0. A rule is a function of (cell, env, p).
    params : mapping, optional
        Parameters of the rule, called ``<name>.<param>``; that of a number is ``<name>.factor``.

    Raises
    ------
    ModelError
        If something is of the wrong kind, or a constant factor is negative.

    Examples
    --------
    >>> Modifier("chromatin_opener", of="escape", factor=10.0)
    Modifier('chromatin_opener')
    """

    __slots__ = ("factor", "name", "of")

    of: str
    factor: Param | Rule

    def __init__(
        self,
        name: str,
        of: str,
        factor: float | Param | RuleFunction | Rule,
        params: Mapping[str, Param | float] | None = None,
    ) -> None:
        for what, given in (("name", name), ("of", of)):
            if not isinstance(given, str) or not given:
                raise ModelError(f"a modifier's {what} is {given!r}; it must be a text")
        made = _number_or_rule(factor, params, f"modifier {name!r}: factor", "1")
        if isinstance(made, Param) and made.value < 0:
            raise ModelError(f"modifier {name!r}: the factor is {made.value:g}; it must be >= 0")
        self._put(name=name, of=of, factor=made)


def _number_or_rule(value: Any, params: Mapping[str, Param | float] | None, owner: str, unit: str) -> Param | Rule:
    if isinstance(value, bool | str) or value is None:
        raise ModelError(f"{owner} is {value!r}; give a number or a function of (cell, env, p)")
    if is_number(value) or isinstance(value, Param):
        if params:
            raise ModelError(
                f"{owner} is a number, which has no params; give a function of (cell, env, p), or leave params out"
            )
        return as_param(value, owner, unit=unit)
    return as_rule(value, params, owner)
