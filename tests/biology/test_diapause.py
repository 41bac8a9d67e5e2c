"""Diapause as a built-in plugin."""

import numpy as np
import pytest
import senescape as sn
from senescape.biology import diapause
from senescape.testing import check_rule

pytestmark = pytest.mark.biology

QUIET = {
    "apoptosis.k": 0.0,
    "turnover.hazard": 0.0,
    "arrest.k": 0.0,
    "cycle.length": 1e9,
}


def run(until=240.0, seed=1, **parameters):
    scenario = sn.Scenario(
        plugins=("biology", "diapause"),
        initial={"cycling": 5000},
        until=until,
        every=12.0,
        sync=12.0,
        pulses=({"drug": "doxorubicin", "concentration": 1.0, "start": 24.0, "duration": 48.0},),
        parameters={**QUIET, **parameters},
    )
    return sn.simulate(scenario, seed=seed, replicates=4)


def held(result, hour):
    at = list(result.time).index(hour)
    return result.counts[:, at, result.layout.fates.index("diapause")].mean()


def test_every_rule_does_what_rules_must():
    enter, wake, _ = diapause.senescape_transitions()
    check_rule(enter, drug="doxorubicin", increasing="doxorubicin", decreasing="myc")
    check_rule(wake, decreasing="doxorubicin")


def test_cells_enter_under_drug_only_and_wake_after_wash_out():
    result = run()
    assert held(result, 24.0) == 0
    assert held(result, 72.0) > 300
    assert held(result, 240.0) < 0.1 * held(result, 72.0)


def test_those_held_at_wash_out_wake_at_the_stated_rate(fresh_seed):
    result = run(seed=fresh_seed)
    n, left = 4 * held(result, 72.0), 4 * held(result, 120.0)
    # 48 h without drug at 0.02/h; whatever dies of turnover is switched off.
    p = np.exp(-0.02 * 48)
    assert abs(left - n * p) < 5 * np.sqrt(n * p * (1 - p))


def test_the_low_in_myc_enter():
    low, high = run(**{"myc.initial.median": 0.3}), run(**{"myc.initial.median": 3.0})
    assert held(low, 72.0) > 5 * held(high, 72.0)


def test_who_wakes_has_little_damage():
    scenario = sn.Scenario(
        plugins=("biology", "diapause"),
        initial={"cycling": 3000},
        until=480.0,
        every=24.0,
        pulses=({"drug": "doxorubicin", "concentration": 0.1, "start": 24.0, "duration": 48.0},),
        parameters={"myc.initial.median": 0.2},
    )
    without = scenario.model_copy(update={"plugins": ("biology",), "parameters": {}})
    share = []
    for each in (scenario, without):
        result = sn.simulate(each, seed=3, replicates=4)
        senescent, total = result.counts[:, :, result.layout.fates.index("senescent")], result.counts.sum(axis=2)
        share.append(float((senescent[:, 10] / total[:, 10]).mean()))
    assert share[0] < share[1]
