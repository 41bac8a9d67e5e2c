import functools
import math
import pickle
from types import SimpleNamespace

import numpy as np
import pytest
import senescape as sn
from senescape.rules.arrays import Cells, Environment, Values
from senescape.rules.parameter import as_params
from senescape.rules.rule import as_rule


def kill(cell, env, p):
    bound = env.drug["navitoclax"] / (env.drug["navitoclax"] + p.ec50)
    return p.kmax * cell.priming * bound


PARAMS = {"kmax": sn.Param(0.05, unit="1/h", low=0.0, high=1.0, source="assumed"), "ec50": 0.3}


# -- Param ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sn.Param(-1.0, low=0.0), r"-1 lies outside its range \[0, inf\]"),
        (lambda: sn.Param(2.0, high=1.0), "outside its range"),
        (lambda: sn.Param(math.nan), "must be finite"),
        (lambda: sn.Param(math.inf), "must be finite"),
        (lambda: sn.Param("0.3"), "must be a number"),
        (lambda: sn.Param(True), "must be a number"),
        (lambda: sn.Param(None), "must be a number"),
        (lambda: sn.Param(np.ones(2)), "must be a number"),
        (lambda: sn.Param(1.0, low=2.0, high=1.0), "is empty"),
        (lambda: sn.Param(1.0, low=math.nan), "is empty"),
        (lambda: sn.Param(1.0, unit=3), "unit is 3"),
        (lambda: sn.Param(1.0, source=None), "source is None"),
        (lambda: sn.Param(1.0, name=""), "name is ''"),
    ],
)
def test_bad_parameters(make, message):
    with pytest.raises(sn.ModelError, match=message):
        make()


@pytest.mark.parametrize("value", [1, 1.0, np.float32(1), np.int64(1), np.array(1.0)])
def test_a_parameter_is_a_float(value):
    assert type(sn.Param(value).value) is float


def test_a_parameter_with_another_value_keeps_the_rest():
    param = PARAMS["kmax"].at(0.5, "x.kmax")
    assert param == sn.Param(0.5, unit="1/h", low=0.0, high=1.0, source="assumed")
    with pytest.raises(sn.ModelError, match=r"x\.kmax: .*outside its range"):
        param.at(2.0, "x.kmax")


def test_parameters_do_not_change():
    with pytest.raises(AttributeError):
        PARAMS["kmax"].value = 1.0
    assert pickle.loads(pickle.dumps(PARAMS["kmax"])) == PARAMS["kmax"]


@pytest.mark.parametrize("name", ["a-b", "", "3x", 3, "lambda", "_hidden"])
def test_names_that_rules_cannot_write(name):
    with pytest.raises(sn.ModelError, match="a parameter is named"):
        as_params({name: 1.0}, "owner")


def test_params_must_be_a_mapping():
    with pytest.raises(sn.ModelError, match="give a mapping"):
        as_params([1.0], "owner")


# -- Rule -------------------------------------------------------------------------------------------------------------


def test_a_rule_runs_on_arrays():
    rule = sn.Rule(kill, PARAMS)
    cell, env = Cells({"priming": [0.0, 1.0, 2.0]}), Environment(drug={"navitoclax": 0.3})
    np.testing.assert_allclose(rule.evaluate(cell, env), [0.0, 0.025, 0.05])
    np.testing.assert_allclose(rule.evaluate(cell, env, {"kmax": 0.5}), [0.0, 0.25, 0.5])
    np.testing.assert_allclose(rule.evaluate(cell, env, SimpleNamespace(kmax=1.0, ec50=0.0)), [0.0, 1.0, 2.0])


def test_a_rule_runs_on_plain_namespaces():
    cell, env = SimpleNamespace(priming=np.ones(2)), SimpleNamespace(drug={"navitoclax": 0.3})
    np.testing.assert_allclose(sn.Rule(kill, PARAMS).evaluate(cell, env), [0.025, 0.025])


def test_a_rate_of_a_pool_runs_without_a_cell():
    rule = sn.Rule(lambda env, p: p.k * env.pool["x"], {"k": 2.0}, reads_cell=False)
    assert rule.evaluate(None, Environment(pool={"x": 3.0})) == 6.0


def test_evaluation_refuses_what_it_cannot_give():
    rule = sn.Rule(kill, PARAMS)
    cell, env = Cells({"priming": [1.0]}), Environment(drug={"navitoclax": 0.3})
    with pytest.raises(sn.RuleError, match=r"no parameter 'kmx' \(did you mean 'kmax'\?\)"):
        rule.evaluate(cell, env, {"kmx": 1.0})
    with pytest.raises(sn.ModelError, match="outside its range"):
        rule.evaluate(cell, env, {"kmax": 2.0})
    with pytest.raises(sn.RuleError, match="returned None"):
        sn.Rule(lambda cell, env, p: None).evaluate(cell, env)
    with pytest.raises(sn.RuleError, match="must return numbers"):
        sn.Rule(lambda cell, env, p: "x").evaluate(cell, env)


@pytest.mark.parametrize("function", [lambda: 1, lambda cell, env: 1, lambda a, b, c, d: 1])
def test_a_rule_takes_three_arguments(function):
    with pytest.raises(sn.RuleError, match=r"must be a function of \(cell, env, p\)"):
        sn.Rule(function)
    with pytest.raises(sn.RuleError, match="owner: "):
        as_rule(function, None, "owner")


def test_a_rule_is_a_function():
    with pytest.raises(sn.RuleError, match="neither a number nor a function"):
        sn.Rule("kill")


def test_builtins_without_a_signature_are_left_to_tracing():
    assert sn.Rule(np.add).name == "add"


def test_a_rule_object_may_be_given_parameters():
    rule = as_rule(sn.Rule(kill, PARAMS), {"ec50": 0.7}, "owner")
    assert rule.params["ec50"].value == 0.7
    assert rule.params["kmax"] == PARAMS["kmax"]
    with pytest.raises(sn.RuleError, match="sees no single cell"):
        as_rule(sn.Rule(kill, PARAMS), None, "pool", reads_cell=False)


def test_source_and_digest():
    rule = sn.Rule(kill, PARAMS)
    assert rule.name == "kill"
    assert rule.source.startswith("def kill(cell, env, p):")
    assert len(rule.digest) == 64
    assert rule.digest == sn.Rule(kill).digest
    assert sn.Rule(np.add).source is None
    assert len(sn.Rule(np.add).digest) == 64


def make(k, more=None):
    def rule(cell, env, p):
        return k * cell.depth if more is None else more(cell, env, p)

    return rule


def test_digests_tell_closures_apart():
    assert sn.Rule(make(1.0)).digest == sn.Rule(make(1.0)).digest
    assert sn.Rule(make(1.0)).digest != sn.Rule(make(2.0)).digest
    assert sn.Rule(make(1.0, make(1.0))).digest != sn.Rule(make(1.0, make(2.0))).digest
    assert sn.Rule(make(np.ones(2))).digest != sn.Rule(make(np.zeros(2))).digest

    def scaled(factor, cell, env, p):
        return factor * cell.depth

    one, two = (sn.Rule(functools.partial(scaled, k)).digest for k in (1.0, 2.0))
    assert one != two


def test_digests_hold_no_addresses():
    # Objects that cannot be told apart by value count by their kind.
    assert sn.Rule(make(object())).digest == sn.Rule(make(object())).digest


def test_digests_of_rules_without_source():
    spaces = [{}, {}, {}]
    for space, number in zip(spaces, (1, 1, 2), strict=True):
        exec(f"def rule(cell, env, p):\n    return {number} * cell.depth", space)
    digests = [sn.Rule(space["rule"]).digest for space in spaces]
    assert digests[0] == digests[1] != digests[2]


# -- cells and environments of arrays ---------------------------------------------------------------------------------


def test_cells_and_environments_answer_like_the_stand_ins():
    cell = Cells({"depth": [1.0, 2.0]}, age=[3.0, 4.0], marks={"old": [True, False]})
    env = Environment(
        1.0, {"d": 0.5}, {"x": 2.0}, {"cell": 7}, sum={"cell": {"depth": 3.0}}, mean={"cell": {"depth": 1.5}}
    )
    assert cell.age.tolist() == [3.0, 4.0]
    assert (~cell.mark["old"]).tolist() == [False, True]
    assert float(env.time) == 1.0
    assert float(env.drug["d"] + env.pool["x"] + env.count["cell"]) == 9.5
    assert float(env.sum["cell"].depth / env.mean["cell"].depth) == 2.0
    assert "d" in env.drug
    assert "q" not in env.drug
    assert list(env.drug) == ["d"]
    assert len(env.pool) == 1
    assert "Cells" in repr(cell)
    assert repr(env.drug) == "env.drug[d]"


@pytest.mark.parametrize(
    ("read", "message"),
    [
        (lambda c, e: c.depht, r"cell\.depht: there is no trait 'depht' \(did you mean 'depth'\?\)"),
        (lambda c, e: c.mark["x"], r"cell\.mark\['x'\]: there is no such mark"),
        (lambda c, e: e.drug["navitoclx"], "did you mean 'navitoclax'"),
        (lambda c, e: e.drug.navitoclax, r"write env\.drug\['navitoclax'\]"),
        (lambda c, e: e.tme, "did you mean 'time'"),
        (lambda c, e: e.mean["cell"].dpth, r"env\.mean\['cell'\]\.dpth"),
        (lambda c, e: setattr(c, "depth", 1), r"assigns to cell\.depth"),
        (lambda c, e: e.drug.__setitem__("x", 1), r"assigns to env\.drug\['x'\]"),
    ],
)
def test_arrays_refuse_the_same_mistakes(read, message):
    cell = Cells({"depth": [1.0]}, marks={"old": [True]})
    env = Environment(drug={"navitoclax": 1.0}, mean={"cell": {"depth": 1.0}})
    with pytest.raises(sn.RuleError, match=message):
        read(cell, env)


def test_columns_cannot_be_written_into():
    column = np.ones(3)
    cell = Cells({"depth": column})

    def rule(cell, env, p):
        x = cell.depth
        x += 1.0
        return x

    with pytest.raises(ValueError, match="read-only"):
        sn.Rule(rule).evaluate(cell)
    column[0] = 5.0  # the user's own array stays as it was


def test_parameters_are_numbers_of_numpy():
    p = sn.Rule(kill, PARAMS).values()
    assert not ~(p.kmax > 0)
    assert isinstance(p, Values)
    with np.errstate(divide="ignore"):
        assert p.kmax / (p.ec50 - p.ec50) == np.inf
    assert p["ec50"] == p.ec50


def test_float32_cells():
    cell = Cells({"depth": [0.1]}, dtype=np.float32)
    assert cell.depth.dtype == np.float32
