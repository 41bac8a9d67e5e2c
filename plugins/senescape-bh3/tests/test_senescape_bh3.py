"""Tests of senescape-bh3."""

import numpy as np
import pytest
import senescape as sn
import senescape_bh3 as plugin
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
    for part in plugin.senescape_senolytics():
        check_rule(part, increasing=["priming", *share], ranges={"priming": (0.0, 1.0), **share})


def test_each_drug_kills_what_leans_on_its_target():
    assert killed([]) == 0
    for drug in plugin.DRUGS:
        others = {"bcl_xl.initial.median": 0.05, "mcl1.initial.median": 0.05, "bcl2.initial.median": 0.05}
        target = {"navitoclax": "bcl_xl", "a1331852": "bcl_xl", "venetoclax": "bcl2", "s63845": "mcl1"}[drug]
        doses = daily(drug, 2.0)
        leaning = killed(doses, **{**others, f"{target}.initial.median": 2.0})
        not_leaning = killed(doses, **{**others, ("mcl1" if target != "mcl1" else "bcl_xl") + ".initial.median": 2.0})
        assert leaning > 5 * max(not_leaning, 1), drug


def test_two_drugs_act_as_bliss_says():
    rule = sn.Rule(plugin.senolysis, {"kmax": 1.0, "half": 0.5})
    effects = {f"effect_{drug}": np.zeros(1) for drug in plugin.DRUGS}
    from senescape.arrays import Cells, Environment

    def hazard(**given):
        cell = Cells({"priming": [1.0]}, signals={**effects, **{f"effect_{k}": [v] for k, v in given.items()}})
        return float(rule.evaluate(cell, Environment())[0])

    union = 1 - (1 - 0.4) * (1 - 0.5)
    assert hazard(navitoclax=0.4, s63845=0.5) == pytest.approx(hazard(venetoclax=union))
    # MCL-1 inhibition helps where BCL-XL is not all (cf. low NOXA, Shahbandi 2020).
    both = killed([*daily("navitoclax", 1.0), *daily("s63845", 1.0)])
    assert both > killed(daily("navitoclax", 1.0)) > 0


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
    model = scenario().model.with_params({"senescape-bh3.bh3_mimetics.kmax": 0.1})
    assert model.parameters["bh3_mimetics.kmax"].value == 0.1


def course(doses, plugins=(), visits=None, **params):
    # Cells that the drugs spare, so that no replicate ends early.
    settings = {"initial": {"senescent": 50}, "until": 480.0, "every": 6.0, "sync": 6.0, "visits": visits}
    scenario = sn.Scenario(plugins=("biology", "senescape-bh3", *plugins), **settings)
    return sn.simulate(scenario, doses=doses, seed=1, params={"bh3_mimetics.kmax": 0.0, **params})


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
