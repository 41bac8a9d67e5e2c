"""Models: what is refused, and how parameters are named."""

from types import SimpleNamespace

import numpy as np
import pytest
import senescape as sn

from .models import everything


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: sn.Model([], []), "at least one fate"),
        (lambda: sn.Model(["a", "a"], []), "two fates are named 'a'"),
        (lambda: sn.Model(["dead"], []), "counted by cause"),
        (lambda: sn.Model(["a"], [sn.Death("b", 0.1)]), "names the fate 'b'"),
        (lambda: sn.Model(["cycling"], [sn.Division("cyclin", 0.1)]), "did you mean 'cycling'"),
        (lambda: sn.Model(["a"], [sn.Death("a", -0.1)]), "-0.1 per hour"),
        (lambda: sn.Model(["a"], [sn.Death("a", float("nan"))]), "finite"),
        (lambda: sn.Model(["a"], [sn.Death("a", True)]), "number per hour"),
        (lambda: sn.Model(["a"], [sn.Death("a", lambda cell: 1.0)]), "three arguments"),
        (lambda: sn.Model(["a"], [sn.Transition("t", "a", "a", 1.0, set={"x": 1})]), "sets the trait 'x'"),
        (lambda: sn.Model(["a"], [sn.Death("a", 1.0)], traits=[sn.Trait("age", 1.0)]), "cannot be named 'age'"),
        (lambda: sn.Trait("two words", 1.0), "identifier"),
        (lambda: sn.Trait("x", [1.0, float("nan")]), "value 1 of initial is nan"),
        (lambda: sn.relax(1.0, tau=0.0), "positive number of hours"),
        (lambda: sn.ar1(1.5), "between -1 and 1"),
        (lambda: sn.LogNormal(median=-1, sigma=1), "median must be > 0"),
        (lambda: sn.Param(2.0, low=0.0, high=1.0), "outside its range"),
        (lambda: sn.Drug("d", half_life=-1), "half_life is -1"),
        (lambda: sn.Drug("d", half_life=1, k12=0.1), "both k12 and k21"),
        (lambda: sn.Dose("d", 1.0, at=-1.0), "at is -1.0"),
        (lambda: sn.Dose("d", 1.0, at=1.0, route="nose"), "route is 'nose'"),
        (lambda: sn.Dose("d", 1.0, at=1.0, route="infusion"), "needs a duration"),
        (lambda: sn.Pulse("d", 1.0, start=0.0, duration=0.0), "duration is 0"),
        (lambda: sn.Pool("q", rate=lambda cell, env, p: 1.0), "two arguments"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(make, words):
    with pytest.raises(sn.ModelError, match=words):
        make()


def test_flows_in_a_circle_are_refused():
    model = sn.Model(
        ["a"],
        [sn.Death("a", lambda cell, env, p: cell.x)],
        traits=[
            sn.Trait("x", 1.0, flow=sn.relax(lambda cell, env, p: cell.y, tau=1.0)),
            sn.Trait("y", 1.0, flow=sn.relax(lambda cell, env, p: cell.x, tau=1.0)),
        ],
    )
    with pytest.raises(sn.ModelError, match="x, y read each other in a circle"):
        sn.simulate(model, initial={"a": 1}, until=1)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"initial": None}, "initial is missing"),
        ({"initial": {"cyclin": 1}}, "did you mean 'cycling'"),
        ({"initial": {"cycling": -1}}, "between 0"),
        ({"initial": {"cycling": 2.5}}, "whole number"),
        ({"until": None}, "until is missing"),
        ({"until": 0}, "positive and finite"),
        ({"every": -1}, "every = -1"),
        ({"observe": [5, 900]}, "from 0 to until"),
        ({"sync": 0}, "sync"),
        ({"doses": [sn.Dose("aspirin", 1.0, at=0.0)]}, "the drug 'aspirin'"),
        ({"doses": [sn.Dose("chemo", 1.0, at=0.0, route="oral")]}, "absorption"),
        ({"doses": ["chemo"]}, "sn.Dose or sn.Pulse"),
        ({"replicates": 0}, "between 1"),
        ({"seed": -1}, "between 0"),
        ({"max_cells": 5}, "raise max_cells"),
        ({"relapse": sn.Relapse(10, fates="skin")}, "'skin'"),
    ],
)
def test_impossible_runs_are_refused_by_name(arguments, words):
    with pytest.raises(sn.ModelError, match=words):
        sn.simulate(everything(), **{"initial": {"cycling": 10}, "until": 100, **arguments})


def test_parameters_are_named_by_their_owner():
    names = everything().parameters
    wanted = ["depth.tau", "bcl_xl.initial.sigma", "bcl_xl.rho", "damage.drive", "damage.factor", "senolytic.half_life",
              "t_cells.influx", "t_cells.initial", "division.b", "arrest.set.depth", "senolysis.ec50",
              "turnover[cycling].hazard"]  # fmt: skip
    for name in wanted:
        assert name in names, name


def test_values_of_a_document_are_exact():
    model = sn.Model(["a"], [sn.Death("a", 0.1 + 0.2)])
    assert model.to_document()["params"] == [{"name": "death.hazard", "value": 0.1 + 0.2}]


def test_rules_run_on_numpy_arrays_as_they_stand():
    model = everything()
    rule = next(t.hazard for t in model.transitions if t.name == "escape")

    cells = SimpleNamespace(depth=np.array([0.0, 1.0]), mark={"primed": np.array([True, False])})
    values = SimpleNamespace(h0=0.02, gamma=3.0)
    np.testing.assert_allclose(rule.evaluate(cells, None, values), [0.01, 0.02 * np.exp(-3)])
