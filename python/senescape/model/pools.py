"""Pools: scalars of the environment with a differential equation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from senescape._support.validate import is_number
from senescape.errors import ModelError
from senescape.model.immutable import Frozen
from senescape.rules.parameter import Param, as_param
from senescape.rules.rule import Rule, as_rule

__all__ = ["Pool"]


class Pool(Frozen):
    """A scalar of the environment: effector T cells, NK cells, SASP, toxicity.

    Parameters
    ----------
    name : str
        What rules call it: ``env.pool[name]``.
    initial : float or Param
        Its first value.
    rate : callable (env, p), float or Param
        Its change per hour. It may read drugs, pools, time, ``env.count``, ``env.sum`` and ``env.mean``.
    params : mapping, optional
        Parameters of the rate.
    unit : str
        Its unit.

    Raises
    ------
    ModelError
        If something is of the wrong kind.

    Examples
    --------
    >>> Pool("t_cells", initial=1.0, rate=lambda env, p: -p.decay * env.pool["t_cells"], params={"decay": 0.02})
    Pool('t_cells')
    """

    __slots__ = ("initial", "name", "rate", "unit")

    initial: Param
    rate: Param | Rule
    unit: str

    def __init__(
        self,
        name: str,
        initial: float | Param = 0.0,
        rate: Callable[[Any, Any], Any] | Rule | float | Param = 0.0,
        params: Mapping[str, Param | float] | None = None,
        unit: str = "1",
    ) -> None:
        if not isinstance(name, str) or not name:
            raise ModelError(f"a pool's name is {name!r}; it must be a text")
        owner = f"pool {name!r}"
        change: Param | Rule
        if isinstance(rate, Param) or is_number(rate):
            change = as_param(rate, f"{owner}: rate", unit=f"{unit}/h")
            if params:
                raise ModelError(f"{owner}: the rate is a number, which reads no params; leave them out")
        else:
            change = as_rule(rate, params, f"{owner}: rate", reads_cell=False)
        start = as_param(initial, f"{owner}: initial", unit=unit)
        if abs(start.value) > float(np.finfo(np.float32).max):
            raise ModelError(f"{owner}: initial is {start.value:g}, beyond single precision; count in a larger unit")
        self._put(name=name, unit=str(unit), initial=start, rate=change)
