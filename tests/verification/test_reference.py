"""The engine against the reference simulator, law against law, on a model with every feature.

The reference is right to first order in its step: at 0.1 h its means are off by up to about 1% here, so what is tested is that
they agree within that and the noise of both. Closed forms test the engine more sharply (test_analytic.py).
"""

import numpy as np
import pytest
import senescape as sn
from senescape import reference

from ..models import RUN, everything
from .gates import GATE

pytestmark = pytest.mark.statistical


def agree(ours, theirs, what, bias=0.015):
    difference = np.mean(ours) - np.mean(theirs)
    noise = np.hypot(np.std(ours) / np.sqrt(len(ours)), np.std(theirs) / np.sqrt(len(theirs)))
    slack = bias * max(abs(np.mean(theirs)), 5.0)
    assert abs(difference) < slack + GATE * noise, f"{what}: {np.mean(ours):.4g} and {np.mean(theirs):.4g}"


def test_a_model_with_every_feature(fresh_seed):
    model = everything()
    run = {**RUN, "initial": {"cycling": 200}}
    ours = sn.simulate(model, **run, sync=6, replicates=400, seed=fresh_seed)
    theirs = reference.simulate(model, **run, replicates=16, seed=fresh_seed, dt=0.1)
    for i in (2, 4, 8, 12):
        for f, fate in enumerate(model.fates):
            agree(ours.counts[:, i, f], theirs.counts[:, i, f], f"{fate} at {ours.time[i]:g} h")
        agree(ours.pools[:, i, 0], theirs.pools[:, i, 0], f"T cells at {ours.time[i]:g} h")
    for k, transition in enumerate(ours.layout.transitions):
        agree(ours.events[:, -1, k], theirs.events[:, -1, k], transition.name)
    depth = theirs.sums[:, 4, 1, 0] / theirs.counts[:, 4, 1]
    agree(ours.observables[:, 4, 0], depth, "mean depth")
