"""A traced rule computes what NumPy computes with the same rule."""

import json

import numpy as np
import pytest
import senescape as sn
from hypothesis import given, settings
from hypothesis import strategies as st
from senescape.rules.arrays import Cells, Environment
from senescape.rules.evaluator import evaluate, reader
from senescape.rules.expression import Expr, inputs_of
from senescape.rules.graph import GraphBuilder

N = 7
PARAMS = {"a": 0.7, "b": 2.0, "n": 3.0}


def model_of(rule, params=PARAMS):
    """A model in which `rule` is the value that a transition sets: any number will do there."""
    return sn.Model(
        fates=["senescent", "cycling"],
        traits=[sn.Trait("depth"), sn.Trait("mcl1")],
        drugs=[sn.Drug("navitoclax", half_life=17.0)],
        pools=[sn.Pool("t_cells", 1.0)],
        marks=["old"],
        transitions=[
            sn.Transition(
                "t", "senescent", "cycling", hazard=lambda cell, env, p: 1.0, set={"depth": rule}, params=params
            )
        ],
    )


def traced(rule, cell, env, dtype=np.float64, params=PARAMS):
    document = model_of(rule, params).to_document()
    values = [param["value"] for param in document["params"]]
    root = document["transitions"][0]["set"][0]["value"]["value"]
    json.dumps(document, allow_nan=False)
    return evaluate(document["nodes"], [root], reader(document, cell, env), values, dtype)[0]


def arrays(columns, dtype=np.float64):
    rows = dict(zip(("depth", "mcl1"), columns, strict=False))
    cell = Cells(rows, age=np.linspace(0.0, 40.0, N), marks={"old": np.arange(N) % 2 == 0}, dtype=dtype)
    env = Environment(
        time=30.0,
        drug={"navitoclax": 0.25},
        pool={"t_cells": 1.5},
        count={"senescent": 10.0, "cycling": 3.0},
        sum={"senescent": {"depth": 12.0}},
        mean={"senescent": {"depth": 1.2}},
        dtype=dtype,
    )
    return cell, env


def assert_same(rule, cell, env, dtype=np.float64, rtol=0.0, params=PARAMS):
    with np.errstate(all="ignore"):
        direct = np.asarray(sn.Rule(rule, params).evaluate(cell, env), dtype=dtype)
    got = traced(rule, cell, env, dtype, params)
    direct, got = np.broadcast_arrays(direct, got)
    np.testing.assert_allclose(got, direct, rtol=rtol, atol=0.0, equal_nan=True)


# -- random expressions ---------------------------------------------------------------------------------------------

LEAVES = {
    "depth": lambda c, e, p: c.depth,
    "mcl1": lambda c, e, p: c.mcl1,
    "age": lambda c, e, p: c.age,
    "time": lambda c, e, p: e.time,
    "drug": lambda c, e, p: e.drug["navitoclax"],
    "pool": lambda c, e, p: e.pool["t_cells"],
    "count": lambda c, e, p: e.count["senescent"],
    "sum": lambda c, e, p: e.sum["senescent"].depth,
    "mean": lambda c, e, p: e.mean["senescent"].depth,
    "a": lambda c, e, p: p.a,
    "b": lambda c, e, p: p.b,
}
UNARY = {
    "neg": lambda x: -x,
    "pos": lambda x: +x,
    "abs": abs,
    "fabs": np.fabs,
    "sqrt": np.sqrt,
    "cbrt": np.cbrt,
    "square": np.square,
    "reciprocal": lambda x: np.reciprocal(x * 1.0),
    "exp": np.exp,
    "exp2": np.exp2,
    "expm1": np.expm1,
    "log": np.log,
    "log2": np.log2,
    "log10": np.log10,
    "log1p": np.log1p,
    "sin": np.sin,
    "cos": np.cos,
    "tanh": np.tanh,
    "floor": np.floor,
    "ceil": np.ceil,
    "sign": np.sign,
    "clip": lambda x: np.clip(x, -1.0, 2.0),
    "clip_low": lambda x: np.clip(x, 0.5, None),
    "clip_named": lambda x: np.clip(x, min=-0.5, max=0.5),
    "step": lambda x: np.heaviside(x, 0.5),
    "not": lambda x: np.where(~(x > 1), x, 0.5),
    "rsub": lambda x: 1.0 - x,
    "rdiv": lambda x: 2 / x,
}
BINARY = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y,
    "min": np.minimum,
    "max": np.maximum,
    "power": np.power,
    "float_power": np.float_power,
    "lt": lambda x, y: np.where(x < y, x, y),
    "le": lambda x, y: np.where(x <= y, 1.0, y),
    "gt": lambda x, y: np.where(x > y, x, 2),
    "ge": lambda x, y: np.where(np.greater_equal(x, y), x, y),
    "eq": lambda x, y: np.where(x == y, x, y),
    "ne": lambda x, y: np.where(x != y, x, y),
    "and": lambda x, y: np.where((x > 0) & (y > 1), x, y),
    "or": lambda x, y: np.where((x > 0) | (y <= 1), x, y),
    "logical": lambda x, y: np.where(np.logical_and(x, np.logical_not(y)) | np.logical_or(y, False), x, y),
    "flag": lambda x, y: (x > y) * 2.0 + y,
    "both": lambda x, y: ((x > 0) * (y > 0)) * 1.5,
}
# Well-conditioned where operands are positive: rounding does not grow.
POSITIVE_UNARY = ("sqrt", "cbrt", "square", "tanh", "log1p", "abs")
POSITIVE_BINARY = ("add", "mul", "div", "min", "max")


def trees(leaves, unary, binary):
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.tuples(st.sampled_from(sorted(unary)), inner), st.tuples(st.sampled_from(sorted(binary)), inner, inner)
        ),
        max_leaves=12,
    )


def rule_of(tree):
    """The tree as a rule."""

    def value(node, c, e, p):
        match node:
            case str():
                return LEAVES[node](c, e, p)
            case (name, x):
                return UNARY[name](value(x, c, e, p))
            case (name, x, y):
                return BINARY[name](value(x, c, e, p), value(y, c, e, p))
        return node

    return lambda cell, env, p: value(tree, cell, env, p)


finite = st.floats(-50, 50, width=32) | st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.5, 1e6, -1e6])
columns = st.lists(st.lists(finite, min_size=N, max_size=N), min_size=2, max_size=2)


@settings(max_examples=300, deadline=None)
@given(trees(st.sampled_from(sorted(LEAVES)), UNARY, BINARY), columns)
def test_traced_equals_numpy_in_double_precision(tree, values):
    # To the bit: the same operations in the same order. Powers may take NumPy's short cuts for whole exponents.
    power = "power" in repr(tree)
    cell, env = arrays(values)
    assert_same(rule_of(tree), cell, env, rtol=1e-9 if power else 0.0)


@settings(max_examples=200, deadline=None)
@given(trees(st.sampled_from(sorted(LEAVES)) | st.floats(0.1, 4.0), POSITIVE_UNARY, POSITIVE_BINARY), st.data())
def test_traced_equals_numpy_in_single_precision(tree, data):
    positive = st.lists(st.floats(0.125, 8.0, width=32), min_size=N, max_size=N)
    cell, env = arrays([data.draw(positive), data.draw(positive)], np.float32)
    with np.errstate(all="ignore"):
        direct = np.asarray(sn.Rule(rule_of(tree), PARAMS).evaluate(cell, env), dtype=np.float32)
    got = traced(rule_of(tree), cell, env, np.float32)
    assert got.dtype == np.float32
    direct, got = np.broadcast_arrays(direct, got)
    # Python folds numbers alone in double precision; each of at most a few dozen operations rounds once more here.
    near = np.isclose(got, direct, rtol=2e-4, atol=1e-30) | ~np.isfinite(direct) | (np.abs(direct) < 1e-30)
    assert near.all()


@pytest.mark.parametrize("name", sorted(UNARY))
def test_each_function_of_one_value(name):
    values = [-3.0, -0.5, -0.0, 0.0, 0.3, 1.0, 40.0]
    cell, env = arrays([values, values])
    assert_same(lambda cell, env, p: UNARY[name](cell.depth), cell, env)


@pytest.mark.parametrize("name", sorted(BINARY))
def test_each_function_of_two_values(name):
    values = [-3.0, -0.5, -0.0, 0.0, 0.3, 1.0, 4.0]
    cell, env = arrays([values, values[::-1]])
    assert_same(lambda cell, env, p: BINARY[name](cell.depth, cell.mcl1), cell, env, rtol=1e-15)
    assert_same(lambda cell, env, p: BINARY[name](cell.depth, 2.0), cell, env, rtol=1e-15)
    assert_same(lambda cell, env, p: BINARY[name](1.5, cell.depth), cell, env, rtol=1e-15)


# -- single constructs ----------------------------------------------------------------------------------------------

POSITIVE = [[0.0, 0.1, 0.5, 1.0, 2.0, 8.0, 100.0], [1.0] * N]


@pytest.mark.parametrize("n", [1, 2, 0.5, 4.0])
def test_hill(n):
    cell, env = arrays(POSITIVE)
    assert_same(lambda cell, env, p: sn.hill(cell.depth, p.b, n), cell, env, rtol=1e-14)


def test_hill_with_a_parameter_as_exponent():
    cell, env = arrays(POSITIVE)
    assert_same(lambda cell, env, p: sn.hill(cell.depth, 2.0, p.n), cell, env, rtol=1e-14)
    assert_same(lambda cell, env, p: sn.hill(0.5, p.b, p.n), cell, env, rtol=1e-14)


def test_hill_of_arrays():
    x = np.array([0, 1, 3])
    np.testing.assert_allclose(sn.hill(x, 1, 2), [0.0, 0.5, 0.9])
    assert sn.hill(np.float32([0.5]), 0.5).dtype == np.float32
    # Whole numbers do not overflow.
    assert sn.hill(np.array([10**6]), 10, 9)[0] == pytest.approx(1.0)


def test_hill_without_an_exponent_is_a_ratio():
    nodes = model_of(lambda cell, env, p: sn.hill(cell.depth, p.b)).to_document()["nodes"]
    assert not [node for node in nodes if node.get("f") == "pow"]


def test_marks_are_conditions():
    cell, env = arrays(POSITIVE)
    assert_same(
        lambda cell, env, p: np.where(cell.mark["old"] & (cell.depth > 1), 3.0, 1 - cell.mark["old"]), cell, env
    )
    assert_same(lambda cell, env, p: np.where(~cell.mark["old"] | True, p.a, p.b), cell, env)


def test_likes():
    cell, env = arrays(POSITIVE)
    assert_same(lambda cell, env, p: np.full_like(cell.depth, p.a) + np.ones_like(cell.depth), cell, env)
    assert_same(lambda cell, env, p: np.zeros_like(cell.depth) + cell.mcl1, cell, env)


def test_numbers_of_numpy_beside_values():
    cell, env = arrays(POSITIVE)
    assert_same(lambda cell, env, p: np.float64(0.1) * cell.depth + np.int64(2) + np.array(0.5), cell, env)


def test_a_number_is_a_rule_too():
    cell, env = arrays(POSITIVE)
    assert_same(lambda cell, env, p: 0.25, cell, env)
    assert_same(lambda cell, env, p: np.float32(0.1), cell, env)
    assert_same(lambda cell, env, p: True, cell, env)


def test_static_control_flow_runs_once():
    def rule(cell, env, p):
        total = 0.0
        for weight in (1.0, 2.0, 3.0):
            total = total + weight * cell.depth
        if "navitoclax" in env.drug:
            total = total + 1.0
        if "docetaxel" in env.drug:
            total = total + 100.0
        return total

    cell, env = arrays(POSITIVE)
    assert_same(rule, cell, env)


# -- graphs ---------------------------------------------------------------------------------------------------------


def test_equal_nodes_stand_once():
    def rule(cell, env, p):
        return np.exp(-p.a * cell.depth) + np.exp(-p.a * cell.depth)

    nodes = model_of(rule).to_document()["nodes"]
    assert len([node for node in nodes if node.get("f") == "exp"]) == 1
    assert len({json.dumps(node) for node in nodes}) == len(nodes)


def test_operands_come_first():
    nodes = model_of(lambda cell, env, p: np.where(cell.depth > p.a, cell.mcl1 * 2, 0.5)).to_document()["nodes"]
    for i, node in enumerate(nodes):
        assert all(node[key] < i for key in ("c", "x", "y") if key in node)


def test_a_value_used_often_does_not_explode():
    def rule(cell, env, p):
        x = cell.depth
        for _ in range(2000):
            x = x + x * 1e-3
        return x

    nodes = model_of(rule).to_document()["nodes"]
    assert len(nodes) < 4100


def test_zeros_keep_their_signs():
    nodes = model_of(lambda cell, env, p: np.where(cell.depth > 1, -0.0, 0.0)).to_document()["nodes"]
    zeros = [node["value"] for node in nodes if node["op"] == "const" and node["value"] == 0.0]
    assert sorted(np.signbit(zeros)) == [False, True]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_constants_survive_json_to_the_bit(value):
    builder = GraphBuilder([])
    builder.add(Expr.constant(value))
    back = json.loads(json.dumps(builder.nodes))[0]["value"]
    assert np.float64(back).tobytes() == np.float64(value).tobytes()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), np.float32("inf"), 10**400])
def test_constants_are_finite(value):
    with pytest.raises(sn.TraceError, match="not finite"):
        model_of(lambda cell, env, p: cell.depth * value)


def test_an_unknown_parameter_of_a_graph():
    with pytest.raises(sn.ModelError, match="does not have"):
        GraphBuilder(["a"]).add(Expr("param", value="b"))


def test_inputs_are_listed_once():
    depth, age = Expr("input", value={"trait": 0}), Expr("input", value="age")
    found = inputs_of(depth * 2.0 + depth * age - Expr("input", value={"trait": 0}))
    assert sorted(map(str, found)) == ["age", "{'trait': 0}"]


@pytest.mark.parametrize(
    ("build", "text"),
    [
        (lambda x, y: x > 1, "cell.x > 1"),
        (lambda x, y: (x + 1) * y, "(cell.x + 1) * cell.y"),
        (lambda x, y: -(x + y), "-(cell.x + cell.y)"),
        (lambda x, y: ~(x > y), "~(cell.x > cell.y)"),
        (lambda x, y: np.exp(x), "np.exp(cell.x)"),
        (lambda x, y: np.minimum(x, y), "np.minimum(cell.x, cell.y)"),
        (lambda x, y: np.where(x > 0, y, 0.5), "np.where(cell.x > 0, cell.y, 0.5)"),
    ],
)
def test_expressions_read_as_they_are_written(build, text):
    x, y = (Expr("input", value={"trait": i}, label=f"cell.{name}") for i, name in enumerate("xy"))
    assert str(build(x, y)) == text


def test_long_expressions_are_cut_short():
    x = Expr("input", value="age", label="cell.age")
    for _ in range(5000):
        x = x + 1
    assert len(str(x)) <= 60
