import pickle

import numpy as np
import pytest
import senescape as sn

DEATH = [sn.Death("a", hazard=0.1)]


def model_of(*traits, **kwargs):
    return sn.Model(fates=["a", "b"], transitions=DEATH, traits=traits, **kwargs)


def document_of(*traits, **kwargs):
    return model_of(*traits, **kwargs).to_document()


# -- initial values ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("initial", [2, 2.0, np.float32(2), sn.Constant(2.0), sn.Param(2.0), np.array(2.0)])
def test_a_number_is_a_parameter(initial):
    document = document_of(sn.Trait("x", initial))
    assert document["params"][0] == {"name": "x.initial", "value": 2.0}
    assert document["traits"][0]["initial"] == {"kind": "rule", "value": 0}


def test_distributions_keep_their_kind():
    laws = [
        sn.Normal(0, 1),
        sn.Normal(0, 1, low=-1, high=1),
        sn.LogNormal(1, 1),
        sn.Uniform(0, 1),
        sn.Integers(0, 3),
        sn.Beta(1, 1),
        sn.Gamma(1, 1),
        sn.Exponential(1),
        sn.Bernoulli(0.5),
    ]
    document = document_of(*(sn.Trait(f"t{i}", law) for i, law in enumerate(laws)))
    for law, trait in zip(laws, document["traits"], strict=True):
        initial = trait["initial"]
        assert initial.pop("kind") == law.kind
        read = {key: document["nodes"][node]["index"] for key, node in initial.items() if node is not None}
        given = {key: document["params"][index]["value"] for key, index in read.items()}
        assert given == {key: param.value for key, param in law.params().items()}
        # Every field of the engine's kind is there, also those that were not given.
        assert set(initial) == set(law.__dataclass_fields__) - {"kind"}


def test_tables_are_columns():
    one, two = np.arange(3), [0.5, 1.5, 2.5]
    model = model_of(sn.Trait("x", one), sn.Trait("y", 1.0), sn.Trait("z", two))
    initial = [trait["initial"] for trait in model.to_document()["traits"]]
    assert initial[0] == {"kind": "column", "index": 0}
    assert initial[2] == {"kind": "column", "index": 1}
    assert [column.dtype for column in model.columns] == [np.float32, np.float32]
    assert model.columns[1].tolist() == two


def test_a_table_is_copied():
    values = np.ones(3, dtype=np.float32)
    trait = sn.Trait("x", values)
    values[0] = 9.0
    assert trait.initial[0] == 1.0
    with pytest.raises(ValueError, match="read-only"):
        trait.initial[0] = 2.0


def test_tables_of_pandas():
    pandas = pytest.importorskip("pandas")
    assert sn.Trait("x", pandas.Series([1.0, 2.0])).initial.tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("initial", "message"),
    [
        ([1.0, float("nan")], "value 1 of initial is nan"),
        ([1.0, 1e300], "value 1 of initial is 1e\\+300"),
        ([[1.0]], r"shape \(1, 1\)"),
        (["a"], "give a number, a distribution, an array or a rule"),
        ("abc", "give a number"),
        (None, "trait 'x': initial is None; give a number"),
        (True, "trait 'x': initial is True; give a number"),
        (float("nan"), "must be finite"),
        (lambda cell: 1.0, r"must be a function of \(cell, env, p\)"),
    ],
)
def test_bad_initial_values(initial, message):
    with pytest.raises(sn.ModelError, match=message):
        sn.Trait("x", initial)


def test_rules_read_earlier_traits():
    model = model_of(
        sn.Trait("x", sn.LogNormal(1, 0.5)), sn.Trait("y", lambda c, e, p: p.k * c.x, params={"k": sn.Param(2.0)})
    )
    assert "y.k" in model.parameters
    assert model.to_document()["traits"][1]["initial"]["kind"] == "rule"


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (lambda c, e, p: c.z, "the trait 'z', which is listed after it"),
        (lambda c, e, p: c.y, "reads itself"),
        (lambda c, e, p: c.age, "reads age"),
        (lambda c, e, p: c.x * e.time, "reads time"),
        (lambda c, e, p: e.count["a"], "reads count"),
    ],
)
def test_rules_of_founders_read_nothing_else(rule, message):
    with pytest.raises(sn.ModelError, match=message):
        model_of(sn.Trait("x", 1.0), sn.Trait("y", rule), sn.Trait("z", 1.0))


# -- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["age", "mark", "a b", "", "class", "_x", 3])
def test_bad_names(name):
    with pytest.raises(sn.ModelError):
        sn.Trait(name)


# -- flows ------------------------------------------------------------------------------------------------------------


def flows_of(*flow, **kwargs):
    document = document_of(sn.Trait("x", 0.0, flow=list(flow)), **kwargs)
    names = {i: param["name"] for i, param in enumerate(document["params"])}

    def show(node):
        return names[document["nodes"][node]["index"]] if document["nodes"][node]["op"] == "param" else "rule"

    return [(f["fate"], show(f["target"]), show(f["tau"])) for f in document["traits"][0]["flows"]]


def test_one_flow():
    assert flows_of(sn.relax(3.0, sn.days(14))) == [(None, "x.target", "x.tau")]
    assert flows_of(sn.relax(3.0, 1.0, fate="b")) == [(1, "x.target", "x.tau")]
    assert flows_of(sn.relax(3.0, 1.0, fate=["a", "b"])) == [(0, "x.target", "x.tau"), (1, "x.target", "x.tau")]


def test_a_flow_for_each_fate():
    assert flows_of(sn.relax(3.0, 1.0, fate="a"), sn.relax(0.0, 2.0, fate="b")) == [
        (0, "x.a.target", "x.a.tau"),
        (1, "x.b.target", "x.b.tau"),
    ]
    assert flows_of(sn.relax(3.0, 1.0), sn.relax(0.0, 2.0, fate="b")) == [
        (None, "x.target", "x.tau"),
        (1, "x.b.target", "x.b.tau"),
    ]


def test_a_target_may_be_a_rule():
    assert flows_of(sn.relax(lambda c, e, p: p.k * e.drug["d"], 6.0, params={"k": 1.0}), drugs=[sn.Drug("d", 1.0)]) == [
        (None, "rule", "x.tau")
    ]


def test_a_single_flow_needs_no_list():
    trait = sn.Trait("x", flow=sn.relax(1.0, 2.0))
    assert trait.flow == (sn.relax(1.0, 2.0),)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sn.relax(1.0, 0.0), r"relax\(tau=0\)"),
        (lambda: sn.relax(1.0, -1.0), "positive number of hours"),
        (lambda: sn.relax(1.0, "a"), "must be a number"),
        (lambda: sn.relax("a", 1.0), "neither a number nor a function"),
        (lambda: sn.relax(1.0, 1.0, params={"k": 1.0}), "reads no parameters"),
        (lambda: sn.relax(1.0, 1.0, fate=[]), "at least one fate"),
        (lambda: sn.Trait("x", flow=3.0), "make flows with sn.relax"),
        (lambda: sn.Trait("x", flow=[sn.relax(1.0, 1.0), 3]), "make flows with sn.relax"),
        (lambda: sn.Trait("x", flow=[sn.relax(1.0, 1.0), sn.relax(2.0, 1.0)]), "two flows for all other fates"),
        (
            lambda: sn.Trait("x", flow=[sn.relax(1.0, 1.0, fate=["a", "b"]), sn.relax(2.0, 1.0, fate="b")]),
            "two flows for the fate 'b'",
        ),
    ],
)
def test_bad_flows(make, message):
    with pytest.raises(sn.ModelError, match=message):
        make()


def test_an_unknown_fate_of_a_flow():
    with pytest.raises(sn.ModelError, match=r"trait 'x': flow names the fate 'bb', .*did you mean 'b'"):
        model_of(sn.Trait("x", flow=sn.relax(1.0, 1.0, fate="bb")))


def reads(*names):
    return lambda c, e, p: sum(getattr(c, name) for name in names)


def test_targets_may_follow_each_other():
    model_of(
        sn.Trait("damage", flow=sn.relax(1.0, 1.0)),
        sn.Trait("p21", flow=sn.relax(reads("damage"), 6.0)),
        sn.Trait("priming", flow=sn.relax(reads("damage", "p21"), 60.0)),
    )


@pytest.mark.parametrize(
    ("targets", "circle"),
    [
        ({"x": ["x"]}, "x -> x"),
        ({"x": ["y"], "y": ["x"]}, "x -> y -> x"),
        ({"x": ["y"], "y": ["z"], "z": ["y"]}, "y -> z -> y"),
        ({"w": [], "x": ["w", "y"], "y": ["z"], "z": ["x"]}, "x -> y -> z -> x"),
    ],
)
def test_targets_do_not_go_in_a_circle(targets, circle):
    traits = [sn.Trait(name, flow=sn.relax(reads(*of) if of else 1.0, 1.0)) for name, of in targets.items()]
    with pytest.raises(sn.ModelError, match=f"in a circle in the fate 'a': {circle}"):
        model_of(*traits)


def test_circles_are_counted_for_each_fate():
    # x follows y in one fate, y follows x in the other.
    model_of(
        sn.Trait("x", flow=sn.relax(reads("y"), 1.0, fate="a")), sn.Trait("y", flow=sn.relax(reads("x"), 1.0, fate="b"))
    )
    with pytest.raises(sn.ModelError, match="in the fate 'b'"):
        model_of(
            sn.Trait("x", flow=[sn.relax(reads("y"), 1.0), sn.relax(0.0, 1.0, fate="a")]),
            sn.Trait("y", flow=sn.relax(reads("x"), 1.0, fate="b")),
        )


# -- inheritance ------------------------------------------------------------------------------------------------------


def inherit_of(inherit, initial=1.0, **kwargs):
    document = document_of(sn.Trait("x", initial, inherit=inherit, **kwargs))
    piece = dict(document["traits"][0]["inherit"])
    for key, node in piece.items():
        if key != "kind" and document["nodes"][node]["op"] == "param":
            piece[key] = document["params"][document["nodes"][node]["index"]]["name"]
    return piece


def test_inheritance():
    assert inherit_of(None) == {"kind": "copy"}
    assert inherit_of(sn.copy()) == {"kind": "copy"}
    assert inherit_of(sn.reset()) == {"kind": "reset"}
    assert inherit_of(sn.ar1(0.8), sn.LogNormal(1, 1)) == {"kind": "ar1", "rho": "x.rho"}
    assert inherit_of(sn.scaled(0.5)) == {"kind": "scaled", "factor": "x.factor"}
    rule = inherit_of(lambda c, e, p: p.k * c.x + c.age, params={"k": 0.5})
    assert rule["kind"] == "rule"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sn.ar1(1.5), "outside its range|between -1 and 1"),
        (lambda: sn.ar1(sn.Param(1.5)), "between -1 and 1"),
        (lambda: sn.ar1("a"), "must be a number"),
        (lambda: sn.scaled(float("nan")), "must be finite"),
        (lambda: sn.Trait("x", [1.0, 2.0], inherit=sn.reset()), "are a table"),
        (lambda: sn.Trait("x", lambda c, e, p: 1.0, inherit=sn.ar1(0.5)), "not a rule"),
        (lambda: sn.Trait("x", sn.Uniform(0, 1), inherit=sn.ar1(-0.5)), "needs a normal or lognormal"),
        (lambda: sn.Trait("x", 1.0, inherit="copy"), "neither a number nor a function"),
        (lambda: sn.Trait("x", 1.0, params={"k": 1.0}), "params are for an initial or inherit given as a rule"),
    ],
)
def test_bad_inheritance(make, message):
    with pytest.raises(sn.ModelError, match=message):
        make()


def test_changed_values_are_checked():
    model = model_of(sn.Trait("x", sn.LogNormal(1, 1), inherit=sn.ar1(sn.Param(0.5)), flow=sn.relax(1.0, 1.0)))
    for name, value, message in (
        ("x.rho", 2.0, "correlation is 2"),
        ("x.tau", 0.0, "tau is 0"),
        ("x.initial.median", 0.0, "median must be > 0"),
        ("x.initial.sigma", -1.0, "sigma must be >= 0"),
    ):
        with pytest.raises(sn.ModelError, match=message):
            model.with_params({name: value})


def test_traits_do_not_change():
    trait = sn.Trait("x", 1.0)
    with pytest.raises(AttributeError, match="does not change"):
        trait.unit = "h"
    with pytest.raises(AttributeError, match="does not change"):
        del trait.unit
    assert pickle.loads(pickle.dumps(trait)).initial == trait.initial
    assert repr(trait) == "Trait('x')"


# -- targets that are no numbers --------------------------------------------------------------------------------------


def never(cell, env, p):
    return np.log(-1.0 - cell.age)


def until_20(cell, env, p):
    return np.sqrt(20.0 - env.time)


def from_20(cell, env, p):
    return 1.0 / np.maximum(20.0 - env.time, 0.0)


def read_by(how):
    """A part of a model that reads the trait x of fate a."""
    hazard = sn.Death("a", lambda cell, env, p: 0.01 * cell.x / (1.0 + cell.x), "q", traced=how == "hazard")
    return {
        "observable": {"observables": [sn.Observable("o", "a", "x")]},
        "hazard": {"transitions": [hazard]},
        "called": {"transitions": [hazard]},
        "visit": {"visits": [sn.VisitRule("v", lambda visit, p: visit.cells["a"].x.sum())]},
    }[how]


@pytest.mark.parametrize("how", ["observable", "hazard", "called", "visit"])
@pytest.mark.parametrize(("target", "time"), [(never, 0), (until_20, 20), (from_20, 20)])
def test_a_target_that_is_no_number_is_told_whoever_reads_the_trait(target, time, how):
    parts = {"transitions": [sn.Division("b", 0.1)], **read_by(how)}
    model = sn.Model(fates=["a", "b"], traits=[sn.Trait("x", 1.0, flow=sn.relax(target, tau=1.0, fate="a"))], **parts)
    visits = {"visits": 5.0} if how == "visit" else {}
    with pytest.raises(sn.SimulationError, match=r"'flow of x' (is|has)") as raised:
        sn.simulate(model, initial={"a": 20, "b": 5}, until=40.0, every=4.0, seed=1, sync=4.0, **visits)
    text = str(raised.value)
    assert "in fate 'a'" in text
    assert f"test_traits.py:{target.__code__.co_firstlineno}" in text
    assert time - 5 <= float(text.partition(" at ")[2].partition(" h ")[0]) <= time + 6
