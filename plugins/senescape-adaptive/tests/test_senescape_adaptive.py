"""Tests of senescape-adaptive."""

import numpy as np
import pytest
import senescape as sn
import senescape_adaptive as plugin


def tumour(**params):
    """Senescent cells that the drug kills and that come back, and others."""
    adaptive = plugin.Adaptive("drug")
    settings = {name: param.value for name, param in adaptive.senescape_visit_params().items()} | params
    return sn.Model(
        fates=["senescent", "cycling"],
        drugs=[sn.Drug("drug", half_life=5.0)],
        transitions=[
            sn.Senolytic("kill", lambda cell, env, p: 0.05 * sn.hill(env.drug["drug"], 0.1)),
            sn.Transition("arrest", "cycling", "senescent", 0.004),
            sn.Division("cycling", 0.004),
        ],
        visits=[sn.VisitRule("adaptive", adaptive.senescape_visit, settings)],
    )


def run(model, **settings):
    settings = {
        "initial": {"senescent": 500, "cycling": 500},
        "until": sn.days(60),
        "every": sn.days(1),
        "visits": sn.days(7),
        "seed": 1,
        **settings,
    }
    return sn.simulate(model, **settings)


def test_courses_follow_the_burden_with_hysteresis():
    result = run(tumour(), replicates=4)
    visits = np.asarray(result.provenance["run"]["visits"])
    for replicate in range(4):
        doses = result.doses["at"][result.doses["replicate"] == replicate]
        giving = False
        for visit in visits:
            burden = result.counts[replicate, np.searchsorted(result.time, visit), 0] / 1000
            giving = burden > (0.1 if giving else 0.3)
            # A course is seven doses from the visit on, or none.
            course = (doses >= visit) & (doses < visit + sn.days(7)) & (doses < sn.days(60))
            assert course.sum() == (min(7, np.ceil((sn.days(60) - visit) / 24)) if giving else 0), visit
        assert 0 < len(doses) < 60


def test_thresholds_out_of_reach_mean_no_dose_and_always_a_dose():
    assert len(run(tumour(above=10.0)).doses["at"]) == 0
    always = run(tumour(above=0.0, below=0.0)).doses["at"]
    np.testing.assert_allclose(always, np.arange(60) * 24.0)


def test_an_earlier_course_is_replaced_and_not_added_to():
    # Courses of 14 doses, ordered every 7 days: still one dose a day.
    result = run(tumour(above=0.0, below=0.0, doses=14.0))
    assert len(np.unique(result.doses["at"])) == len(result.doses["at"])


def test_it_is_named_in_scenarios_and_lowers_the_burden():
    pytest.importorskip("senescape_bh3")
    scenario = {"initial": {"senescent": 2000}, "until": sn.days(21), "every": sn.days(1), "sync": 6.0}
    plugins = ("biology", "senescape-bh3")
    control = sn.simulate(sn.Scenario(plugins=plugins, **scenario), seed=1)
    treated = sn.Scenario(plugins=(*plugins, "senescape-adaptive"), visits=sn.days(7), **scenario)
    result = sn.simulate(treated, seed=1, params={"senescape-adaptive.visit.amount": 2.0})
    assert set(result.doses["drug"].tolist()) == {"navitoclax"}
    senescent = control.layout.fates.index("senescent")
    assert result.counts[0, -1, senescent] < 0.8 * control.counts[0, -1, senescent]
    with pytest.raises(sn.ModelError, match=r"acts at visits, but none are planned"):
        sn.simulate(treated.model_copy(update={"visits": None}))


def test_without_its_drug_the_error_names_the_drug():
    scenario = sn.Scenario(plugins=("biology", "senescape-adaptive"), initial={"senescent": 10}, until=48, visits=24)
    with pytest.raises(sn.SimulationError, match=r"'navitoclax', which the model does not have"):
        sn.simulate(scenario)
