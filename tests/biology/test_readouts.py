"""p21, volume and stains as a built-in plugin."""

import numpy as np
import pytest
import senescape as sn
from senescape.biology import readouts
from senescape.testing import check_rule

pytestmark = pytest.mark.biology
DAY = 24.0


def run(*plugins, seed=1, until=15 * DAY, dose=0.1, **parameters):
    scenario = sn.Scenario(
        plugins=("biology", *plugins),
        initial={"cycling": 1000},
        until=until,
        every=6.0,
        sync=6.0,
        pulses=({"drug": "doxorubicin", "concentration": dose, "start": DAY, "duration": DAY},),
        parameters=parameters,
    )
    return sn.simulate(scenario, seed=seed, replicates=4)


def test_every_rule_does_what_rules_must():
    for part in readouts.senescape_transitions():
        # It marks cells and moves none: its rule alone.
        check_rule(part.hazard, increasing="p21")


def test_nothing_here_acts_on_fates(fresh_seed):
    """Shares of fates ten days later agree with and without, at the noise of 4,000 founders."""
    counts = [run(*plugins, seed=fresh_seed).counts[:, 40].sum(axis=0) for plugins in ((), ("readouts",))]
    for plain, read in zip(*counts, strict=True):
        assert abs(int(plain) - int(read)) < 6 * np.sqrt(plain + read + 1)


def test_p21_rises_within_hours_and_falls_with_damage():
    result = run("readouts")
    names = result.layout.observables
    share = result.observables[:, :, names.index("p21_arrested")].mean(axis=0)
    time = result.time
    assert share[list(time).index(2 * DAY)] > 0.8
    assert np.isnan(share[0])
    cycling = result.observables[:, :, names.index("p21_cycling")].mean(axis=0)
    assert cycling[list(time).index(DAY)] == 0


def test_the_reporter_marks_more_than_stop_and_long_before_senescence():
    def look(visit):
        marked = sum(int(visit.cells[fate].mark["p21_reporter"].sum()) for fate in visit.counts)
        return marked / sum(visit.counts.values()), visit.counts["senescent"] / sum(visit.counts.values())

    seen = {}
    for plugins in ((), ("readouts",)):
        scenario = sn.Scenario(
            plugins=("biology", *plugins),
            initial={"cycling": 1000},
            until=5 * DAY,
            pulses=({"drug": "doxorubicin", "concentration": 0.04, "start": DAY, "duration": DAY},),
            parameters={"arrest.k": 0.02},
        )
        seen[plugins] = sn.experiments.watch(scenario, [2 * DAY], look, seed=1)[0][0]
    marked, senescent = seen[("readouts",)]
    assert marked > seen[()][0]
    assert marked > 2 * senescent


def test_cells_enlarge_by_a_quarter_within_a_week():
    result = run("readouts", until=20 * DAY)
    names, fates = result.layout.observables, result.layout.fates
    at = list(result.time).index(12 * DAY)
    sizes = {
        fate: result.observables[:, at, names.index(f"volume_{fate}")].sum()
        / result.counts[:, at, fates.index(fate)].sum()
        for fate in ("cycling", "senescent")
    }
    assert sizes["cycling"] == pytest.approx(1.0, abs=0.02)
    assert sizes["senescent"] == pytest.approx(1.24, abs=0.02)


def test_late_markers_come_late():
    result = run("readouts", until=20 * DAY)
    names, time = result.layout.observables, list(result.time)

    def share(name, day):
        return result.observables[:, time.index(day * DAY), names.index(name)].mean()

    assert share("p21_senescent", 3) > 0.9
    assert share("p16_senescent", 4) < 0.02 < share("p16_senescent", 18)
    assert share("lamin_b1_loss_senescent", 18) > share("p16_senescent", 18)
