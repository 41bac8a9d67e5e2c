"""Tests of senescape-engineered-immunity."""

import pytest
import senescape as sn
import senescape_engineered_immunity as plugin
from senescape.testing import check_rule


def test_the_rules_do_what_rules_must():
    for part in plugin.senescape_immunotherapies():
        check_rule(part, increasing=["upar_level", "car_t"], decreasing="env.count['senescent']")
    for part in plugin.senescape_signals():
        check_rule(part, increasing=["upar", "depth"])
    for part in plugin.senescape_modifiers():
        drug = "nk_boost" if part.name.startswith("nk") else "innate_agonist"
        check_rule(part, drug=drug, increasing=f"env.drug['{drug}']")


def run(drug=None, amount=1.0, initial=None, **parameters):
    quiet = {"apoptosis.k": 0.0, "turnover.hazard": 0.0, "escape.h0": 0.0, "cycle.length": 1e9, "depth.initial": 0.6}
    scenario = sn.Scenario(
        plugins=("biology", "immunity", "senescape-engineered-immunity"),
        initial=initial or {"senescent": 2000},
        until=480.0,
        every=24.0,
        sync=12.0,
        parameters={**quiet, **parameters},
    )
    doses = [] if drug is None else [sn.Dose(drug, amount, at=24.0)]
    return sn.simulate(scenario, doses=doses, seed=1)


def test_car_t_cells_expand_on_senescent_cells_and_contract_without_them():
    result = run("car_t_infusion", initial={"senescent": 10_000})
    pool = result.pools[0, :, result.layout.pools.index("car_t")]
    assert pool[0] == 0
    # A dose of 1 brings about 1, which then grows.
    assert pool.max() > 2
    assert result.ledger.deaths["car_t"] > 500
    alone = run("car_t_infusion", initial={"cycling": 5})
    without = alone.pools[0, :, alone.layout.pools.index("car_t")]
    assert 0.5 < without.max() < 1.1
    assert without[-1] < 0.5 * without.max()


def test_car_t_cells_spare_cells_that_show_little():
    both = run("car_t_infusion", initial={"senescent": 1000, "cycling": 1000}, **{"depth.tau": 1.0})
    fates = both.layout.fates
    events = dict(zip([t.name for t in both.layout.transitions], both.events[0, -1].tolist(), strict=True))
    assert events["car_t[senescent]"] > 4 * events["car_t[cycling]"]
    assert set(fates) >= {"senescent", "cycling"}


def test_car_t_cells_need_neither_antigen_nor_heed_checkpoints():
    hidden = {"mhc1.initial.median": 1e-4, "pd_l1.initial.median": 50.0}
    assert run("car_t_infusion", **hidden).ledger.deaths["car_t"] > 500
    assert run(**hidden).ledger.deaths.get("t_cell", 0) < 5


@pytest.mark.parametrize(("drug", "cause"), [("nk_boost", "nk_cell"), ("innate_agonist", "t_cell")])
def test_boosters_raise_what_they_boost(drug, cause):
    assert run(drug, 3.0).ledger.deaths[cause] > 1.15 * run().ledger.deaths[cause]


def test_without_a_dose_nothing_happens():
    assert run().ledger.deaths.get("car_t", 0) == 0
