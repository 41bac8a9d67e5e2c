"""The slow path: hazards that are called with NumPy columns once an epoch (`traced=False`)."""

import hashlib

import numpy as np
import pytest
import senescape as sn
from senescape import reference

# Two-sided, family-wise below 1e-5 for the handful of tests here.
Z = 5.5


def population(hazard, traced=False, params=None, **more):
    parts = {
        "fates": ["a", "b"],
        "traits": [sn.Trait("x", sn.Uniform(0.5, 1.5))],
        "drugs": [sn.Drug("d", half_life=10.0)],
        **more,
    }
    transitions = [sn.Death("a", hazard, cause="kill", params=params, traced=traced), *more.get("transitions", ())]
    return sn.Model(**{**parts, "transitions": transitions})


def within(found, expected, n):
    """Whether a share found among `n` is that expected, up to chance."""
    return abs(found - expected) < Z * np.sqrt(expected * (1 - expected) / n)


def test_what_does_not_change_within_an_epoch_is_exact(fresh_seed):
    n, k, t = 200_000, 0.02, 60.0
    result = sn.simulate(
        population(lambda cell, env, p: p.k * cell.x, params={"k": k}),
        initial={"a": n},
        until=t,
        seed=fresh_seed,
        sync=20.0,
    )
    survive = (np.exp(-0.5 * k * t) - np.exp(-1.5 * k * t)) / (k * t)
    assert within(result.counts[0, -1, 0] / n, survive, n)
    assert result.provenance["slow_rules"] == ["kill"]


def test_a_value_holds_for_its_epoch(fresh_seed):
    n = 200_000
    result = sn.simulate(
        population(lambda cell, env, p: 0.001 * env.time),
        initial={"a": n},
        until=40,
        every=40,
        seed=fresh_seed,
        sync=10.0,
    )
    # Read at 0, 10, 20 and 30 h, and held for 10 h each.
    assert within(result.counts[0, -1, 0] / n, np.exp(-0.001 * 10 * (0 + 10 + 20 + 30)), n)


def test_daughters_have_their_mothers_hazard(fresh_seed):
    grows = [sn.Division("a", 0.03)]
    n = 40_000
    result = sn.simulate(
        population(lambda cell, env, p: 0.01, transitions=grows),
        initial={"a": n},
        until=40,
        every=40,
        seed=fresh_seed,
        sync=40.0,
    )
    # The variance of a birth-death process that starts with one cell.
    growth = np.exp(0.02 * 40)
    spread = np.sqrt(n * (0.04 / 0.02) * growth * (growth - 1))
    assert abs(result.counts[0, -1, 0] - n * growth) < Z * spread


def test_cells_that_come_into_the_fate_meet_it_from_the_next_epoch_on():
    comes = [sn.Transition("come", "b", "a", 50.0)]
    model = population(lambda cell, env, p: 100.0, transitions=comes)
    result = sn.simulate(model, initial={"b": 1000}, until=20, observe=[10, 20], sync=10.0, seed=1)
    assert result.counts[0].tolist() == [[1000, 0], [0, 0]]


def test_one_rule_for_several_fates_and_modifiers_of_it(fresh_seed):
    n = 100_000
    seen = []

    def rule(cell, env, p):
        seen.append(cell.x.shape)
        return p.k * np.ones_like(cell.x)

    model = sn.Model(
        fates=["a", "b"],
        traits=[sn.Trait("x", 1.0)],
        transitions=[sn.Death(["a", "b"], rule, cause="kill", params={"k": 0.01}, traced=False)],
        modifiers=[sn.Modifier("double", of="kill[b]", factor=2.0)],
    )
    result = sn.simulate(model, initial={"a": n, "b": n}, until=24, every=24, sync=24.0, seed=fresh_seed)
    assert seen == [(n,), (n,)]
    for fate, rate in enumerate((0.01, 0.02)):
        assert within(result.counts[0, -1, fate] / n, np.exp(-rate * 24), n)
    assert model.with_params({"kill.k": 0.0}).parameters["kill.k"].value == 0.0


def test_it_sees_what_a_traced_rule_sees():
    told = {}

    def rule(cell, env, p):
        told[float(env.time)] = {
            "x": cell.x.copy(), "age": cell.age.copy(), "mark": cell.mark["seen"].copy(), "signal": cell.signal["half"].copy(),
            "drug": float(env.drug["d"]), "pool": float(env.pool["t"]), "count": float(env.count["a"]),
            "mean": float(env.mean["a"].x), "sum": float(env.sum["a"].x),
        }  # fmt: skip
        return 0.0

    model = population(
        rule,
        traits=[sn.Trait("x", 1.0, flow=sn.relax(3.0, tau=20.0))],
        pools=[sn.Pool("t", initial=2.0, rate=lambda env, p: -0.1 * env.pool["t"])],
        marks=["seen"],
        signals=[sn.Signal("half", lambda cell, env, p: 0.5 * cell.x)],
        modifiers=[sn.Modifier("third", of="half", factor=1 / 3)],
        transitions=[sn.Transition("look", "a", "a", 1e6 * 0, mark="seen")],
    )
    sn.simulate(model, initial={"a": 7}, until=20, every=20, sync=10.0, doses=[sn.Dose("d", 4.0, at=0.0)], seed=1)
    at = told[10.0]
    x = 3.0 - 2.0 * np.exp(-0.5)
    np.testing.assert_allclose(at["x"], x, rtol=1e-6)
    np.testing.assert_allclose(at["signal"], x / 6, rtol=1e-6)
    assert at["age"].tolist() == [10.0] * 7
    assert at["mark"].tolist() == [False] * 7
    assert at["drug"] == pytest.approx(2.0)
    assert at["pool"] == pytest.approx(2.0 * np.exp(-1.0), rel=1e-4)
    assert (at["count"], at["mean"], at["sum"]) == (7, pytest.approx(x), pytest.approx(7 * x))


def test_it_agrees_with_the_reference(fresh_seed):
    def rule(cell, env, p):
        return 0.002 * cell.x * (1 + env.count["b"] / 200) / (1 + cell.age / 50)

    def model():
        return population(
            rule,
            traits=[sn.Trait("x", sn.LogNormal(1.0, 0.4), flow=sn.relax(2.0, tau=30.0), inherit=sn.ar1(0.5))],
            transitions=[sn.Transition("go", "a", "b", 0.004), sn.Division("a", 0.006)],
        )

    settings = {"initial": {"a": 300}, "until": 60.0, "every": 60.0, "seed": fresh_seed}
    fast = sn.simulate(model(), replicates=200, sync=0.5, **settings).events[:, -1]
    slow = reference.simulate(model(), replicates=24, dt=0.25, **settings).events[:, -1]
    error = np.sqrt(fast.var(axis=0) / len(fast) + slow.var(axis=0) / len(slow))
    # The reference is right to first order in its step: up to 1% here.
    assert (np.abs(fast.mean(axis=0) - slow.mean(axis=0)) < Z * error + 0.01 * slow.mean(axis=0)).all()


def test_threads_change_nothing():
    def hashed(threads):
        model = population(lambda cell, env, p: 0.01 * cell.x * env.mean["a"].x, transitions=[sn.Division("a", 0.01)])
        result = sn.simulate(model, initial={"a": 500}, until=50, replicates=6, seed=5, threads=threads, sync=5.0)
        return hashlib.sha256(result.events.tobytes() + result.first_event.tobytes()).hexdigest()

    assert hashed(1) == hashed(2) == hashed(4)


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        (lambda cell, env, p: np.full_like(cell.x, np.nan), "gave the hazard nan at 0 h in the fate 'a'"),
        (lambda cell, env, p: -cell.x, "gave the hazard -"),
        (lambda cell, env, p: cell.x[:2], r"array of shape \(2,\) for 10 cells"),
        (lambda cell, env, p: None, "returned None"),
        (lambda cell, env, p: "fast", "must return numbers"),
        (lambda cell, env, p: 1 / 0, "ZeroDivisionError"),
        (lambda cell, env, p: cell.y, "no trait 'y'"),
        (lambda cell, env, p: cell.x.__setitem__(0, 1.0), "read-only"),
    ],
)
def test_what_is_wrong_with_it_is_said_with_its_line(rule, says):
    with pytest.raises(sn.SimulationError, match=f"transition 'kill': hazard.*{says}(.|\n)*test_slow.py") as caught:
        sn.simulate(population(rule), initial={"a": 10}, until=10, seed=1)
    assert caught.value.partial is not None
    assert len(caught.value.partial.replicate) == 0


def test_only_hazards_can_take_it():
    with pytest.raises(sn.ModelError, match="signal 's': value has traced=False; only hazards of transitions"):
        sn.Model(["a"], [sn.Death("a", 0.1)], signals=[sn.Signal("s", sn.Rule(lambda cell, env, p: 1.0, traced=False))])


def test_its_cost_is_shown():
    result = sn.simulate(
        population(lambda cell, env, p: 0.01 * cell.x), initial={"a": 3000}, until=48, every=24, seed=1, replicates=2
    )
    slow = [cost for cost in result.profile.costs if cost.path == "slow path"]
    assert [(cost.what, cost.fate) for cost in slow] == [("kill", "a")]
    # Two epochs of two replicates.
    assert 6000 < slow[0].cells <= 12_000
    assert slow[0].seconds > 0
    assert "slow path" in str(result.profile)
