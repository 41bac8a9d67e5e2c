"""The functions of NumPy that a rule may use, by what the engine calls them."""

from __future__ import annotations

import numpy as np

__all__ = ["BINARY", "BITWISE", "BOOLEAN", "KEEPS_BOOLEAN", "UNARY"]

UNARY: dict[np.ufunc, str] = {
    np.negative: "neg",
    np.absolute: "abs",
    np.fabs: "abs",
    np.sqrt: "sqrt",
    np.cbrt: "cbrt",
    np.square: "square",
    np.reciprocal: "reciprocal",
    np.exp: "exp",
    np.exp2: "exp2",
    np.expm1: "expm1",
    np.log: "log",
    np.log2: "log2",
    np.log10: "log10",
    np.log1p: "log1p",
    np.sin: "sin",
    np.cos: "cos",
    np.tanh: "tanh",
    np.floor: "floor",
    np.ceil: "ceil",
    np.sign: "sign",
    np.logical_not: "not",
    np.invert: "not",
}

BINARY: dict[np.ufunc, str] = {
    np.add: "add",
    np.subtract: "sub",
    np.multiply: "mul",
    np.divide: "div",
    np.minimum: "min",
    np.maximum: "max",
    np.power: "pow",
    np.float_power: "pow",
    np.less: "lt",
    np.less_equal: "le",
    np.greater: "gt",
    np.greater_equal: "ge",
    np.equal: "eq",
    np.not_equal: "ne",
    np.logical_and: "and",
    np.bitwise_and: "and",
    np.logical_or: "or",
    np.bitwise_or: "or",
}

BOOLEAN = frozenset({"lt", "le", "gt", "ge", "eq", "ne", "and", "or", "not"})
"""Operations whose values are 0 or 1."""

KEEPS_BOOLEAN = frozenset({"mul", "min", "max", "abs"})
"""Operations that make a condition of conditions, in NumPy too."""

BITWISE = frozenset({np.invert, np.bitwise_and, np.bitwise_or})
"""Ufuncs that are for conditions alone."""
