import pickle

import numpy as np
import pytest
import senescape as sn


def expand(*transitions, **kwargs):
    return sn.Model(fates=["a", "b", "senescent", "cycling"], transitions=transitions, **kwargs)


def rate(cell, env, p):
    return p.k * cell.age


# -- kinds ------------------------------------------------------------------------------------------------------------


def test_the_general_form():
    t = sn.Transition("go", "a", "b", 0.1, barrier="arrest", set={"x": 0.0}, mark=["m"], unmark="n")
    document = expand(t, traits=[sn.Trait("x")]).to_document()
    (piece,) = document["transitions"]
    assert piece == {
        "name": "go",
        "source": 0,
        "kind": "move",
        "target": 1,
        "cause": None,
        "barrier": 0,
        "hazard": piece["hazard"],
        "set": [{"trait": 0, "value": {"kind": "rule", "value": piece["set"][0]["value"]["value"]}}],
        "mark": [0],
        "unmark": [1],
    }
    assert document["marks"] == ["m", "n"]
    assert [param["name"] for param in document["params"]] == ["x.initial", "go.hazard", "go.set.x"]


def test_death():
    (piece,) = expand(sn.Death("a", 0.1, "starvation", barrier="intrinsic")).to_document()["transitions"]
    assert (piece["name"], piece["kind"], piece["target"], piece["cause"]) == ("starvation", "death", None, 0)
    assert sn.Death("a", 0.1).cause == "death"
    assert sn.Transition("t", "a", "dead", 0.1).cause == "t"
    assert sn.Transition("t", "a", "dead", 0.1, cause="c").cause == "c"


def test_division():
    (piece,) = expand(sn.Division("a", 0.1)).to_document()["transitions"]
    assert (piece["name"], piece["kind"], piece["target"], piece["cause"]) == ("division", "division", None, None)
    assert sn.Division("a", 0.1, target="b", name="bud").target == "b"


def test_named_cases_of_biology():
    senolytic = sn.Senolytic("navitoclax", hazard=rate, params={"k": 1.0})
    assert (senolytic.source, senolytic.cause, senolytic.barrier) == (("senescent",), "senolysis", "intrinsic")
    immune = sn.Immunotherapy("anti-PD-1", hazard=0.1)
    assert (immune.source, immune.cause, immune.barrier) == (("senescent",), "t_cell", "immune")
    escape = sn.Escape("escape", hazard=0.1)
    assert (escape.source, escape.target, escape.barrier) == (("senescent",), "cycling", "arrest")
    model = expand(escape, immune, senolytic)
    assert model.barriers == ("arrest", "immune", "intrinsic")
    assert model.causes == ("t_cell", "senolysis")


# -- hazards ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hazard", [0, 0.1, np.float32(0.5), np.int64(1), sn.Param(0.1, unit="1/h")])
def test_a_number_becomes_a_parameter(hazard):
    model = expand(sn.Death("a", hazard))
    assert list(model.parameters) == ["death.hazard"]
    assert model.parameters["death.hazard"].unit == "1/h"


@pytest.mark.parametrize(
    ("hazard", "message"),
    [
        (-0.1, "the hazard \\(per hour\\) is -0.1; it must be finite and >= 0"),
        (float("nan"), "finite"),
        (float("inf"), "finite"),
        (sn.Param(-0.1), "must be >= 0"),
        (True, "hazard is True"),
        (None, "hazard is None"),
        ("0.1", "hazard is '0.1'"),
        ([0.1], "neither a number nor a function"),
        (lambda cell: 0.1, r"must be a function of \(cell, env, p\)"),
    ],
)
def test_bad_hazards(hazard, message):
    with pytest.raises(sn.ModelError, match=message):
        sn.Death("a", hazard)


def test_a_rule_object_brings_its_parameters():
    model = expand(sn.Death("a", sn.Rule(rate, {"k": sn.Param(0.5, unit="1/h2")}), "x"))
    assert model.parameters["x.k"].unit == "1/h2"


def test_constant_hazards_stay_positive():
    with pytest.raises(sn.ModelError, match="outside its range"):
        expand(sn.Death("a", 0.1)).with_params({"death.hazard": -0.1})
    with pytest.raises(sn.ModelError, match=r"hazard is -0\.1; it must be >= 0"):
        expand(sn.Death("a", sn.Param(0.1))).with_params({"death.hazard": -0.1})


# -- sources and names ------------------------------------------------------------------------------------------------


def test_several_sources_make_one_transition_each():
    model = expand(sn.Death(["a", "b"], rate, "turnover", params={"k": 0.1}))
    assert [t.name for t in model.transitions] == ["turnover[a]", "turnover[b]"]
    assert [t.source for t in model.transitions] == [("a",), ("b",)]
    # One parameter for both, so that one number changes both.
    assert list(model.parameters) == ["turnover.k"]


def test_one_source_in_a_list():
    assert [t.name for t in expand(sn.Death(["a"], 0.1, "x")).transitions] == ["x"]


def test_names_that_were_not_given_are_told_apart():
    model = expand(
        sn.Division("a", 0.1), sn.Division("b", 0.2), sn.Death("a", 0.3, "x"), sn.Death(["a", "b"], 0.4, "y")
    )
    assert [t.name for t in model.transitions] == ["division[a]", "division[b]", "x", "y[a]", "y[b]"]
    assert list(model.parameters) == ["division[a].hazard", "division[b].hazard", "x.hazard", "y.hazard"]


def test_the_same_cause_from_several_fates():
    model = expand(sn.Death(["a", "b"], 0.1, "x"), sn.Death("cycling", 0.2, "x"))
    assert [t.name for t in model.transitions] == ["x[a]", "x[b]", "x[cycling]"]
    assert list(model.parameters) == ["x[a+b].hazard", "x[cycling].hazard"]
    assert model.causes == ("x",)


@pytest.mark.parametrize(
    "transitions",
    [
        (sn.Death("a", 0.1, name="x"), sn.Death("b", 0.1, name="x")),
        (sn.Division("a", 0.1), sn.Division("a", 0.2)),
        (sn.Transition("x", "a", "b", 0.1), sn.Transition("x", "b", "a", 0.1)),
        (sn.Transition("x[a]", "a", "b", 0.1), sn.Transition("x", ["a", "b"], "b", 0.1)),
    ],
)
def test_names_differ(transitions):
    with pytest.raises(sn.ModelError, match="two transitions are named"):
        expand(*transitions)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sn.Transition("", "a", "b", 0.1), "a transition's name is ''"),
        (lambda: sn.Transition(3, "a", "b", 0.1), "a transition's name is 3"),
        (lambda: sn.Transition("x", [], "b", 0.1), "source is empty"),
        (lambda: sn.Transition("x", ["a", "a"], "b", 0.1), "names 'a' twice"),
        (lambda: sn.Transition("x", [3], "b", 0.1), "source holds 3"),
        (lambda: sn.Transition("x", "a", None, 0.1), "name a fate, or 'dead'"),
        (lambda: sn.Transition("x", "a", "b", 0.1, cause="c"), "only deaths have"),
        (lambda: sn.Transition("x", "a", "dead", 0.1, mark=["m"]), "the dead are not kept"),
        (lambda: sn.Transition("x", "a", "dead", 0.1, set={"y": 0.0}), "the dead are not kept"),
        (lambda: sn.Transition("x", "a", "b", 0.1, mark="m", unmark="m"), "raises and clears the mark 'm'"),
        (lambda: sn.Transition("x", "a", "b", 0.1, mark=["m", "m"]), "names 'm' twice"),
        (lambda: sn.Transition("x", "a", "b", 0.1, barrier=""), "barrier is ''"),
        (lambda: sn.Transition("x", "a", "b", 0.1, params={"k": 1.0}), "its hazard is a number"),
        (lambda: sn.Transition("x", "a", "b", 0.1, set={"y": "z"}), r"set\['y'\]: .*neither a number"),
        (lambda: sn.Division("a", 0.1, target="dead"), "use sn.Death"),
        (lambda: sn.Escape("x", 0.1, target="dead"), "use sn.Death"),
    ],
)
def test_bad_transitions(make, message):
    with pytest.raises(sn.ModelError, match=message):
        make()


# -- effects ----------------------------------------------------------------------------------------------------------


def test_values_to_set():
    t = sn.Transition(
        "go",
        "a",
        "b",
        rate,
        set={"x": sn.LogNormal(1.0, 0.5), "y": lambda c, e, p: p.half * c.y, "z": 3},
        params={"k": 0.1, "half": 0.5},
    )
    model = expand(t, traits=[sn.Trait("x"), sn.Trait("y"), sn.Trait("z")])
    pieces = model.to_document()["transitions"][0]["set"]
    assert [piece["trait"] for piece in pieces] == [0, 1, 2]
    assert [piece["value"]["kind"] for piece in pieces] == ["lognormal", "rule", "rule"]
    names = [name for name in model.parameters if name.startswith("go.")]
    assert names == ["go.k", "go.half", "go.set.x.median", "go.set.x.sigma", "go.set.z"]
    assert set(t.params) == {"k", "half"}


def test_rules_of_effects_are_traced():
    t = sn.Transition("go", "a", "b", 0.1, set={"x": lambda c, e, p: c.y})
    with pytest.raises(sn.TraceError, match=r"transition 'go': set\['x'\]: the cell has no trait 'y'"):
        expand(t, traits=[sn.Trait("x")])


def test_transitions_do_not_change():
    t = sn.Senolytic("x", rate, params={"k": 1.0})
    with pytest.raises(AttributeError, match="does not change"):
        t.hazard = 0.1
    back = pickle.loads(pickle.dumps(t))
    assert type(back) is sn.Senolytic
    assert back.params == t.params
    assert repr(t) == "Senolytic('x')"
