"""Tracing: what is taken, and what is refused with the line and the rewrite."""

import math

import numpy as np
import pytest
import senescape as sn
from hypothesis import given, settings
from hypothesis import strategies as st
from senescape.trace import Names, trace

NAMES = Names(fates=["a"], traits=["x", "y"], marks=["m"], drugs=["d"], pools=["q"])


def refused(rule, *words):
    with pytest.raises(sn.TraceError) as caught:
        trace(rule, NAMES, {"k": "t.k"}, "transition 't'")
    text = str(caught.value)
    assert "transition 't'" in text
    for word in (*words, "fix:"):
        assert word in text, text
    return text


def test_a_branch_shows_its_line_and_the_rewrite():
    def rule(cell, env, p):
        if cell.x > 1:
            return 1.0
        return 0.0

    refused(rule, "np.where", "if cell.x > 1:", "test_trace.py")


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (lambda cell, env, p: cell.x > 1 and cell.y, "np.where"),
        (lambda cell, env, p: max(cell.x, cell.y), "np.maximum"),
        (lambda cell, env, p: 0 < cell.x < 1, "np.where"),
        (lambda cell, env, p: math.exp(cell.x), "np.exp"),
        (lambda cell, env, p: float(cell.x), "float()"),
        (lambda cell, env, p: cell.x % 2, "np.floor"),
        (lambda cell, env, p: cell.x // 2, "np.floor"),
        (lambda cell, env, p: np.sum(cell.x), "env.sum"),
        (lambda cell, env, p: np.arctan2(cell.x, 1.0), "arctan2"),
        (lambda cell, env, p: np.cumsum(cell.x), "cumsum"),
        (lambda cell, env, p: cell.x[0], "index"),
        (lambda cell, env, p: [*cell.x], "loop"),
        (lambda cell, env, p: len(cell.x), "len()"),
        (lambda cell, env, p: cell.z, "no trait 'z'"),
        (lambda cell, env, p: env.drug["dd"], "did you mean 'd'"),
        (lambda cell, env, p: env.drug.d, "env.drug['d']"),
        (lambda cell, env, p: env.pools["q"], "did you mean 'pool'"),
        (lambda cell, env, p: p.kk, "did you mean 'k'"),
        (lambda cell, env, p: None, "returned None"),
        (lambda cell, env, p: np.zeros(3), "array of shape (3,)"),
        (lambda cell, env, p: "fast", "not a number"),
        (lambda cell, env, p: cell.x * np.inf, "not finite"),
        (lambda cell, env, p: setattr(cell, "x", 1), "assigns to cell.x"),
        (lambda cell, env, p: cell.x & 3, "comparisons"),
        (lambda cell, env, p: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_what_cannot_be_traced_is_refused_with_the_fix(rule, words):
    refused(rule, words, "test_trace.py")


def test_in_place_operators_are_refused():
    def rule(cell, env, p):
        x = np.array(1.0) * cell.x
        np.add(x, 1.0, out=x)
        return x

    refused(rule, "out=")


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


class Namespace:
    def __init__(self, **values):
        self.__dict__.update(values)


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
