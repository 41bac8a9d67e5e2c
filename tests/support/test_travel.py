"""Public objects, fresh and used, are pickled, copied, and sent to other processes."""

import copy
import multiprocessing
import pickle
import re

import numpy as np
import pytest
import senescape as sn
from senescape.trials.cohort import Cohort


def hazard(cell, env, p):
    return p.k * cell.x


def rate(env, p):
    return p.gain * env.count["a"] - 0.1 * env.pool["t"]


def visit(visit, p):
    return None


def readme_model():
    return sn.Model(
        fates=["cell"],
        transitions=[sn.Division("cell", hazard=0.10), sn.Death("cell", hazard=0.11, cause="death")],
    )


def full_model():
    return sn.Model(
        fates=["a", "b"],
        traits=[
            sn.Trait("x", sn.LogNormal(1.0, 0.5), flow=sn.relax(3.0, tau=10.0), inherit=sn.ar1(0.5)),
            sn.Trait("y", np.array([1.0, 2.0, 3.0])),
        ],
        drugs=[sn.Drug("d", half_life=5.0, volume=2.0)],
        pools=[sn.Pool("t", 1.0, rate, params={"gain": 0.1})],
        signals=[sn.Signal("s", hazard, params={"k": 2.0})],
        modifiers=[sn.Modifier("m", of="s", factor=2.0)],
        observables=[sn.Observable("ox", "a", "x"), sn.Observable("n", "a", kind="count")],
        visits=[sn.VisitRule("v", visit)],
        transitions=[
            sn.Death("a", hazard, params={"k": sn.Param(0.1, low=0.0)}),
            sn.Transition("go", "a", "b", 0.01, set={"x": sn.Uniform(0.0, 1.0)}, mark="went"),
            sn.Division("b", 0.02),
        ],
    )


def used_model():
    model = full_model()
    sn.simulate(model, initial={"a": 3}, until=5.0, visits=[1.0], seed=1)
    model.rule_shares, model.signal_graph, model.rule_hashes()
    return model


def scenario():
    return sn.load("mcf7-doxorubicin").model_copy(update={"until": 24.0, "initial": {"cycling": 20}})


def used_scenario():
    made = scenario()
    sn.simulate(made, seed=1)
    return made


def changed_scenario():
    return used_scenario().with_params({"escape.h0": 0.01})


def result():
    model = used_model()
    return sn.simulate(
        model, initial={"a": 3}, until=20.0, visits=[1.0], seed=1, replicates=3, doses=[sn.Dose("d", 1.0, 2.0)]
    )


def used_result():
    made = result()
    made.outcomes, made.doses, made.ledger, made.sha256, repr(made.profile)
    return made


def trial():
    arm = sn.Scenario(initial={"cycling": 20}, until=24.0, relapse={"above": 30})
    return sn.trial({"a": arm, "b": arm}, replicates=2, seed=1)


def used_trial():
    made = trial()
    assert made.outcomes
    return made


MAKERS = {
    "readme model": readme_model,
    "full model": full_model,
    "used model": used_model,
    "model with parameters": lambda: used_model().with_params({"death.k": 0.2}),
    "scenario": scenario,
    "used scenario": used_scenario,
    "changed scenario": changed_scenario,
    "result": result,
    "used result": used_result,
    "trial": trial,
    "used trial": used_trial,
    "outcomes": lambda: result().outcomes,
    "ledger": lambda: result().ledger,
    "profile": lambda: result().profile,
    "parameters": lambda: sn.parameters("biology"),
    "cohort": lambda: Cohort({"escape.h0": sn.LogNormal(0.01, 0.5)}, patients=2),
    "Dose": lambda: sn.Dose("d", 1.0, 2.0),
    "Pulse": lambda: sn.Pulse("d", 1.0, 2.0, 3.0),
    "Drug": lambda: sn.Drug("d", half_life=5.0, route="oral"),
    "Pool": lambda: sn.Pool("t", 1.0, rate, params={"gain": 0.1}),
    "Signal": lambda: sn.Signal("s", hazard, params={"k": 2.0}),
    "Modifier": lambda: sn.Modifier("m", of="s", factor=2.0),
    "Observable": lambda: sn.Observable("o", "a", "x"),
    "count": lambda: sn.Observable("o", "a", kind="count"),
    "Trait": lambda: sn.Trait("x", np.array([1.0, 2.0]), flow=sn.relax(1.0, tau=2.0), inherit=sn.scaled(0.5)),
    "Transition": lambda: sn.Transition("go", "a", "b", hazard, set={"x": 1.0}, mark="m", params={"k": 1.0}),
    "Senolytic": lambda: sn.Senolytic("nav", 0.1),
    "Immunotherapy": lambda: sn.Immunotherapy("i", 0.1),
    "Escape": lambda: sn.Escape("e", 0.1),
    "Param": lambda: sn.Param(1.0, unit="h", low=0.0, source="a paper"),
    "Rule": lambda: sn.Rule(hazard, {"k": 1.0}),
    "Relapse": lambda: sn.Relapse(10.0, "a", after=5.0),
    "VisitRule": lambda: sn.VisitRule("v", visit),
    "LogNormal": lambda: sn.LogNormal(1.0, sn.Param(0.5, low=0.0)),
    "relax": lambda: sn.relax(hazard, tau=2.0, params={"k": 1.0}),
    "Measured": lambda: sn.Measured(column="MCL1", transform="log1p"),
    "error": lambda: sn.ModelError("wrong", owner="trait 'x'", fix="mend it", plugin="p"),
}


def told(thing):
    """Return what a thing says of itself, whichever process it is in."""
    if isinstance(thing, sn.Model):
        visits = {"visits": [1.0]} if thing.visits else {}
        initial = {thing.fates[0]: 3}
        return thing.to_json(), sn.simulate(thing, initial=initial, until=5.0, seed=2, **visits).sha256
    if isinstance(thing, sn.Scenario):
        return thing.model_dump_json(), sn.simulate(thing, seed=2).sha256
    if isinstance(thing, sn.Result):
        return thing.sha256, str(thing.ledger), thing.provenance["model"]
    if isinstance(thing, sn.Trial):
        return str(thing), str(thing.outcomes)
    if isinstance(thing, sn.Relapse):
        return thing.above, thing.fates, thing.after
    if isinstance(thing, Exception):
        return type(thing), str(thing), thing.owner, thing.plugin
    return re.sub(r" at 0x[0-9a-f]+", "", repr(thing))


@pytest.mark.parametrize("name", MAKERS)
def test_things_are_pickled_and_copied(name):
    thing = MAKERS[name]()
    before = told(thing)
    for protocol in (2, pickle.HIGHEST_PROTOCOL):
        assert told(pickle.loads(pickle.dumps(thing, protocol))) == before
    assert told(copy.copy(thing)) == before
    assert told(copy.deepcopy(thing)) == before
    assert told(thing) == before
    # Once more, now that it has been used.
    assert told(pickle.loads(pickle.dumps(thing))) == before


def test_equality_does_not_depend_on_use():
    fresh, used = scenario(), used_scenario()
    assert fresh == used
    assert fresh == pickle.loads(pickle.dumps(used))
    assert fresh.with_params({"escape.h0": 0.01}) == used.with_params({"escape.h0": 0.01}) != fresh


@pytest.fixture(scope="module")
def things():
    return {name: make() for name, make in MAKERS.items()}


def test_things_go_to_spawned_processes(things):
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert dict(zip(things, pool.map(told, things.values()), strict=True)) == {
            n: told(t) for n, t in things.items()
        }


def test_things_go_to_loky_workers(things):
    joblib = pytest.importorskip("joblib")
    found = joblib.Parallel(n_jobs=2)(joblib.delayed(told)(thing) for thing in things.values())
    assert dict(zip(things, found, strict=True)) == {name: told(thing) for name, thing in things.items()}
    assert joblib.hash(used_scenario()) == joblib.hash(scenario())


@pytest.mark.filterwarnings("default")
def test_things_go_to_dask_workers(things):
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        found = client.gather(client.map(told, list(things.values()), pure=False))
    assert dict(zip(things, found, strict=True)) == {name: told(thing) for name, thing in things.items()}


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s.parameters.__setitem__("escape.h0", 0.01),
        lambda s: s.initial.update(cycling=3),
        lambda s: s.initial.pop("cycling"),
        lambda s: s.parameters.clear(),
        lambda s: s.parameters.setdefault("x", 1.0),
        lambda s: s.parameters.__ior__({"x": 1.0}),
        lambda s: s.initial.__delitem__("cycling"),
        lambda s: next(iter(s.model.rules().values())).params.update(x=1),
        lambda s: s.model.drugs[0].fields.clear(),
    ],
)
def test_what_a_model_was_made_of_does_not_change(change):
    made = used_scenario()
    with pytest.raises(sn.FrozenError, match="does not change"):
        change(made)
    assert made == scenario()


def test_a_changed_copy_is_checked():
    made = scenario()
    pulses = [sn.Pulse("doxorubicin", 0.1, 1.0, 2.0)]
    copied = made.model_copy(update={"pulses": pulses, "doses": [], "relapse": sn.Relapse(30, after=2.0)})
    assert copied.settings()["doses"] == pulses
    assert (copied.relapse.above, copied.relapse.after) == (30.0, 2.0)
    assert made.model_copy(update={"until": np.float32(5)}).until == 5.0
    assert made.model_copy(update={"initial": {"cycling": np.int64(7)}}).initial == {"cycling": 7}
    for update, said in (
        ({"untill": 5}, "did you mean 'until'"),
        ({"until": -1}, "until"),
        ({"until": np.timedelta64(5, "h")}, "span of time"),
        ({"initial": {"cycling": 2.5}}, "initial.cycling"),
        ({"pulses": ["x"]}, "pulses"),
    ):
        with pytest.raises(sn.ScenarioError, match=said):
            made.model_copy(update=update)


def test_dotted_keys_of_toml_need_no_quotes():
    text = "initial = {cycling = 1}\nuntil = 1\n[parameters]\nescape.h0 = 0.01\n'escape.gamma' = 2.0\n"
    assert sn.Scenario.from_toml(text).parameters == {"escape.h0": 0.01, "escape.gamma": 2.0}
    below = 'base = "mcf7-doxorubicin"\n[parameters]\nescape.h0 = 0.5\n'
    assert sn.Scenario.from_toml(below).parameters["escape.h0"] == 0.5
    with pytest.raises(sn.ScenarioError, match=r"'escape\.h0' is given twice"):
        sn.Scenario.from_toml(text + "'escape.h0' = 2.0\n")
