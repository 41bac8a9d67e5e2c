"""What a run is asked for, as the document that the engine reads."""

import math
import os
from fractions import Fraction

import numpy as np
import pytest
import senescape as sn
from senescape._support.validate import positive, whole_number
from senescape.simulation.run_document import MAX_OBSERVATIONS, dose_document, observation_times, run_document
from senescape.simulation.simulate import check

from ..models import everything

MODEL = everything()
FATES = list(MODEL.fates)
SETTINGS = dict.fromkeys(("every", "observe", "sync", "doses", "max_cells", "relapse", "visits"))


def document(seed=7, threads=2, replicates=3, first=0, model=MODEL, **settings):
    given = {"initial": {FATES[0]: 10}, "until": 100.0, **settings}
    return run_document(model, {**SETTINGS, **given}, replicates, first, seed, threads, 1e-6)


def test_what_is_not_given_has_a_default():
    assert document() == {
        "initial": [10] + [0] * (len(FATES) - 1),
        "until": 100.0,
        "observe": [float(i) for i in range(101)],
        "sync": 24.0,
        "seed": 7,
        "first_replicate": 0,
        "replicates": 3,
        "threads": 2,
        "rtol": 1e-6,
        "visits": [],
        "doses": [],
        "stop": {"eradicated": True, "max_cells": 10_000_000, "relapse": None},
        "params": list(MODEL.parameter_values()),
    }
    assert document(threads=None)["threads"] == os.cpu_count()


def test_where_processors_are_not_known_one_thread_runs(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert document(threads=None)["threads"] == 1


def test_what_is_given_is_written():
    doses = [sn.Pulse("chemo", 1.0, start=2.0, duration=3.0), sn.Dose("senolytic", 4.0, at=5.0)]
    found = document(
        initial={FATES[1]: 6, FATES[0]: 4}, every=40.0, sync=6.0, first=5, doses=doses, max_cells=500,
        relapse=sn.Relapse(30, FATES[1], after=8.0),
    )  # fmt: skip
    assert found["initial"] == [4, 6] + [0] * (len(FATES) - 2)
    assert found["observe"] == [0.0, 40.0, 80.0, 100.0]
    assert (found["sync"], found["first_replicate"], found["stop"]["max_cells"]) == (6.0, 5, 500)
    assert found["doses"] == [dose_document(MODEL.drugs, dose) for dose in doses]
    assert found["stop"]["relapse"] == {"fates": [1], "above": 30.0, "after": 8.0}
    both = document(relapse=sn.Relapse(30, [FATES[1], FATES[0]]))["stop"]["relapse"]
    assert both == {"fates": [1, 0], "above": 30.0, "after": 0.0}
    assert document(relapse=sn.Relapse(0))["stop"]["relapse"]["fates"] == list(range(len(FATES)))


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("seed", 0, 2**64 - 1),
        ("first", 0, 2**63 - 3),
        ("replicates", 1, 2**31 - 1),
        ("threads", 1, 1024),
        ("max_cells", 1, 2**32 - 1),
    ],
)
def test_whole_numbers_have_ends(name, low, high):
    for good in (max(low, 1), high):
        found = document(**{name: good})
        key = {"first": "first_replicate"}.get(name, name)
        assert (found["stop"] if name == "max_cells" else found)[key] == good
    label = {"first": "first_replicate"}.get(name, name)
    for bad in (low - 1 or -1, high + 1):
        with pytest.raises(sn.ModelError, match=rf"^{label} = {bad} must lie between {low} and {high}$"):
            document(**{name: bad})
    with pytest.raises(sn.ModelError, match=rf"^{label} = 1.5 must be a whole number"):
        document(**{name: 1.5})


def test_cells_at_the_start_have_ends():
    assert document(initial={FATES[0]: 2**32 - 1})["initial"][0] == 2**32 - 1
    for bad in (-1, 2**32):
        with pytest.raises(sn.ModelError, match=rf"^initial\['{FATES[0]}'\] = {bad} must lie between 0 and"):
            document(initial={FATES[0]: bad})
    for none, said in ((None, "missing"), ({}, "empty"), (4, "4 is not a mapping"), ([4], ".* is not a mapping")):
        with pytest.raises(sn.ModelError, match=f"initial (is|=) {said}.*initial={{'cycling': 1000}}"):
            document(initial=none)


@pytest.mark.parametrize(
    ("until", "every", "times"),
    [
        (10.0, 2.5, [0, 2.5, 5, 7.5, 10]),
        (10.0, 4.0, [0, 4, 8, 10]),
        (10.0, 30.0, [0, 10]),
        (0.3, 0.1, [0, 0.1, 0.2, 0.3]),
        (1.1, 0.1, [i * 0.1 for i in range(11)] + [1.1]),
        (2e-3, 1e-3, [0, 1e-3, 2e-3]),
    ],
)
def test_times_rise_by_a_step_to_the_horizon(until, every, times):
    found = observation_times(until, every)
    assert found == times
    assert found[-1] == until
    assert all(type(each) is float for each in found)


def test_a_step_of_its_own_is_a_hundredth():
    assert observation_times(50.0, None) == [0.5 * i for i in range(101)]


def test_times_that_are_given_are_sorted_once_each():
    assert observation_times(9.0, None, [[9, 3.0], [0, 3.0]]) == [0.0, 3.0, 9.0]
    assert observation_times(9.0, None, [Fraction(1, 2)]) == [0.5]
    assert observation_times(9.0, 1.0, []) == []
    for bad in ([math.nan], [math.inf, 1.0], [1.0, -1e-9], [9.5, 1.0], [1.0, 9.000001]):
        with pytest.raises(sn.ModelError, match="from 0 to until = 9 h"):
            observation_times(9.0, None, bad)


def test_there_are_so_many_times_at_most():
    assert len(observation_times(float(MAX_OBSERVATIONS), 1.0)) == MAX_OBSERVATIONS + 1
    with pytest.raises(sn.ModelError, match=r"every = 1 h gives 500,001 observations; at most 500,000"):
        observation_times(MAX_OBSERVATIONS + 1.0, 1.0)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"until": None}, "^until is missing: give the horizon in hours, for example sn.days"),
        ({"every": 0.0}, "^every = 0.0 must be positive and finite; give a time in hours$"),
        ({"sync": -1.0}, "^sync = -1.0 must be positive and finite; give a time in hours$"),
        ({"visits": 7.0}, "nothing acts at them"),
    ],
)
def test_what_is_wrong_is_named(arguments, words):
    with pytest.raises(sn.ModelError, match=words):
        document(**arguments)


def visited():
    rule = sn.VisitRule("look", lambda visit, p: None)
    return sn.Model(fates=["a"], transitions=[sn.Death("a", 0.1, "x")], visits=[rule])


@pytest.mark.parametrize(
    ("visits", "times"),
    [
        (40.0, [0, 40, 80]),
        (50, [0, 50]),
        ([30, 10.0, 30], [10, 30]),
        ([0.0, 99.5], [0, 99.5]),
        (7 * [1.0], [1]),
        ([Fraction(1, 2)], [0.5]),
    ],
)
def test_visits_come_before_the_end(visits, times):
    found = document(model=visited(), initial={"a": 1}, visits=visits)["visits"]
    assert found == times
    assert all(type(each) is float for each in found)


@pytest.mark.parametrize("visits", [[], [math.nan], [1.0, math.inf], [-1.0, 5.0], [5.0, 100.0]])
def test_visits_at_no_time_are_refused(visits):
    with pytest.raises(sn.ModelError, match="from 0 to before until = 100 h"):
        document(model=visited(), initial={"a": 1}, visits=visits)


def test_visits_that_are_not_planned_are_missed():
    with pytest.raises(sn.ModelError, match="'look' acts at visits, but none are planned"):
        document(model=visited(), initial={"a": 1})


def test_a_dose_names_its_drug_by_place():
    drugs = [sn.Drug("x"), sn.Drug("y", half_life=1.0)]
    pulse = {"drug": 0, "at": 2.0, "amount": 1.0, "route": "pulse", "duration": 3.0}
    assert dose_document(drugs, sn.Pulse("x", 1.0, start=2.0, duration=3.0)) == pulse
    dose = {"drug": 1, "at": 2.0, "amount": 1.0, "route": "infusion", "duration": 3.0}
    assert dose_document(drugs, sn.Dose("y", 1.0, at=2.0, route="infusion", duration=3.0)) == dose
    assert dose_document(drugs, sn.Dose("y", 1.0, at=2.0)) == {**dose, "route": "bolus", "duration": None}
    with pytest.raises(sn.ModelError, match=r"does not have \(did you mean 'yy'"):
        dose_document([sn.Drug("yy")], sn.Dose("yyy", 1.0, at=2.0))


@pytest.mark.parametrize(
    ("above", "after"), [(-1e-9, 0.0), (math.nan, 0.0), (math.inf, 0.0), (1.0, -1e-9), (1.0, math.nan)]
)
def test_relapse_needs_numbers(above, after):
    with pytest.raises(sn.ModelError, match=r"^Relapse\((above|after)="):
        sn.Relapse(above, after=after)


def test_numbers_are_taken_for_what_they_are():
    assert whole_number(np.int64(3), "n", 3, 3) == 3
    assert type(whole_number(4.0, "n", 0, 9)) is int
    for bad in ("3", None, 2.5, math.inf):
        with pytest.raises(sn.ModelError, match=r"^n = .* must be a whole number$"):
            whole_number(bad, "n", 0, 9)
    assert type(positive(np.float32(2), "x", "a time")) is float
    assert positive(1e-300, "x", "a time") == 1e-300
    for bad, says in (
        (0.0, "positive and finite"),
        (math.inf, "positive"),
        ("2", "not a number"),
        ("a", "not a number"),
        ([1], "not a number"),
    ):
        with pytest.raises(sn.ModelError, match=rf"^x = .*{says}.*; give a time$"):
            positive(bad, "x", "a time")
    with pytest.raises(sn.ModelError, match=r"^x is missing: give a time$"):
        positive(None, "x", "a time")


def test_doses_that_all_come_after_the_horizon_are_refused():
    scenario = sn.load("mcf7-doxorubicin").model_copy(update={"until": 40.0, "initial": {"cycling": 9}})
    late = sn.Pulse("doxorubicin", 0.1, 120.0, 24.0)
    with pytest.raises(
        sn.ModelError, match=r"all doses are planned for after until = 40 h, the first for 120 h.*sn.days"
    ):
        sn.simulate(scenario, doses=[late], seed=1)
    first = sn.Pulse("doxorubicin", 0.1, 39.0, 24.0)
    assert sn.simulate(scenario, doses=[late, first], seed=1).doses.rows == 1
    assert check(scenario.model_copy(update={"pulses": [late]}))[0].startswith("all doses are planned for after")
    assert check(scenario.model_copy(update={"pulses": [late, first]})) == []
