"""Phases of the cycle and docetaxel as a built-in plugin."""

import numpy as np
import pytest
import senescape as sn
from senescape.biology import cycle, phases
from senescape.testing import check_rule

pytestmark = pytest.mark.biology


def run(seed=1, until=240.0, plugins=("biology", "phases"), **given):
    settings = {"initial": {"cycling": 2000}, "every": 12.0, "sync": 6.0, **given}
    return sn.simulate(sn.Scenario(plugins=plugins, until=until, **settings), seed=seed, replicates=4)


def test_every_rule_does_what_rules_must():
    stage = {"stage": (0.0, 11.0), "env.count['cycling']": (0.0, 1e4)}
    for part in phases.senescape_transitions():
        check_rule(part, drug="docetaxel", increasing="docetaxel", ranges=stage)
    phase, *blocks = phases.senescape_modifiers()
    check_rule(phase, ranges={"stage": (0.0, 11.0)})
    for part in blocks:
        check_rule(part, drug="docetaxel", decreasing="docetaxel")


def test_damage_depends_on_the_phase_that_a_cell_is_in(fresh_seed):
    """Cells that do not move on, under drug: damage in S is 1.3 / 0.6 of that in G1."""
    seen = {}

    def look(visit):
        cell = visit.cells["cycling"]
        seen[visit.replicate] = np.array(cell.stage), np.array(cell.damage * cell.efflux)

    scenario = sn.Scenario(
        plugins=("biology", "phases"),
        initial={"cycling": 2000},
        until=30.0,
        pulses=({"drug": "doxorubicin", "concentration": 0.01, "start": 0.0, "duration": 24.0},),
        parameters={"cycle.length": 1e9, "arrest.k": 0.0, "apoptosis.k": 0.0, "turnover.hazard": 0.0},
    )
    sn.experiments.watch(scenario, [24.0], look, seed=fresh_seed)
    stage, damage = seen[0]
    done = (stage + 0.5) / cycle.STAGES.value
    g1, s, g2m = (np.median(damage[where]) for where in (done < 0.5, (done >= 0.5) & (done < 0.83), done >= 0.83))
    assert s / g1 == pytest.approx(1.3 / 0.6, rel=0.01)
    assert g2m / g1 == pytest.approx(1.1 / 0.6, rel=0.01)


def test_docetaxel_stops_division_and_half_of_blocked_mitoses_kill(fresh_seed):
    off = {"apoptosis.k": 0.0, "turnover.hazard": 0.0}
    result = run(
        fresh_seed,
        30.0,
        doses=({"drug": "docetaxel", "amount": 10.0, "at": 0},),
        parameters={**off, "slippage.harm": 0.0},
    )
    events = dict(
        zip([t.name for t in result.layout.transitions], result.events[:, -1].sum(axis=0).tolist(), strict=True)
    )
    assert events["division"] < 5
    blocked = events["slippage"] + events["blocked_mitosis"]
    assert blocked > 2000
    assert abs(events["slippage"] - blocked / 2) < 5 * np.sqrt(blocked / 4)
    assert result.ledger.deaths["mitotic_catastrophe"] == events["blocked_mitosis"] + events["mitotic_catastrophe"]


def test_cells_that_slip_become_senescent_where_p53_works():
    given = {"doses": ({"drug": "docetaxel", "amount": 0.1, "at": 0},)}
    wild = run(**given, parameters={"slippage.harm": 3.0})
    senescent = wild.layout.fates.index("senescent")
    assert wild.counts[:, -1, senescent].mean() > 300


def test_without_drugs_nothing_changes_in_law():
    grown = [run(plugins=plugins, until=48.0).counts[:, -1].sum() for plugins in (("biology",), ("biology", "phases"))]
    assert grown[0] == pytest.approx(grown[1], rel=0.02)
