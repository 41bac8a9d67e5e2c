"""Cohorts: patients drawn from distributions, and the quantiles they are drawn by."""

import sys

import numpy as np
import pytest
import senescape as sn
from scipy import stats
from senescape.model.distributions import Distribution
from senescape.trials.cohort import quantiles

DISTRIBUTIONS = {
    "normal": (sn.Normal(1.0, 2.0), stats.norm(1.0, 2.0)),
    "lognormal": (sn.LogNormal(median=2.0, sigma=0.5), stats.lognorm(0.5, scale=2.0)),
    "uniform": (sn.Uniform(1.0, 3.0), stats.uniform(1.0, 2.0)),
    "beta": (sn.Beta(2.0, 3.0), stats.beta(2.0, 3.0)),
    "gamma": (sn.Gamma(2.0, 3.0), stats.gamma(2.0, scale=3.0)),
    "exponential": (sn.Exponential(4.0), stats.expon(scale=4.0)),
    "integers": (sn.Integers(2, 5), stats.randint(2, 6)),
    "bernoulli": (sn.Bernoulli(0.3), stats.bernoulli(0.3)),
}


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_quantiles_are_those_of_the_distribution(name):
    ours, theirs = DISTRIBUTIONS[name]
    shares = (np.arange(1000) + 0.5) / 1000
    np.testing.assert_allclose(quantiles(ours, shares), theirs.ppf(shares), rtol=1e-9)


@pytest.mark.parametrize(
    ("law", "shares", "values"),
    [
        (sn.Constant(2.5), [0.0, 0.3, 1.0], [2.5, 2.5, 2.5]),
        (sn.Normal(1.0, 0.0), [0.1, 0.9], [1.0, 1.0]),
        (sn.Normal(1.0, 0.5, low=0.9, high=1.2), [0.01, 0.5, 0.99], [0.9, 1.0, 1.2]),
        (sn.Normal(1.0, 0.5, low=0.9), [0.01, 0.5], [0.9, 1.0]),
        (sn.Normal(1.0, 0.5, high=1.2), [0.5, 0.99], [1.0, 1.2]),
        (sn.Normal(1.0, 0.0, low=1.5), [0.5], [1.5]),
        (sn.Uniform(-1.0, 3.0), [0.0, 0.25, 1.0], [-1.0, 0.0, 3.0]),
        (sn.Integers(2, 5), [0.0, 0.2499, 0.25, 0.75, 1.0], [2, 2, 3, 5, 5]),
        (sn.Bernoulli(0.25), [0.0, 0.75, 0.7501, 1.0], [0, 0, 1, 1]),
        (sn.Bernoulli(0.0), [0.5, 1.0], [0, 0]),
        (sn.LogNormal(2.0, 0.0), [0.1, 0.9], [2.0, 2.0]),
    ],
    ids=lambda each: each.kind if isinstance(each, Distribution) else "",
)
def test_quantiles_at_ends_and_steps(law, shares, values):
    found = quantiles(law, np.array(shares))
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, values, rtol=1e-12)


def test_every_kind_has_quantiles_and_another_is_refused():
    assert {kind.kind for kind in Distribution.__subclasses__()} == {*DISTRIBUTIONS, "constant"}

    class Strange(sn.Constant):
        kind = "strange"

    with pytest.raises(sn.ModelError, match="a cohort cannot draw from"):
        quantiles(Strange(1.0), np.zeros(1))


def test_a_cohort_says_how_it_was_drawn(fresh_seed):
    laws = {"a.x": sn.Uniform(0.0, 1.0), "a.y": sn.Normal(0.0, 1.0, low=-1.0)}
    cohort = sn.Cohort(laws, 5, seed=fresh_seed)
    assert cohort.to_json() == {
        "parameters": {
            "a.x": {"kind": "uniform", "low": 0.0, "high": 1.0},
            "a.y": {"kind": "normal", "mean": 0.0, "sd": 1.0, "low": -1.0},
        },
        "patients": 5,
        "method": "lhs",
        "seed": fresh_seed,
    }
    assert (cohort.parameters, cohort.patients, cohort.method, cohort.seed) == (laws, 5, "lhs", fresh_seed)
    assert sn.Cohort(laws, 1).seed == 0
    assert sn.Cohort(laws, 1).table.rows == 1
    assert cohort.table["patient"].tolist() == [0, 1, 2, 3, 4]
    assert cohort.values(3) == {name: cohort.table[name][3] for name in laws}
    assert repr(cohort) == "<Cohort of 5 patients: a.x, a.y>"


@pytest.mark.parametrize("method", ["lhs", "random"])
def test_a_cohort_is_drawn_by_its_seed(fresh_seed, method):
    laws = {"a.x": sn.Uniform(0.0, 1.0), "a.y": sn.Uniform(0.0, 1.0)}
    drawn = [sn.Cohort(laws, 20, method, fresh_seed + more).table for more in (0, 0, 1)]
    for name in laws:
        assert np.array_equal(drawn[0][name], drawn[1][name])
        assert not np.array_equal(drawn[0][name], drawn[2][name])
        assert drawn[0][name].shape == (20,)
    assert not np.array_equal(drawn[0]["a.x"], drawn[0]["a.y"])


def test_a_latin_hypercube_has_one_patient_in_each_stratum():
    cohort = sn.Cohort({"escape.h0": sn.LogNormal(0.01, 0.5), "lysis.kmax": sn.Uniform(0.0, 0.1)}, patients=50, seed=3)
    shares = stats.lognorm(0.5, scale=0.01).cdf(cohort.table["escape.h0"])
    assert sorted(np.floor(shares * 50).astype(int).tolist()) == list(range(50))
    assert sorted(np.floor(cohort.table["lysis.kmax"] * 500).astype(int).tolist()) == list(range(50))
    again = sn.Cohort({"escape.h0": sn.LogNormal(0.01, 0.5), "lysis.kmax": sn.Uniform(0.0, 0.1)}, patients=50, seed=3)
    np.testing.assert_array_equal(again.table["escape.h0"], cohort.table["escape.h0"])
    random = sn.Cohort({"escape.h0": sn.LogNormal(0.01, 0.5)}, patients=50, method="random", seed=3)
    shares = stats.lognorm(0.5, scale=0.01).cdf(random.table["escape.h0"])
    assert len(set(np.floor(shares * 50).astype(int).tolist())) < 50


def test_a_mean_of_0_is_0_for_all():
    assert not sn.Cohort({"x": sn.Exponential(0.0)}, patients=5, seed=1).table["x"].any()


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"parameters": {}, "patients": 3}, "needs parameters"),
        (
            {"parameters": {"x": sn.Uniform(0, 1), "y": 1.0}, "patients": 3},
            "the cohort's 'y' is 1.0; give a distribution",
        ),
        ({"parameters": {"x": sn.LogNormal(1.0, 1e4)}, "patients": 3}, "the cohort's 'x' .* are not finite"),
        ({"parameters": {"x": sn.Uniform(0, 1)}, "patients": 0}, "patients = 0 must lie between 1 and"),
        (
            {"parameters": {"x": sn.Uniform(0, 1)}, "patients": 3, "method": "sobol"},
            "'sobol'; it must be 'lhs' or 'random'",
        ),
    ],
)
def test_what_is_no_cohort_is_refused(settings, says):
    with pytest.raises(sn.ModelError, match=says):
        sn.Cohort(**settings)


@pytest.mark.parametrize("module", ["scipy.stats", "scipy.stats.qmc"])
def test_what_is_not_installed_is_named(monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(sn.MissingExtraError, match=rf"this needs '{module}'.*'senescape\[trials\]'"):
        sn.Cohort({"x": sn.Uniform(0, 1)}, 1)
    if module == "scipy.stats":
        with pytest.raises(sn.MissingExtraError, match=r"'senescape\[trials\]'"):
            quantiles(sn.Uniform(0, 1), np.zeros(1))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"patients": 1.5}, "patients = 1.5 must be a whole number"),
        ({"patients": True}, "patients = True must be a whole number"),
        ({"patients": 10**12}, "patients = 1000000000000 must lie between"),
        ({"seed": -1}, "seed = -1 must lie between"),
        ({"parameters": [1]}, "a cohort needs parameters that differ"),
        ({"parameters": {1: sn.Normal(0, 1)}}, "parameter 1: give a parameter's full name"),
        ({"parameters": {"patient": sn.Normal(0, 1)}}, "parameter 'patient': give a parameter's full name"),
    ],
)
def test_cohorts_that_cannot_be_are_refused(given, message):
    with pytest.raises(sn.ModelError, match=message):
        sn.Cohort(**{"parameters": {"a": sn.Normal(0, 1)}, "patients": 3, **given})


def test_a_patient_that_is_not_there_is_told():
    with pytest.raises(sn.ModelError, match="patient = 99 must lie between 0 and 2"):
        sn.Cohort({"a": sn.Normal(0, 1)}, patients=3).values(99)
