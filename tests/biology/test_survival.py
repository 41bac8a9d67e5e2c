"""Eating, recycling and starving as a built-in plugin."""

import numpy as np
import pytest
import senescape as sn
from senescape.biology import survival
from senescape.testing import check_rule

pytestmark = pytest.mark.biology

QUIET = {
    "apoptosis.k": 0.0,
    "turnover.hazard": 0.0,
    "escape.h0": 0.0,
    "return.k": 0.0,
    "senescence.k": 0.0,
    "cycle.length": 1e9,
}


def run(initial, until=480.0, seed=1, **parameters):
    scenario = sn.Scenario(
        plugins=("biology", "survival"),
        initial=initial,
        until=until,
        every=24.0,
        sync=6.0,
        parameters={**QUIET, **parameters},
    )
    return sn.simulate(scenario, seed=seed, replicates=4)


def test_every_rule_does_what_rules_must():
    meal, eaten, *starving = survival.senescape_transitions()
    check_rule(
        meal, increasing=["engulfment", "env.pool['debris']"], decreasing="energy", ranges={"energy": (0.0, 1.5)}
    )
    # Its rule alone: there are no eaters where all cells are of one fate.
    check_rule(eaten.hazard)
    for part in starving:
        check_rule(part, decreasing="energy")
    fed, deep = survival.senescape_modifiers()
    check_rule(fed, increasing=["autophagy", "meals"])
    check_rule(deep, increasing="depth")


def test_cells_starve_by_the_law_of_their_reserves(fresh_seed):
    """Energy decays to what is recycled, here nothing; survival is exp of the integrated hazard."""
    off = {"engulfment.initial.median": 1e-9, "autophagy.initial.median": 1e-9}
    result = run({"arrested": 20_000}, 96.0, fresh_seed, **off, **{"food.supply": 0.0})
    t = np.linspace(0.0, 96.0, 20_001)
    hazard = 0.05 * np.exp(-np.exp(-t / 72.0) / 0.15)
    expected = np.exp(-np.sum((hazard[1:] + hazard[:-1]) / 2) * (t[1] - t[0]))
    left = result.counts[:, -1, result.layout.fates.index("arrested")].sum()
    n = 80_000
    assert abs(left - n * expected) < 5 * np.sqrt(n * expected * (1 - expected))
    assert set(result.ledger.deaths) >= {"starvation"}


def test_fed_cells_do_not_starve_and_recycling_helps_hungry_ones():
    def left(**parameters):
        result = run({"senescent": 1000}, **parameters)
        return result.counts[:, -1, result.layout.fates.index("senescent")].mean()

    fed = left(**{"food.supply": 1.0})
    recycling = left(**{"food.supply": 0.0, "autophagy.initial.median": 5.0, "engulfment.initial.median": 1e-9})
    neither = left(**{"food.supply": 0.0, "autophagy.initial.median": 1e-9, "engulfment.initial.median": 1e-9})
    assert fed > 950
    assert fed > recycling > 1.2 * neither


def test_those_that_eat_live_and_each_prey_is_a_death():
    both = {"senescent": 500, "cycling": 2000}
    hungry = {"food.supply": 0.0, "autophagy.initial.median": 1e-9, "engulfment.density": 1000.0}
    eating = run(both, **hungry)
    fasting = run(both, **hungry, **{"engulfment.initial.median": 1e-9})
    senescent = eating.layout.fates.index("senescent")
    assert eating.counts[:, -1, senescent].mean() > 1.2 * fasting.counts[:, -1, senescent].mean()
    assert eating.ledger.deaths["engulfed"] > 100
    assert fasting.ledger.deaths.get("engulfed", 0) == 0


def test_bcl_xl_rises_with_depth_and_holds_death_off():
    """Primed senescent cells, deep from the start."""
    dying = {
        "apoptosis.k": 0.02,
        "priming.initial": 1.0,
        "tp53.initial.p": 1.0,
        "depth.initial": 0.8,
        "apoptosis.induced": 2.2,
    }
    left = [
        run({"senescent": 1000}, 96.0, **dying, **{"bcl_xl.rise": rise}).counts[:, -1].sum() for rise in (0.0, 0.75)
    ]
    assert left[1] > 1.3 * left[0]


@pytest.mark.parametrize("supply", [-0.1, 1.5])
def test_a_supply_outside_its_range_is_refused(supply):
    with pytest.raises(sn.SenescapeError, match=r"food\.supply"):
        run({"senescent": 10}, **{"food.supply": supply})
