"""Impossible runs are refused by name."""

import pytest
import senescape as sn

from .models import everything


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
    ],
)
def test_impossible_runs_are_refused_by_name(arguments, words):
    with pytest.raises(sn.ModelError, match=words):
        sn.simulate(everything(), **{"initial": {"cycling": 10}, "until": 100, **arguments})
