"""Traced rules through the engine: what NumPy computes."""

from types import SimpleNamespace as Namespace

import numpy as np
import pytest
import senescape as sn
from hypothesis import given, settings
from hypothesis import strategies as st

UNARY = [np.negative, np.abs, np.sqrt, np.cbrt, np.square, np.exp, np.exp2, np.expm1, np.log, np.log1p, np.log2, np.log10,
         np.sin, np.cos, np.tanh, np.floor, np.ceil, np.sign, np.reciprocal, np.logical_not]  # fmt: skip
BINARY = [np.add, np.subtract, np.multiply, np.divide, np.minimum, np.maximum, np.power, np.less, np.less_equal,
          np.greater, np.greater_equal, np.equal, np.not_equal, np.logical_and, np.logical_or]  # fmt: skip


@st.composite
def rules(draw):
    """A random rule as a list of steps on a stack of values."""
    n = draw(st.integers(1, 8))
    steps = [
        (
            draw(st.sampled_from([*UNARY, *BINARY, "where", "clip", "hill"])),
            *(draw(st.integers(0, 30)) for _ in range(3)),
        )
        for _ in range(n)
    ]

    def rule(cell, env, p):
        values = [cell.x, cell.y, p.k, 2.0 + 0 * cell.x]
        for f, i, j, k in steps:
            x, y, z = values[i % len(values)], values[j % len(values)], values[k % len(values)]
            if f == "where":
                values.append(np.where(x > y, y, z))
            elif f == "clip":
                values.append(np.clip(x, 0.1, 3.0))
            elif f == "hill":
                values.append(sn.hill(np.abs(x), 1.0 + np.abs(y), 2))
            else:
                # NumPy takes the exponential of a boolean in half precision: make comparisons numbers first.
                values.append((f(x) if f in UNARY else f(x, y)) * np.float32(1))
        return values[-1]

    return rule


@settings(max_examples=150, deadline=None)
@given(rules(), st.floats(0.1, 3), st.floats(0.1, 3))
def test_traced_rules_are_what_numpy_computes(rule, x, y):
    """Through the engine: an observable's value against the rule called on float32 arrays."""
    x, y = float(np.float32(x)), float(np.float32(y))
    model = sn.Model(
        ["a"],
        [sn.Death("a", 0.0)],
        traits=[sn.Trait("x", x), sn.Trait("y", y)],
        observables=[sn.Observable("v", "a", rule, params={"k": 0.75})],
    )
    value = sn.simulate(model, initial={"a": 1}, until=1, observe=[0.0], seed=1, threads=1).observables[0, 0, 0]
    with np.errstate(all="ignore"):
        single = Namespace(x=np.float32(x), y=np.float32(y))
        wanted = np.float64(rule(single, None, Namespace(k=np.float32(0.75))))
        exact = np.float64(rule(Namespace(x=np.float64(x), y=np.float64(y)), None, Namespace(k=np.float64(0.75))))
    if not np.isfinite(wanted) or abs(wanted) > 1e30 or not np.isclose(wanted, exact, rtol=1e-4, atol=1e-4):
        return  # beyond single precision: rounding itself decides
    assert value == pytest.approx(wanted, rel=2e-4, abs=2e-4)
