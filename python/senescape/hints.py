"""What to write instead of what the engine does not know."""

from __future__ import annotations

import numpy as np

__all__ = ["FUNCTIONS", "METHODS", "OF_CONDITIONS"]

_ONE = "a rule sees one cell at a time"
_FATE = f"{_ONE}; over the cells of a fate read env.sum[fate].trait, env.mean[fate].trait or env.count[fate]"
_NEST = "nest np.where: np.where(c1, a, np.where(c2, b, c))"

FUNCTIONS: dict[str, str] = {
    # ufuncs
    "remainder": "write x - np.floor(x / y) * y",
    "fmod": "write x - np.floor(x / y) * y for x >= 0",
    "floor_divide": "write np.floor(x / y)",
    "divmod": "write np.floor(x / y) and x - np.floor(x / y) * y",
    "fmax": "use np.maximum: a rule makes no NaN to be skipped",
    "fmin": "use np.minimum: a rule makes no NaN to be skipped",
    "tan": "write np.sin(x) / np.cos(x)",
    "sinh": "write 0.5 * (np.exp(x) - np.exp(-x))",
    "cosh": "write 0.5 * (np.exp(x) + np.exp(-x))",
    "arctan": "for a saturating curve use np.tanh or sn.hill",
    "arcsin": "for a saturating curve use np.tanh or sn.hill",
    "arccos": "for a saturating curve use np.tanh or sn.hill",
    "arcsinh": "write np.log(x + np.sqrt(x * x + 1))",
    "arccosh": "write np.log(x + np.sqrt(x * x - 1))",
    "arctanh": "write 0.5 * (np.log1p(x) - np.log1p(-x))",
    "hypot": "write np.sqrt(x * x + y * y)",
    "logaddexp": "write m + np.log(np.exp(x - m) + np.exp(y - m)) with m = np.maximum(x, y)",
    "logical_xor": "write (a & ~b) | (b & ~a)",
    "bitwise_xor": "write (a & ~b) | (b & ~a)",
    "rint": "write np.floor(x + 0.5)",
    "trunc": "write np.sign(x) * np.floor(np.abs(x))",
    "degrees": "multiply by 180 / np.pi",
    "radians": "multiply by np.pi / 180",
    "deg2rad": "multiply by np.pi / 180",
    "rad2deg": "multiply by 180 / np.pi",
    "isnan": "a rule should make no NaN: keep its inputs in range with np.clip or np.maximum",
    "isinf": "a rule should make no infinity: keep its inputs in range with np.clip or np.maximum",
    "isfinite": "a rule should make neither NaN nor infinity: keep its inputs in range with np.clip",
    "matmul": "write the sum of products out: a * x + b * y",
    "expit": "write 1.0 / (1.0 + np.exp(-x))",
    "logit": "write np.log(x) - np.log1p(-x)",
    "erf": "np.tanh(1.128379 * x) comes close",
    "exprel": "write np.expm1(x) / x",
    "xlogy": "write x * np.log(y)",
    # functions
    "sum": f"add the values with +; {_FATE}",
    "prod": "multiply the values with *",
    "mean": f"add the values and divide; {_FATE}",
    "average": f"add the values and divide; {_FATE}",
    "median": _FATE,
    "std": _FATE,
    "var": _FATE,
    "max": "for the greater of two values use np.maximum(a, b)",
    "amax": "for the greater of two values use np.maximum(a, b)",
    "min": "for the lesser of two values use np.minimum(a, b)",
    "amin": "for the lesser of two values use np.minimum(a, b)",
    "any": "join conditions with |",
    "all": "join conditions with &",
    "select": _NEST,
    "choose": _NEST,
    "piecewise": _NEST,
    "interp": "write the pieces with np.where, or use np.clip for a ramp",
    "dot": "write the sum of products out: a * x + b * y",
    "round": "write np.floor(x + 0.5)",
    "nan_to_num": "a rule should make no NaN: keep its inputs in range with np.clip or np.maximum",
    "stack": "combine values with operators",
    "concatenate": "combine values with operators",
    "array": "combine values with operators",
    "size": f"{_ONE}; for the number of cells read env.count[fate]",
    "shape": _ONE,
    "copy": "leave it out: a rule changes nothing",
    "sort": "use np.minimum and np.maximum",
    "cumsum": _ONE,
    "diff": _ONE,
    "gradient": _ONE,
}
"""By the name of the function."""

METHODS: dict[str, str] = {
    "clip": "write np.clip(x, low, high)",
    "astype": "leave it out: all values are numbers; for a condition as a number np.where(c, 1.0, 0.0)",
    "item": "leave it out: a rule sees one cell at a time",
    "tolist": "leave it out: a rule sees one cell at a time",
    "copy": "leave it out: a rule changes nothing",
    "shape": _ONE,
    "size": FUNCTIONS["size"],
    "ndim": _ONE,
    "dtype": "leave it out: the engine chooses the precision",
    "fill": "write x = value",
}
"""By the name of an attribute of a value."""

_AS_NUMBERS = "make numbers of them first: np.where(c, 1.0, 0.0)"

OF_CONDITIONS: dict[np.ufunc, str] = {
    np.add: f"NumPy takes True + True as True; write a | b, or {_AS_NUMBERS}",
    np.subtract: f"NumPy refuses it; write a & ~b, or {_AS_NUMBERS}",
    np.negative: f"NumPy refuses it; write ~a, or {_AS_NUMBERS}",
    np.positive: f"NumPy refuses it; {_AS_NUMBERS}",
}
"""Arithmetic that means something else, or nothing, where all operands are conditions."""
