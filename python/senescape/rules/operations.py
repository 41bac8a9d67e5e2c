"""The operations that a rule may use: one table, which tracing, evaluation, formulas, costs and tests read.

An operation that is added here is added to the engine too: its meaning (`expr/graph.rs`, `expr/eval.rs`) and its range
(`expr/interval.rs`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = [
    *("BINARY", "BITWISE", "BOOLEAN", "KEEPS_BOOLEAN", "OPERATIONS", "SYMBOLS", "UFUNCS", "UNARY", "Operation"),
    "cost_of",
]


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation of the engine.

    Attributes
    ----------
    name : str
        What the engine calls it.
    ufuncs : tuple of ufunc
        NumPy's functions of this meaning; the first evaluates it on arrays.
    operands : int
        1 or 2.
    symbol : str
        How formulas write it, if not as a call.
    cost : float
        The time that it takes, in additions.
    example : str
        A formula of any numbers ``{0}`` and ``{1}`` that uses it and is finite: for tests.
    """

    name: str
    ufuncs: tuple[np.ufunc, ...]
    operands: int = 1
    symbol: str = ""
    cost: float = 1.0
    example: str = ""


_DEAR = 10.0
"""Functions that are computed by polynomials."""


def _one(name: str, *ufuncs: np.ufunc, cost: float = 1.0, example: str) -> Operation:
    return Operation(name, ufuncs, 1, "", cost, example)


def _two(name: str, symbol: str, *ufuncs: np.ufunc, cost: float = 1.0, example: str) -> Operation:
    return Operation(name, ufuncs, 2, symbol, cost, example)


OPERATIONS = (
    _one("neg", np.negative, example="-{0}"),
    _one("abs", np.absolute, np.fabs, example="np.abs({0})"),
    _one("sqrt", np.sqrt, example="np.sqrt(np.abs({0}))"),
    _one("cbrt", np.cbrt, cost=_DEAR, example="np.cbrt({0})"),
    _one("square", np.square, example="np.square({0})"),
    _one("reciprocal", np.reciprocal, example="np.reciprocal(0.3 + np.abs({0}))"),
    _one("exp", np.exp, cost=_DEAR, example="np.exp(np.clip({0}, -6.0, 3.0))"),
    _one("exp2", np.exp2, cost=_DEAR, example="np.exp2(np.minimum({0}, 3.0))"),
    _one("expm1", np.expm1, cost=_DEAR, example="np.expm1(np.minimum({0}, 2.0))"),
    _one("log", np.log, cost=_DEAR, example="np.log(0.1 + np.abs({0}))"),
    _one("log2", np.log2, cost=_DEAR, example="np.log2(0.1 + np.abs({0}))"),
    _one("log10", np.log10, cost=_DEAR, example="np.log10(0.1 + np.abs({0}))"),
    _one("log1p", np.log1p, cost=_DEAR, example="np.log1p(np.abs({0}))"),
    _one("sin", np.sin, cost=_DEAR, example="np.sin({0})"),
    _one("cos", np.cos, cost=_DEAR, example="np.cos({0})"),
    _one("tanh", np.tanh, cost=_DEAR, example="np.tanh({0})"),
    _one("floor", np.floor, example="np.floor({0})"),
    _one("ceil", np.ceil, example="np.ceil({0})"),
    _one("sign", np.sign, example="np.sign({0})"),
    _one("not", np.logical_not, np.invert, example="np.where(~({0} > 0.5), 1.0, 0.0)"),
    _two("add", "+", np.add, example="({0} + {1})"),
    _two("sub", "-", np.subtract, example="({0} - {1})"),
    _two("mul", "*", np.multiply, example="({0} * {1})"),
    _two("div", "/", np.divide, cost=3.0, example="{0} / (0.3 + np.abs({1}))"),
    _two("min", "", np.minimum, example="np.minimum({0}, {1})"),
    _two("max", "", np.maximum, example="np.maximum({0}, {1})"),
    _two(
        "pow",
        "**",
        np.power,
        np.float_power,
        cost=_DEAR,
        example="np.power(0.1 + np.abs({0}), np.clip({1}, -2.0, 2.0))",
    ),
    _two("lt", "<", np.less, example="np.where({0} < {1}, {1}, 1.0)"),
    _two("le", "<=", np.less_equal, example="np.where({0} <= {1}, {1}, 1.0)"),
    _two("gt", ">", np.greater, example="np.where({0} > {1}, {0}, {1} - {0})"),
    _two("ge", ">=", np.greater_equal, example="np.where({0} >= {1}, {0}, 0.5)"),
    _two("eq", "==", np.equal, example="np.where({0} == {1}, {0}, 0.5)"),
    _two("ne", "!=", np.not_equal, example="np.where({0} != {1}, {0}, 0.5)"),
    _two("and", "&", np.logical_and, np.bitwise_and, example="np.where(({0} < 1.0) & ({1} >= 0.5), 2.0, {0})"),
    _two("or", "|", np.logical_or, np.bitwise_or, example="np.where(({0} <= 1.0) | ({1} != 0.5), {1}, 1.0)"),
)

UNARY = {ufunc: each.name for each in OPERATIONS if each.operands == 1 for ufunc in each.ufuncs}
BINARY = {ufunc: each.name for each in OPERATIONS if each.operands == 2 for ufunc in each.ufuncs}
UFUNCS = {each.name: each.ufuncs[0] for each in OPERATIONS}
SYMBOLS = {each.name: each.symbol for each in OPERATIONS if each.symbol}

_COSTS = {each.name: each.cost for each in OPERATIONS}

BOOLEAN = frozenset({"lt", "le", "gt", "ge", "eq", "ne", "and", "or", "not"})
"""Operations whose values are 0 or 1."""

KEEPS_BOOLEAN = frozenset({"mul", "min", "max", "abs"})
"""Operations that make a condition of conditions, in NumPy too."""

BITWISE = frozenset({np.invert, np.bitwise_and, np.bitwise_or})
"""Ufuncs that are for conditions alone."""


def cost_of(name: str) -> float:
    """Return the time that an operation takes, in additions."""
    return _COSTS.get(name, 1.0)
