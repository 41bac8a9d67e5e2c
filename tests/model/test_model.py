import json

import numpy as np
import pytest
import senescape as sn
from hypothesis import given
from hypothesis import strategies as st
from senescape.rules.arrays import Cells, Environment
from senescape.rules.evaluator import evaluate, reader


def kill(cell, env, p):
    bound = env.drug["navitoclax"] / (env.drug["navitoclax"] + p.ec50)
    return p.kmax * cell.depth * bound


def escape(cell, env, p):
    return p.h0 * np.exp(-p.gamma * cell.depth) * (1.0 + cell.mark["ever_senescent"])


def influx(env, p):
    return p.influx * env.mean["senescent"].depth - p.decay * env.pool["t_cells"]


def parts():
    """The example of the documentation."""
    return {
        "fates": ["senescent", "cycling"],
        "traits": [
            sn.Trait(
                "depth",
                initial=sn.LogNormal(median=1.0, sigma=0.5),
                unit="1",
                flow=sn.relax(target=3.0, tau=sn.days(14), fate="senescent"),
                inherit=sn.ar1(0.8),
            ),
            sn.Trait("mcl1", initial=np.linspace(0, 1, 5)),
        ],
        "drugs": [sn.Drug("navitoclax", half_life=sn.hours(17)), sn.Drug("doxorubicin")],
        "pools": [sn.Pool("t_cells", initial=1.0, rate=influx, params={"influx": 0.1, "decay": 0.02})],
        "transitions": [
            sn.Transition(
                "escape",
                source="senescent",
                target="cycling",
                hazard=escape,
                barrier="arrest",
                set={"depth": 0.0},
                mark=["ever_senescent"],
                params={"h0": sn.Param(0.06, unit="1/h", low=0.0), "gamma": 6.0},
            ),
            sn.Death(
                "senescent",
                hazard=kill,
                cause="senolysis",
                barrier="intrinsic",
                params={"kmax": sn.Param(0.05, unit="1/h", low=0.0), "ec50": 0.3},
            ),
            sn.Division("cycling", hazard=0.03),
        ],
        "observables": [sn.Observable("mean_depth", "senescent", "depth")],
    }


def model_of(**changed):
    return sn.Model(**{**parts(), **changed})


# -- the document -----------------------------------------------------------------------------------------------------


def test_the_whole_document():
    document = model_of().to_document()
    assert set(document) == {
        "format",
        "fates",
        "marks",
        "params",
        "nodes",
        "traits",
        "drugs",
        "pools",
        "causes",
        "barriers",
        "slow",
        "transitions",
        "observables",
    }
    assert document["format"] == 1
    assert document["fates"] == ["senescent", "cycling"]
    assert document["marks"] == ["ever_senescent"]
    assert document["causes"] == ["senolysis"]
    assert document["barriers"] == ["arrest", "intrinsic"]
    assert [t["kind"] for t in document["transitions"]] == ["move", "death", "division"]
    assert document["observables"][0]["kind"] == "mean"
    assert [param["name"] for param in document["params"]] == [
        "depth.rho",
        "depth.target",
        "depth.tau",
        "depth.initial.median",
        "depth.initial.sigma",
        "navitoclax.half_life",
        "navitoclax.volume",
        "navitoclax.bioavailability",
        "doxorubicin.volume",
        "doxorubicin.bioavailability",
        "t_cells.influx",
        "t_cells.decay",
        "t_cells.initial",
        "escape.h0",
        "escape.gamma",
        "escape.set.depth",
        "senolysis.kmax",
        "senolysis.ec50",
        "division.hazard",
    ]


def test_every_index_points_somewhere():
    document = model_of().to_document()
    nodes, params = document["nodes"], document["params"]
    for i, node in enumerate(nodes):
        assert all(node[key] < i for key in ("c", "x", "y") if key in node)
        if node["op"] == "param":
            assert node["index"] < len(params)
    for drug in document["drugs"]:
        assert all(value is None or value < len(nodes) for key, value in drug.items() if key != "name")
    for t in document["transitions"]:
        assert t["hazard"] < len(nodes)
        assert t["source"] < 2


def test_the_document_computes_what_the_rules_compute():
    model = model_of()
    document = model.to_document()
    cell = Cells({"depth": [0.1, 1.0, 3.0], "mcl1": 0.5}, age=2.0, marks={"ever_senescent": [True, False, True]})
    env = Environment(
        5.0, {"navitoclax": 0.2, "doxorubicin": 0.0}, {"t_cells": 2.0}, mean={"senescent": {"depth": 1.5}}
    )
    read = reader(document, cell, env)
    values = model.parameter_values()
    hazards = [t["hazard"] for t in document["transitions"]]
    got = evaluate(document["nodes"], hazards, read, values)
    rules = model.rules()
    np.testing.assert_array_equal(got[0], rules["transition 'escape': hazard"].evaluate(cell, env))
    np.testing.assert_array_equal(got[1], rules["transition 'senolysis': hazard"].evaluate(cell, env))
    assert got[2] == 0.03
    (rate,) = evaluate(document["nodes"], [document["pools"][0]["rate"]], read, values)
    assert rate == rules["pool 't_cells': rate"].evaluate(None, env) == 0.1 * 1.5 - 0.02 * 2.0


def test_json_is_exact_and_stable():
    model = model_of()
    assert json.loads(model.to_json()) == model.to_document()
    assert model.to_json() == model_of().to_json()


@given(st.floats(0.0, 1e300))
def test_values_survive_json_to_the_bit(value):
    model = sn.Model(fates=["cell"], transitions=[sn.Death("cell", value)])
    back = json.loads(model.to_json())["params"][0]["value"]
    assert np.float64(back).tobytes() == np.float64(value).tobytes()


def test_a_document_is_the_callers_own():
    model = model_of()
    before = model.to_json()
    document = model.to_document()
    document["fates"].append("x")
    document["nodes"].clear()
    document["transitions"][0]["name"] = "y"
    assert json.dumps(model.to_document()) == before


# -- parameters -------------------------------------------------------------------------------------------------------


def test_with_params_changes_values_only():
    calls = []

    def counted(cell, env, p):
        calls.append(1)
        return p.h0 * cell.depth

    t = sn.Transition("escape", "senescent", "cycling", counted, params={"h0": sn.Param(0.06, low=0.0, high=1.0)})
    model = model_of(transitions=[t])
    calls.clear()
    other = model.with_params({"escape.h0": 0.1})
    assert calls == []
    assert other.parameters["escape.h0"].value == 0.1
    assert model.parameters["escape.h0"].value == 0.06
    one, two = model.to_document(), other.to_document()
    assert one.pop("params") != two.pop("params")
    assert one == two
    assert json.loads(other.to_json())["params"] == other.to_document()["params"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"escape.h1": 0.1}, r"no parameter 'escape\.h1' \(did you mean 'escape\.h0'\?\)"),
        ({"escape.h0": -0.1}, r"parameter 'escape\.h0': .*outside its range \[0, inf\]"),
        ({"escape.h0": float("nan")}, "must be finite"),
        ({"escape.h0": "a"}, "must be a number"),
        ({"navitoclax.half_life": 0.0}, "drug 'navitoclax'"),
        ({"depth.tau": -1.0}, "tau is -1"),
    ],
)
def test_bad_values(values, message):
    with pytest.raises(sn.ModelError, match=message):
        model_of().with_params(values)


def test_parameters_cannot_be_changed_by_the_back_door():
    model = model_of()
    model.parameters.clear()
    assert model.parameters
    with pytest.raises(AttributeError, match="does not change"):
        model.fates = ("x",)
    with pytest.raises(AttributeError, match="does not change"):
        del model.fates


def test_two_owners_of_one_name():
    drug = sn.Drug("x", 1.0)
    t = sn.Death("senescent", lambda c, e, p: p.volume, name="x", params={"volume": 1.0})
    with pytest.raises(sn.ModelError, match=r"drug 'x' and transition 'x' both have a parameter 'x\.volume'"):
        model_of(drugs=[*parts()["drugs"], drug], transitions=[*parts()["transitions"], t])


def test_a_drug_and_a_senolytic_may_share_their_name():
    model = model_of(transitions=[sn.Senolytic("navitoclax", kill, params={"kmax": 0.05, "ec50": 0.3})])
    assert {"navitoclax.half_life", "navitoclax.kmax"} <= set(model.parameters)


def test_a_parameter_with_a_name_of_its_own_is_shared():
    shared = sn.Param(0.5, name="signal.k")
    a = sn.Death("senescent", lambda c, e, p: p.k, name="a", params={"k": shared})
    b = sn.Death("cycling", lambda c, e, p: p.k2 * 2, name="b", params={"k2": shared})
    model = model_of(transitions=[a, b])
    assert [name for name in model.parameters if "k" in name.split(".")[-1][:1]] == ["signal.k"]
    c = sn.Death("cycling", lambda c, e, p: p.k, name="c", params={"k": sn.Param(0.7, name="signal.k")})
    with pytest.raises(sn.ModelError, match=r"two parameters are named 'signal\.k'"):
        model_of(transitions=[a, c])
    d = sn.Death("cycling", lambda c, e, p: p.k, name="signal", params={"k": 0.5})
    with pytest.raises(sn.ModelError, match=r"signal\.k"):
        model_of(transitions=[a, d])


# -- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"fates": []}, "at least one fate"),
        ({"fates": ["senescent", "cycling", "cycling"]}, "two fates are named 'cycling'"),
        ({"fates": ["senescent", "cycling", "dead"]}, "'dead' is no fate"),
        ({"fates": ["senescent", "cycling", ""]}, "a fate's name is ''"),
        ({"traits": [sn.Trait("depth"), sn.Trait("depth")]}, "two traits are named 'depth'"),
        ({"drugs": [sn.Drug("x"), sn.Drug("x")]}, "two drugs are named 'x'"),
        ({"pools": [sn.Pool("x"), sn.Pool("x")]}, "two pools are named 'x'"),
        ({"marks": ["m", "m"]}, "two marks are named 'm'"),
        ({"barriers": ["arrest", "arrest"]}, "two barriers are named 'arrest'"),
        ({"barriers": ["arrest", "intrinsc"]}, r"'intrinsic', .*did you mean 'intrinsc'"),
        ({"marks": [f"m{i}" for i in range(64)]}, "65 marks; at most 64"),
        ({"traits": ["depth"]}, r"traits holds 'depth'; it must hold sn\.Trait objects"),
        ({"traits": sn.Trait("depth")}, r"it must be a list, traits=\[\.\.\.\]"),
        ({"transitions": [sn.Death("senesent", 0.1)]}, "source names the fate 'senesent', .*did you mean 'senescent'"),
        ({"transitions": [sn.Transition("t", "senescent", "cyclin", 0.1)]}, "target names the fate 'cyclin'"),
        (
            {"transitions": [sn.Transition("t", "senescent", "cycling", 0.1, set={"dpth": 0.0})]},
            "sets the trait 'dpth', .*did you mean 'depth'",
        ),
        ({"observables": [sn.Observable("o", "cyclin", "depth")]}, "observable 'o': fate names the fate 'cyclin'"),
        ({"observables": [sn.Observable("o", "cycling", "dpth")]}, "no trait 'dpth'"),
    ],
)
def test_bad_models(changed, message):
    with pytest.raises(sn.ModelError, match=message):
        model_of(**changed)


def test_orders():
    transitions = [
        sn.Death("senescent", 0.1, "b", barrier="two", name="t1"),
        sn.Death("senescent", 0.1, "a", barrier="one", name="t2"),
        sn.Transition("t3", "senescent", "cycling", 0.1, mark="m", barrier="two"),
    ]
    model = model_of(transitions=transitions)
    assert model.causes == ("b", "a")
    assert model.barriers == ("two", "one")
    assert model.marks == ("m",)
    model = model_of(transitions=transitions, barriers=["one", "zero", "two"], marks=["n", "m"])
    assert model.barriers == ("one", "zero", "two")
    assert model.marks == ("n", "m")


def test_marks_that_no_transition_raises():
    rule = sn.Death("senescent", lambda c, e, p: np.where(c.mark["barcoded"], 0.1, 0.2))
    with pytest.raises(sn.TraceError, match="barcoded"):
        model_of(transitions=[rule])
    assert model_of(transitions=[rule], marks=["barcoded"]).marks == ("barcoded",)


def test_a_model_of_one_fate():
    model = sn.Model(fates="cell", transitions=[sn.Division("cell", hazard=0.10), sn.Death("cell", hazard=0.11)])
    assert model.fates == ("cell",)
    assert repr(model) == "<Model: fates cell; 2 transitions, 0 traits>"


# -- pools ------------------------------------------------------------------------------------------------------------


def test_pools():
    model = model_of(
        pools=[sn.Pool("x"), sn.Pool("y", 2.0, 0.5), sn.Pool("z", sn.Param(3.0), sn.Param(0.1))], transitions=[]
    )
    names = [name for name in model.parameters if name[0] in "xyz"]
    assert names == ["x.rate", "x.initial", "y.rate", "y.initial", "z.rate", "z.initial"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sn.Pool(""), "a pool's name"),
        (lambda: sn.Pool("x", rate="a"), r"neither a number nor a function of \(env, p\)"),
        (lambda: sn.Pool("x", rate=lambda cell, env, p: 1.0), r"must be a function of \(env, p\)"),
        (lambda: sn.Pool("x", rate=1.0, params={"k": 1.0}), "reads no params"),
        (lambda: sn.Pool("x", initial="a"), "initial: .*must be a number"),
        (lambda: sn.Pool("x", rate=True), "neither a number"),
    ],
)
def test_bad_pools(make, message):
    with pytest.raises(sn.ModelError, match=message):
        make()


def test_pools_see_no_cell():
    pool = sn.Pool("x", rate=lambda env, p: env.depth)
    with pytest.raises(sn.TraceError, match="pool 'x': rate: env has no 'depth'"):
        model_of(pools=[pool], transitions=[])


# -- provenance -------------------------------------------------------------------------------------------------------


def test_every_rule_has_a_hash():
    hashes = model_of().rule_hashes()
    assert set(hashes) == {
        "pool 't_cells': rate",
        "transition 'escape': hazard",
        "transition 'senolysis': hazard",
        "observable 'mean_depth'",
    }
    assert all(len(digest) == 64 for digest in hashes.values())
    assert hashes == model_of().rule_hashes()


def test_rules_of_traits_are_listed():
    rule = lambda c, e, p: 1.0  # noqa: E731
    traits = [
        sn.Trait("depth", rule, inherit=rule, flow=[sn.relax(rule, 1.0), sn.relax(rule, 1.0, fate="cycling")]),
        *parts()["traits"][1:],
    ]
    model = model_of(traits=traits, transitions=[sn.Escape("e", 0.1, set={"depth": rule})])
    assert {
        "trait 'depth': initial",
        "trait 'depth': inherit",
        "trait 'depth': flow",
        "trait 'depth': flow in cycling",
        "transition 'e': set['depth']",
    } <= set(model.rules())
