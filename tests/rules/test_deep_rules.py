"""Rules up to the stated limit of operations, however deep: traced, compiled, checked, written and pickled."""

import copy
import pickle
import time

import numpy as np
import pytest
import senescape as sn
from senescape.plugins.describe import describe_plugin
from senescape.plugins.registry import registered
from senescape.rules.evaluator import evaluate
from senescape.rules.expression import Expr, size_of
from senescape.rules.formula import formula
from senescape.rules.graph import GraphBuilder
from senescape.rules.tracer import Names, trace
from senescape.testing import check_rule

NAMES = Names(traits=["x"])
N = 20_000


def product(cell, env, p):
    value = 0.1
    for _ in range(N // 6 - 2):
        value = value * (1 - 1e-9 * cell.x)
    return value


def least(cell, env, p):
    value = 0.1
    for i in range(N // 4 - 2):
        value = np.minimum(value, cell.x + i)
    return value


def greatest(cell, env, p):
    value = cell.x * 0.0
    for i in range(N // 4 - 2):
        value = np.maximum(0.1, value - i)
    return value


def table(cell, env, p):
    value = 0.1
    for i in range(N // 5 - 2):
        value = np.where(cell.x > 10 + i, 0.5, value)
    return value


def conditions(cell, env, p):
    held = cell.x > 100
    for i in range(N // 4 - 2):
        held = held * (cell.x > i)
    return np.where(held, 0.5, 0.1)


def signs(cell, env, p):
    value = cell.x
    for _ in range(N - 4):
        value = -value
    return 0.1 * value


DEEP = [product, least, greatest, table, conditions, signs]


@pytest.mark.parametrize("rule", DEEP)
def test_deep_rules_run_and_are_checked(rule):
    assert N // 2 < size_of(trace(rule, NAMES, {}, "rule")) <= N
    model = sn.Model(fates=["a"], traits=[sn.Trait("x", 1.0)], transitions=[sn.Death("a", rule)])
    alive = sn.simulate(model, initial={"a": 4000}, until=10.0, seed=1).counts[0, -1, 0]
    # exp(-0.1 * 10) of them, with five standard errors.
    assert abs(alive - 4000 * np.exp(-1.0)) < 5 * np.sqrt(4000 * 0.368 * 0.632)
    check_rule(sn.Death("a", rule), ranges={"x": (1.0, 1.0)})


@pytest.mark.parametrize("rule", DEEP)
def test_deep_rules_are_pickled_and_copied(rule):
    expr = trace(rule, NAMES, {}, "rule")
    copied = pickle.loads(pickle.dumps(expr))
    one, two = GraphBuilder([]), GraphBuilder([])
    assert one.add(expr) == two.add(copied)
    assert one.nodes == two.nodes
    assert copied.boolean == expr.boolean
    assert copy.deepcopy(expr) is expr
    assert copy.copy(expr) is expr


@pytest.mark.parametrize("rule", DEEP)
def test_deep_rules_are_written_within_bounds(rule):
    expr = trace(rule, NAMES, {}, "rule")
    text = formula(expr)
    assert len(text) < 25_000
    assert text.endswith(" operations in all")
    assert len(str(expr)) <= 60


def test_an_expression_keeps_what_it_is_in_a_pickle():
    mark = Expr("input", value={"mark": 0}, label="cell.mark['old']")
    value = np.where(mark * True, 0.0, Expr("param", value="t.k", label="p.k"))
    copied = pickle.loads(pickle.dumps(value))
    assert str(copied) == str(value) == "np.where(cell.mark['old'] * True, 0, p.k)"
    assert copied.args[0].boolean
    assert copied.args[0].args[1].value is True


def test_parts_that_stand_in_several_places_are_one_in_a_pickle():
    expr = doubled(60)
    assert size_of(pickle.loads(pickle.dumps(expr))) == size_of(expr)


def test_an_empty_expression_has_no_attributes():
    with pytest.raises(AttributeError):
        _ = object.__new__(Expr).label


@pytest.mark.parametrize("value", [product, lambda cell, env, p: p.k * cell.x])
def test_a_model_with_signals_is_copied(value):
    signal = sn.Signal("s", value, params={"k": 2.0})
    model = sn.Model(
        fates=["a"], traits=[sn.Trait("x", 1.0)], signals=[signal], transitions=[sn.Death("a", lambda c, e, p: 0.1)]
    )
    assert copy.deepcopy(model).signal_graph == model.signal_graph


@pytest.mark.parametrize("forward", [True, False])
def test_long_chains_of_signals(forward):
    n = 300

    def reading(i):
        return 1.0 if i == n - 1 else lambda cell, env, p: cell.signal[f"s{i + 1}"] + 1.0

    signals = [sn.Signal(f"s{i}", reading(i)) for i in range(n)]
    model = sn.Model(
        fates=["a"],
        signals=signals if forward else signals[::-1],
        transitions=[sn.Death("a", lambda cell, env, p: 0.0 * cell.signal["s0"])],
    )
    nodes, roots = model.signal_graph
    assert evaluate(nodes, [roots["s0"]], lambda which: 0.0, model.parameter_values())[0] == n


@pytest.mark.parametrize("n", [2, 49, 50, 51, 130])
def test_circles_of_signals(n):
    signals = [sn.Signal(f"s{i}", lambda cell, env, p, i=i: cell.signal[f"s{(i + 1) % n}"]) for i in range(n)]
    with pytest.raises(sn.ModelError, match=r"in a circle.*s0"):
        sn.Model(fates=["a"], signals=signals, transitions=[sn.Death("a", 0.1)])


# -- formulas ---------------------------------------------------------------------------------------------------------


def doubled(times):
    value = Expr("input", value={"trait": 0}, label="cell.x") + 1.0
    for _ in range(times):
        value = value * value
    return value


def test_shared_parts_are_named():
    began = time.perf_counter()
    lines = formula(doubled(60)).splitlines()
    assert time.perf_counter() - began < 5  # it has 2**60 paths
    assert lines[0] == "part_1 * part_1"
    assert lines[1] == "where part_1 = part_2 * part_2"
    assert lines[-1] == f"where part_{len(lines) - 1} = ((cell.x + 1) * (cell.x + 1)) * ((cell.x + 1) * (cell.x + 1))"
    named = {f"part_{i}" for i in range(1, len(lines))}
    assert {line.split()[1] for line in lines[1:]} == named


def test_short_formulas_are_written_whole():
    assert formula(doubled(1)) == "(cell.x + 1) * (cell.x + 1)"
    assert "part_" not in formula(doubled(4))


def test_deep_parts_are_named():
    value = Expr("input", value={"trait": 0}, label="cell.x")
    for i in range(400):
        value = np.sqrt(value) if i % 2 else np.exp(value)
    lines = formula(value).splitlines()
    assert lines[0] == "np.sqrt(np.exp(np.sqrt(np.exp(np.sqrt(np.exp(part_1))))))"
    assert all(line.count("(") <= 8 for line in lines)
    assert sum(line.count("np.exp") for line in lines) == 200


def test_plugins_show_writes_the_parts_below_each_other():
    def shared(cell, env, p):
        value = cell.x + 1.0
        for _ in range(60):
            value = value * value
        return value * 0.0

    class Plugin:
        @sn.hookimpl
        def senescape_escapes(self):
            return [sn.Escape("way_out", shared)]

    with registered("shared", Plugin()) as name:
        text = str(describe_plugin(name))
    assert "    hazard = (part_1 * part_1) * 0\n      where part_1 = part_2 * part_2\n" in text
