"""Independent cells are run in batches, all others epoch by epoch: the order of work must not show in what comes out."""

import numpy as np
import pytest
import senescape as sn

from tools.random_rules import random_model

NEVER = sn.Relapse(above=1e12)
"""A rule that looks at all cells after every epoch, and so has them run epoch by epoch."""


def both(model, **settings):
    return sn.simulate(model, **settings), sn.simulate(model, relapse=NEVER, **settings)


def same(whole, epochs):
    np.testing.assert_array_equal(whole.counts, epochs.counts)
    np.testing.assert_array_equal(whole.events, epochs.events)
    assert whole.engine["candidates"] == epochs.engine["candidates"]
    for name, column in dict(whole.outcomes).items():
        np.testing.assert_array_equal(column, epochs.outcomes[name], err_msg=name)


def test_random_rules_give_the_same_cells_either_way(fresh_seed):
    compared = 0
    for i in range(30):
        model = random_model(np.random.default_rng(fresh_seed + i))
        if model.pools:
            continue
        doses = [sn.Dose("drug", 1.0, at=t) for t in (0.0, 13.5, 40.0)]
        whole, epochs = both(
            model, initial={"a": 700, "b": 40}, until=60, every=7.0, sync=10.0, doses=doses, seed=i, threads=2
        )
        same(whole, epochs)
        compared += 1
    assert compared > 5


def growing(observables=()):
    return sn.Model(
        fates=["cycling", "resting"],
        traits=[sn.Trait("size", initial=sn.LogNormal(median=1.0, sigma=0.3), inherit=sn.ar1(0.5))],
        transitions=[
            sn.Division("cycling", lambda cell, env, p: 0.04 * cell.size),
            sn.Transition("rest", "cycling", "resting", 0.01),
            sn.Transition("wake", "resting", "cycling", lambda cell, env, p: 0.001 * cell.age),
            sn.Death(["cycling", "resting"], 0.005),
        ],
        observables=observables,
    )


def test_a_growing_population_is_the_same_either_way():
    # More founders than one batch holds, and more descendants than one block.
    same(*both(growing(), initial={"cycling": 6000, "resting": 100}, until=80, every=9.0, seed=3))


def test_read_outs_agree_up_to_the_order_of_sums():
    observables = [
        sn.Observable("mean_size", "cycling", "size"),
        sn.Observable("total", "resting", "size", kind="sum"),
        sn.Observable("cells", "cycling", kind="count"),
    ]
    whole, epochs = both(growing(observables), initial={"cycling": 6000}, until=80, every=9.0, seed=4)
    same(whole, epochs)
    np.testing.assert_allclose(whole.observables, epochs.observables, rtol=1e-12)


@pytest.mark.parametrize("cap", [2000, 5000, 30_000])
def test_the_cell_cap_ends_a_run_at_the_same_epoch_either_way(cap):
    settings = {"initial": {"cycling": 1000}, "until": 200, "every": 10.0, "max_cells": cap, "replicates": 3, "seed": 5}
    whole, epochs = both(growing(), **settings)
    same(whole, epochs)
    assert set(whole.outcomes["stop"]) == {"cell_cap"}
    for counts, end in zip(whole.counts.sum(axis=2), whole.outcomes["final"], strict=True):
        # The epoch in which the cap is passed is whole: only what was seen last may be above.
        assert (counts[counts >= 0][:-1] <= cap).all()
        assert end > cap


def test_a_population_too_large_to_finish_an_epoch_stands_as_of_its_start():
    model = sn.Model(
        fates=["cell"],
        transitions=[sn.Division("cell", lambda cell, env, p: np.where(env.time < 48.0, 0.001, 1.0))],
    )
    settings = {"initial": {"cell": 300}, "until": 240.0, "every": 12.0, "max_cells": 1000, "seed": 5}
    result = sn.simulate(model, **settings)
    assert result.outcomes["stop"][0] == "cell_cap"
    assert result.outcomes["end_time"][0] == 48.0
    seen = result.counts[0, :, 0]
    assert (seen[:5] >= 300).all()
    assert (seen[5:] == -1).all()
    assert result.outcomes["final"][0] == seen[4] == 300 + result.events[0, 4, 0]


def test_a_peak_between_observations_counts_for_the_cap():
    """Cells that grow for a day and then die: the cap is asked at every epoch, seen or not."""
    model = sn.Model(
        fates=["cell"],
        transitions=[
            sn.Division("cell", lambda cell, env, p: np.where(env.time < 24.0, 0.15, 0.0)),
            sn.Death("cell", lambda cell, env, p: np.where(env.time < 24.0, 0.0, 0.5)),
        ],
    )
    settings = {"initial": {"cell": 1000}, "until": 96, "every": 96.0, "sync": 12.0, "max_cells": 20_000, "seed": 6}
    whole, epochs = both(model, **settings)
    same(whole, epochs)
    assert whole.outcomes["stop"][0] == "cell_cap"


def test_times_that_were_meant_to_be_one_do_no_harm():
    """Doses a rounding error apart, or from an observation, make epochs of no length."""

    def model(shared):
        return sn.Model(
            fates=["cell"],
            drugs=[sn.Drug("drug", half_life=10.0)],
            pools=[sn.Pool("pool", 1.0, lambda env, p: 0.1 * env.drug["drug"] + 0.001 * env.count["cell"])]
            if shared
            else [],
            transitions=[
                sn.Division("cell", lambda cell, env, p: 0.02 / (1.0 + (env.count["cell"] / 500.0 if shared else 0.0))),
                sn.Death(
                    "cell", lambda cell, env, p: 0.01 * env.drug["drug"] + (0.001 * env.pool["pool"] if shared else 0.0)
                ),
            ],
        )

    settings = {"initial": {"cell": 400}, "until": 48.0, "every": 12.0, "sync": 6.0, "replicates": 200, "seed": 8}
    for shared in (False, True):
        plain = sn.simulate(model(shared), doses=[sn.Dose("drug", 1.0, at=t) for t in (0.0, 12.0, 24.0)], **settings)
        times = (5e-324, 12.0 + 2e-15, 24.0 * (1.0 - 1e-16))
        close = sn.simulate(model(shared), doses=[sn.Dose("drug", 1.0, at=t) for t in times], **settings)
        assert close.ledger.closes
        a, b = (result.counts[:, -1, 0].mean() for result in (plain, close))
        # The same law; cells' luck differs where bounds begin at other times. Five standard errors.
        spread = plain.counts[:, -1, 0].std() * (2 / 200) ** 0.5
        assert abs(a - b) < 5 * spread
