"""Pools: scalars of the environment with a differential equation."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from senescape.errors import ModelError
from senescape.rules import Param, Rule, as_params

__all__ = ["Pool"]


class Pool:
    """A scalar of the environment: effector T cells, NK cells, SASP, toxicity.

    Parameters
    ----------
    name : str
        What rules call it: ``env.pool[name]``.
    initial : float or Param
        Its first value.
    rate : callable (env, p)
        Its change per hour. It may read drugs, pools, time, ``env.count``, ``env.sum`` and ``env.mean``.
    params : mapping, optional
        Parameters of the rate.
    unit : str
        Its unit.
    """

    __slots__ = ("initial", "name", "rate", "unit")

    def __init__(
        self,
        name: str,
        initial: float | Param = 0.0,
        rate: Callable[[Any, Any], Any] | float = 0.0,
        params: Mapping[str, Param | float] | None = None,
        unit: str = "1",
    ) -> None:
        if not isinstance(name, str) or not name:
            raise ModelError(f"a pool's name is {name!r}; it must be a text")
        owner = f"pool {name!r}"
        self.name = name
        self.unit = unit
        self.initial = initial if isinstance(initial, Param) else Param(initial, unit=unit)
        self.rate: Param | Rule
        if isinstance(rate, int | float):
            self.rate = Param(float(rate), unit=f"{unit}/h")
            return
        if not callable(rate):
            raise ModelError(f"{owner}: rate is {rate!r}; it must be a function of (env, p)")
        try:
            inspect.signature(rate).bind(None, None)
        except TypeError:
            raise ModelError(
                f"{owner}: the rate is a function of two arguments, (env, p): a pool sees no single cell"
            ) from None
        except ValueError:
            pass
        self.rate = Rule(rate, as_params(params, owner))  # type: ignore[arg-type]

    def __repr__(self) -> str:
        return f"Pool({self.name!r})"
