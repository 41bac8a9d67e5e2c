"""Impossible runs are refused by name."""

import warnings

import numpy as np
import pytest
import senescape as sn

from ..models import everything


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"initial": None}, "initial is missing"),
        ({"initial": {"cyclin": 1}}, "did you mean 'cycling'"),
        ({"initial": {"cycling": -1}}, "between 0"),
        ({"initial": {"cycling": 2.5}}, "whole number"),
        ({"until": None}, "until is missing"),
        ({"until": 0}, "positive and finite"),
        ({"until": True}, "until = True is not a number"),
        ({"every": -1}, "every = -1"),
        ({"observe": [5, 900]}, "from 0 to until"),
        ({"sync": 0}, "sync"),
        ({"doses": [sn.Dose("aspirin", 1.0, at=0.0)]}, "the drug 'aspirin'"),
        ({"doses": [sn.Dose("chemo", 1.0, at=0.0, route="oral")]}, "no half_life"),
        ({"doses": ["chemo"]}, "sn.Dose or sn.Pulse"),
        ({"replicates": 0}, "between 1"),
        ({"seed": -1}, "between 0"),
        ({"max_cells": 5}, "raise max_cells"),
        ({"relapse": sn.Relapse(10, fates="skin")}, "'skin'"),
        ({"until": 10**400}, "until = .* must be positive and finite"),
        ({"every": 10**400}, "every"),
        ({"observe": [10**400]}, "observe must hold times from 0"),
    ],
)
def test_impossible_runs_are_refused_by_name(arguments, words):
    with pytest.raises(sn.ModelError, match=words):
        sn.simulate(everything(), **{"initial": {"cycling": 10}, "until": 100, **arguments})


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: sn.Relapse(10, fates=["cycling", "cycling"]), "names 'cycling' twice"),
        (lambda: sn.Relapse(True), "above=True"),
        (lambda: sn.Relapse(10**400), "above"),
        (lambda: sn.Model(fates=None, transitions=[]), "fates is None"),
        (lambda: sn.Model(fates=["a"], transitions=None), "transitions is None"),
        (lambda: sn.Model(fates=["a"], transitions=[], traits=3), "traits is 3"),
        (lambda: sn.Normal(0.0, None), r"Normal\(sd=None\)"),
        (lambda: sn.Observable("n", "a", "x", kind="count"), "reads no value"),
        (lambda: sn.Pool("p", initial=1e39), "beyond single precision"),
        (lambda: sn.Dose("d", np.timedelta64(1, "h"), at=0.0), "amount is"),
        (lambda: sn.Dose("d", 10**400, at=0.0), "amount is"),
        (lambda: sn.Param(np.timedelta64(1, "h")), "must be a number"),
        (lambda: sn.days(10**400), "a float holds"),
        (lambda: sn.Death("a", generator, "c"), "without async and yield"),
        (lambda: sn.read_cells("c.csv", ["x"]), "the column of each trait"),
        (lambda: sn.Scenario.from_toml(3), "is no text"),
        (lambda: sn.Scenario(initial={"cycling": 1}, until=1.0).with_params(None), "values by name"),
    ],
)
def test_what_is_of_the_wrong_kind_is_named(make, words):
    with pytest.raises(sn.SenescapeError, match=words):
        make()


def generator(cell, env, p):
    yield 0.1


def test_a_called_rule_beyond_single_precision_is_told_without_a_warning():
    model = sn.Model(fates=["a"], transitions=[sn.Death("a", lambda cell, env, p: 1e39, "bad", traced=False)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(sn.SimulationError, match="'bad'"):
            sn.simulate(model, initial={"a": 3}, until=5.0, seed=1)


def test_a_concentration_that_cannot_be_counted_is_named():
    death = sn.Death("a", lambda cell, env, p: np.where(env.drug["d"] > 0.1, 0.1, 0.0), "c")
    model = sn.Model(fates=["a"], drugs=[sn.Drug("d", half_life=20.0, volume=1e-38)], transitions=[death])
    for duration in (1e-300, 1e-3):
        doses = [sn.Dose("d", 100.0, at=40.0, route="infusion", duration=duration)]
        with pytest.raises(sn.ModelError, match=r"'d' is beyond what can be counted from 40\.0"):
            sn.simulate(model, initial={"a": 3}, until=80.0, doses=doses, seed=1)


def test_an_infusion_too_short_to_take_time_is_a_bolus():
    model = sn.Model(fates=["a"], drugs=[sn.Drug("d", half_life=20.0)], transitions=[sn.Death("a", 0.01, "c")])

    def concentrations(**how):
        doses = [sn.Dose("d", 3.0, at=40.0, **how)]
        return sn.simulate(model, initial={"a": 3}, until=80.0, every=10.0, doses=doses, seed=1).drugs

    np.testing.assert_array_equal(concentrations(route="infusion", duration=1e-300), concentrations(route="bolus"))
