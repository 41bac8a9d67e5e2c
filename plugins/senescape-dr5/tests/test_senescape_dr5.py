"""Tests of senescape-dr5."""

import numpy as np
import pytest
import senescape as sn
import senescape_dr5 as plugin
from senescape.rules.arrays import Cells, Environment
from senescape.testing import check_rule

DRIVE, GUARD = plugin.senescape_signals()
NFKB = {"nfkb": (0.0, 1.0)}
CELLS = 10_000


def scenario(fate="senescent"):
    # A full well: cells that cycle do not multiply, so that deaths compare as they are.
    return sn.Scenario(
        plugins=("biology", "senescape-dr5"), initial={fate: CELLS}, until=288.0, parameters={"cycle.capacity": 1.0}
    )


def doses(agonist=0.0, suppressor=0.0, start=216.0):
    """Three days of drugs in vitro, once senescence has had nine days to build up."""
    given = {plugin.AGONIST: agonist, plugin.SUPPRESSOR: suppressor}
    return [sn.Pulse(drug, level, start, 72.0) for drug, level in given.items() if level]


def killed(agonist=0.0, suppressor=0.0, fate="senescent", **params):
    """Deaths that the plugin adds, as a share of the cells that were there when the drugs came."""
    result = sn.simulate(scenario(fate), doses=doses(agonist, suppressor), every=216.0, seed=1, params=params)
    part = [k for k, t in enumerate(result.layout.transitions) if t.name.startswith("dr5_")]
    return result.events[0, -1, part].sum() / result.counts[0, 1].sum()


def test_signals_do_what_rules_must():
    check_rule(DRIVE, increasing=["dr5", "nfkb", plugin.AGONIST], ranges=NFKB)
    check_rule(GUARD, increasing=["cflip", "nfkb"], decreasing=plugin.SUPPRESSOR, ranges=NFKB)


@pytest.mark.parametrize(
    "part", [*plugin.senescape_senolytics(), *plugin.senescape_transitions()], ids=lambda part: part.name
)
def test_deaths_do_what_rules_must(part):
    ranges = {**NFKB, "dr5": (0.1, 3.0), "cflip": (0.1, 10.0), "dr5_drive": (0.0, 10.0), "cflip_guard": (0.1, 10.0)}
    check_rule(part, increasing="dr5_drive", decreasing="cflip_guard", ranges=ranges)


def test_without_drugs_no_cell_dies_of_it():
    assert killed() == 0
    assert killed(fate="cycling") == 0
    # Exactly: what the route does at rest is taken off to the last bit.
    cell = {"dr5": np.linspace(0.1, 5, 50), "cflip": np.linspace(4, 0.1, 50), "nfkb": np.linspace(0, 1, 50)}
    env = Environment(drug={plugin.AGONIST: 0.0, plugin.SUPPRESSOR: 0.0})
    signals = {each.name: each.value.evaluate(Cells(cell), env) for each in (DRIVE, GUARD)}
    assert not plugin.senescape_senolytics()[0].hazard.evaluate(Cells(cell, signals=signals), env).any()


def test_together_they_kill_much_more_than_the_sum_because_they_share_the_guard():
    agonist, suppressor, both = killed(agonist=2.0), killed(suppressor=2.0), killed(agonist=2.0, suppressor=2.0)
    assert 0 < suppressor < agonist
    # More than each alone, the sum, and two drugs that act independently (Bliss).
    assert both > 1.3 * (agonist + suppressor)
    assert both > agonist + suppressor - agonist * suppressor + 0.1
    # Without the guard the agonist does it all, and there is nothing left to add. (TRAIL alone would kill such cells before.)
    bare = {"cflip.initial.median": 0.05, "nfkb.trail": 0.0}
    alone, helped = killed(agonist=2.0, **bare), killed(agonist=2.0, suppressor=2.0, **bare)
    assert alone > both
    assert abs(helped - alone) < 0.02


def test_senescent_cells_die_more_than_cycling_ones():
    for drugs in ({"agonist": 2.0}, {"agonist": 2.0, "suppressor": 2.0}):
        assert killed(**drugs) > 3 * killed(**drugs, fate="cycling") > 0
    # Cycling cells make no TRAIL of their own: without an agonist there is nothing to release.
    assert killed(suppressor=5.0, fate="cycling") == 0


def test_survivors_have_more_cflip_for_their_dr5():
    """Selection by the guard: killing falls off, though the drugs stay."""
    given = [sn.Pulse(plugin.AGONIST, 2.0, 216.0, 504.0)]
    result = sn.simulate(scenario(), doses=given, until=720.0, observe=[216.0, 288.0, 648.0, 720.0], seed=1)
    part = [t.name for t in result.layout.transitions].index("dr5_senolysis")
    alive, dead = result.counts[0, :, 2], result.events[0, :, part]
    early, late = (dead[i + 1] - dead[i] for i in (0, 2))
    assert early / alive[0] > 1.5 * late / alive[2]


def test_deaths_are_booked_by_fate():
    both = doses(agonist=5.0, suppressor=5.0)
    assert sn.simulate(scenario(), doses=both, seed=1).ledger.deaths["senolysis"] > 1000
    ledger = sn.simulate(scenario("cycling"), doses=both, seed=1).ledger
    assert ledger.deaths["senolysis"] == 0
    assert ledger.deaths["apoptosis"] > 100
    assert ledger["intrinsic"].removed["apoptosis"] == ledger.deaths["apoptosis"]
