"""Tests of senescape-bh3."""

import numpy as np
import pytest
import senescape as sn
import senescape_bh3 as plugin
from senescape.rules.arrays import Cells, Environment
from senescape.testing import check_rule
from senescape_bh3 import limit as limits


def scenario(**settings):
    settings = {"initial": {"senescent": 3000}, "until": 240.0, "every": 24.0, "sync": 6.0, **settings}
    return sn.Scenario(plugins=("biology", "senescape-bh3"), **settings)


def daily(drug, amount, days=8):
    return [sn.Dose(drug, amount, at=24.0 * (day + 1)) for day in range(days)]


def killed(doses, seed=1, **params):
    return sn.simulate(scenario(), doses=doses, seed=seed, params=params).ledger.deaths.get("senolysis", 0)


def test_the_rules_do_what_rules_must():
    for signal in plugin.senescape_signals():
        check_rule(signal, drug=signal.name.removeprefix("effect_"))
    share = {f"effect_{drug}": (0.0, 1.0) for drug in plugin.DRUGS}
    guard = {"bcl_xl_guard": (0.1, 8.0), "mcl1_guard": (0.1, 8.0)}
    for part in plugin.senescape_senolytics():
        check_rule(part, increasing=[*share], ranges={"priming": (0.0, 1.0), **share, **guard})


LEANING = {
    # A guard that priming does not get over, most of it of one kind.
    "bcl_xl": {"bcl_xl.initial.median": 6.0, "mcl1.initial.median": 0.05, "bcl2.initial.median": 0.01},
    "bcl2": {"bcl_xl.initial.median": 6.0, "mcl1.initial.median": 0.05, "bcl2.initial.median": 200.0},
    "mcl1": {"bcl_xl.initial.median": 0.05, "mcl1.initial.median": 9.0, "bcl2.initial.median": 0.01, "mcl1.initial.sigma": 0.25},
}  # fmt: skip


@pytest.mark.parametrize(
    ("drug", "targets"),
    [("navitoclax", {"bcl_xl", "bcl2"}), ("a1331852", {"bcl_xl"}), ("venetoclax", {"bcl2"}), ("s63845", {"mcl1"})],
)
def test_each_drug_kills_what_leans_on_its_targets(drug, targets):
    dead = {kind: killed(daily(drug, 3.0), **params) for kind, params in LEANING.items()}
    assert killed([], **LEANING["bcl_xl"]) == 0
    assert min(dead[kind] for kind in targets) > 10 * max(
        1, *(dead[kind] for kind in LEANING if kind not in targets)
    ), dead


def hazard(bcl_xl=4.5, mcl1=4.5, priming=1.0, bcl2=1e-9, **effects):
    part = plugin.senescape_senolytics()[0]
    signals = {f"effect_{drug}": [effects.get(drug, 0.0)] for drug in plugin.DRUGS}
    signals |= {"bcl_xl_guard": [bcl_xl], "mcl1_guard": [mcl1]}
    cell = Cells({"priming": [priming], "bcl_xl": [bcl_xl], "mcl1": [mcl1], "bcl2": [bcl2]}, signals=signals)
    return float(part.hazard.evaluate(cell, Environment())[0])


def test_two_drugs_on_one_target_act_as_bliss_says():
    assert hazard(navitoclax=0.4, a1331852=0.5) == pytest.approx(hazard(a1331852=1 - 0.6 * 0.5))


def test_drugs_on_two_parts_of_the_guard_do_more_than_both_alone():
    alone = hazard(navitoclax=0.9), hazard(s63845=0.9)
    assert hazard(navitoclax=0.9, s63845=0.9) > 2 * sum(alone)
    # MCL-1 inhibition helps where BCL-XL is not all (cf. low NOXA, Shahbandi 2020).
    both = killed([*daily("navitoclax", 1.0), *daily("s63845", 1.0)])
    assert both > killed(daily("navitoclax", 1.0)) > 0


def test_unprimed_cells_are_hardly_touched():
    assert hazard(navitoclax=0.95, priming=0.0) < 0.01 * hazard(navitoclax=0.95, mcl1=1.0)
    cells = {"initial": {"cycling": 3000}, "until": 48.0, "every": 24.0}
    result = sn.simulate(scenario(**cells), doses=daily("navitoclax", 1.0, days=2), seed=1)
    assert result.ledger.deaths.get("senolysis", 0) < 0.02 * result.counts[0, -1].sum()


def test_platelets_fall_as_in_patients_and_come_back():
    """-66 to -70% at 200 to 250 mg a day, lowest at day 3 to 5; selective drugs that spare BCL-XL spare platelets."""
    course = scenario(initial={"senescent": 1}, until=480.0, every=6.0)
    result = sn.simulate(course, doses=daily("navitoclax", 1.0, days=7), seed=1)
    platelets = result.pools[0, :, 0]
    assert 0.25 < platelets.min() < 0.5
    assert platelets[-1] > 0.85
    spared = sn.simulate(course, doses=[*daily("venetoclax", 1.0), *daily("s63845", 1.0)], seed=1)
    assert spared.pools[0, :, 0].min() == pytest.approx(1.0)


def test_it_is_addressed_by_plugin():
    model = scenario().model.with_params({"senescape-bh3.effect_navitoclax.ec50": 0.1})
    assert model.parameters["effect_navitoclax.ec50"].value == 0.1


def course(doses, plugins=(), visits=None, **params):
    # Cells that the drugs spare, so that no replicate ends early.
    settings = {"initial": {"senescent": 50}, "until": 480.0, "every": 6.0, "sync": 6.0, "visits": visits}
    scenario = sn.Scenario(plugins=("biology", "senescape-bh3", *plugins), **settings)
    return sn.simulate(scenario, doses=doses, seed=1, params={"apoptosis.k": 0.0, **params})


def test_only_bcl_xl_and_mcl1_together_break_the_toxicity_limit():
    limit = limits.senescape_visit_params()["toxicity"].value

    def worst(*drugs):
        result = course([dose for drug in drugs for dose in daily(drug, 2.0, days=10)])
        return result.pools[0, :, result.layout.pools.index("toxicity")].max()

    for drug in plugin.DRUGS:
        assert worst(drug) < 0.5 * limit, drug
    assert worst("navitoclax", "s63845") > limit
    assert worst("a1331852", "s63845") > 0.5 * limit
    assert worst("venetoclax", "s63845") < limit


def test_doses_stop_at_the_limit_and_not_before():
    both = [*daily("navitoclax", 2.0, days=15), *daily("s63845", 2.0, days=15)]
    free = course(both)
    stopped = course(both, plugins=("senescape-bh3-limit",), visits=24.0)
    toxicity = free.pools[0, :, free.layout.pools.index("toxicity")]
    first = free.time[np.argmax(toxicity > 0.5)]
    given = stopped.doses["at"]
    assert len(free.doses["at"]) == 30
    # Looked at once a day: the last dose is within a day of the limit.
    assert first - 24.0 <= given.max() <= first + 24.0
    alone = course(daily("navitoclax", 1.0, days=15), plugins=("senescape-bh3-limit",), visits=24.0)
    assert len(alone.doses["at"]) == 15
    strict = {"senescape-bh3-limit.visit.platelets": 0.9}
    thin = course(daily("navitoclax", 1.0, days=15), plugins=("senescape-bh3-limit",), visits=24.0, **strict)
    assert len(thin.doses["at"]) < 5
