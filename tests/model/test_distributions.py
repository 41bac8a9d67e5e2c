import math

import numpy as np
import pytest
import senescape as sn
from hypothesis import given
from hypothesis import strategies as st
from senescape.model.distributions import Distribution

# Distribution, mean, variance.
LAWS = [
    (sn.Constant(2.5), 2.5, 0.0),
    (sn.Normal(2.0, 0.5), 2.0, 0.25),
    (sn.LogNormal(1.0, 0.5), math.exp(0.125), (math.exp(0.25) - 1) * math.exp(0.25)),
    (sn.Uniform(-1.0, 3.0), 1.0, 16 / 12),
    (sn.Integers(0, 11), 5.5, (12**2 - 1) / 12),
    (sn.Beta(4.0, 2.0), 4 / 6, 8 / (36 * 7)),
    (sn.Gamma(5.0, 0.1), 0.5, 0.05),
    (sn.Exponential(3.0), 3.0, 9.0),
    (sn.Bernoulli(0.2), 0.2, 0.16),
]
IDS = [law[0].kind for law in LAWS]


@pytest.mark.parametrize(("law", "mean", "variance"), LAWS, ids=IDS)
def test_sample_has_the_law(law, mean, variance):
    n = 40_000
    x = law.sample(np.random.default_rng(11), n)
    assert x.shape == (n,)
    assert x.dtype == np.float64
    assert x.mean() == pytest.approx(mean, abs=6 * math.sqrt(variance / n) + 1e-12)
    assert x.var() == pytest.approx(variance, rel=0.08, abs=1e-12)


def test_every_distribution_is_covered():
    assert {type(law).__name__ for law, _, _ in LAWS} == {kind.__name__ for kind in Distribution.__subclasses__()}


def test_clipping_moves_mass_to_the_ends():
    x = sn.Normal(0.0, 1.0, low=-0.5, high=0.5).sample(np.random.default_rng(1), 4000)
    assert x.min() == -0.5
    assert x.max() == 0.5
    assert (x == 0.5).mean() == pytest.approx(0.3085, abs=0.04)


def test_sample_with_other_numbers():
    law = sn.Uniform(0.0, 1.0)
    x = law.sample(np.random.default_rng(1), 100, {"low": 5.0, "high": 6.0})
    assert x.min() >= 5.0
    with pytest.raises(sn.ModelError, match="low must not exceed high"):
        law.sample(np.random.default_rng(1), 1, {"low": 2.0})


def test_the_same_generator_gives_the_same_values():
    law = sn.Gamma(2.0, 3.0)
    assert np.array_equal(law.sample(np.random.default_rng(3), 9), law.sample(np.random.default_rng(3), 9))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sn.Normal(0.0, -1.0), "sd must be >= 0"),
        (lambda: sn.Normal(0.0, 1.0, low=2.0, high=1.0), "low must not exceed high"),
        (lambda: sn.LogNormal(0.0, 1.0), "median must be > 0"),
        (lambda: sn.LogNormal(1.0, -0.1), "sigma must be >= 0"),
        (lambda: sn.Uniform(2.0, 1.0), "low must not exceed high"),
        (lambda: sn.Integers(0.5, 2.0), "whole numbers"),
        (lambda: sn.Integers(3, 2), "low <= high"),
        (lambda: sn.Beta(0.0, 1.0), "a and b must be > 0"),
        (lambda: sn.Gamma(1.0, 0.0), "shape and scale must be > 0"),
        (lambda: sn.Exponential(-1.0), "mean must be >= 0"),
        (lambda: sn.Bernoulli(1.5), "between 0 and 1"),
        (lambda: sn.Normal(float("nan"), 1.0), "finite"),
        (lambda: sn.Normal("a", 1.0), "must be a number"),
        (lambda: sn.Exponential(True), "must be a number"),
    ],
)
def test_bad_numbers_are_named(make, message):
    with pytest.raises(sn.ModelError, match=message):
        make()


NORMAL = {"mean": 0.0, "sd": 1.0}


@pytest.mark.parametrize(
    ("kind", "good", "bad", "says"),
    [
        (sn.Normal, {"mean": 0.0, "sd": 0.0}, {"mean": 0.0, "sd": -1e-9}, "mean=0, sd=-1e-09): sd must be >= 0"),
        (
            sn.Normal,
            {**NORMAL, "low": 2.0, "high": 2.0},
            {**NORMAL, "low": 2.5, "high": 2.0},
            "low=2.5, high=2): low must",
        ),
        (sn.Normal, {**NORMAL, "low": 9.0}, None, None),
        (sn.Normal, {**NORMAL, "high": -9.0}, None, None),
        (
            sn.LogNormal,
            {"median": 0.5, "sigma": 0.0},
            {"median": 0.0, "sigma": 0.0},
            "median=0, sigma=0): median must be > 0",
        ),
        (
            sn.LogNormal,
            {"median": 0.5, "sigma": 0.5},
            {"median": 0.5, "sigma": -1e-9},
            "sigma=-1e-09): sigma must be >= 0",
        ),
        (
            sn.Uniform,
            {"low": 1.0, "high": 1.0},
            {"low": 1.5, "high": 1.0},
            "low=1.5, high=1): low must not exceed high",
        ),
        (
            sn.Integers,
            {"low": 2.0, "high": 2.0},
            {"low": 2.0, "high": 1.0},
            "low=2, high=1): low and high must be whole",
        ),
        (
            sn.Integers,
            {"low": -1.0, "high": 1.0},
            {"low": 1.0, "high": 1.5},
            "low=1, high=1.5): low and high must be whole",
        ),
        (
            sn.Integers,
            {"low": 0.0, "high": 1.0},
            {"low": 0.5, "high": 1.0},
            "low=0.5, high=1): low and high must be whole",
        ),
        (sn.Beta, {"a": 0.5, "b": 0.5}, {"a": 0.0, "b": 1.0}, "a=0, b=1): a and b must be > 0"),
        (sn.Beta, {"a": 1.0, "b": 0.5}, {"a": 1.0, "b": 0.0}, "a=1, b=0): a and b must be > 0"),
        (
            sn.Gamma,
            {"shape": 0.5, "scale": 0.5},
            {"shape": 0.0, "scale": 1.0},
            "shape=0, scale=1): shape and scale must",
        ),
        (
            sn.Gamma,
            {"shape": 1.0, "scale": 0.5},
            {"shape": 1.0, "scale": 0.0},
            "shape=1, scale=0): shape and scale must",
        ),
        (sn.Exponential, {"mean": 0.0}, {"mean": -1e-9}, "mean=-1e-09): mean must be >= 0"),
        (sn.Bernoulli, {"p": 0.0}, {"p": -1e-9}, "p=-1e-09): p must lie between 0 and 1"),
        (sn.Bernoulli, {"p": 1.0}, {"p": 1.5}, "p=1.5): p must lie between 0 and 1"),
    ],
)
def test_numbers_may_go_to_their_ends_and_no_further(kind, good, bad, says):
    law = kind(**good)
    assert {name: param.value for name, param in law.params().items()} == good
    assert np.isfinite(law.sample(np.random.default_rng(), 3)).all()
    if bad is not None:
        with pytest.raises(sn.ModelError) as refused:
            kind(**bad)
        assert str(refused.value).startswith(f"{kind.__name__}(")
        assert says in str(refused.value)


def test_a_number_that_is_none_is_named():
    with pytest.raises(sn.ModelError, match=r"Uniform\(high='x'\)"):
        sn.Uniform(0.0, "x")


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_what_is_certain_is_certain(p):
    assert set(sn.Bernoulli(p).sample(np.random.default_rng(), 1000)) == {p}


def test_the_root_draws_nothing():
    with pytest.raises(NotImplementedError, match="Distribution"):
        Distribution().sample(np.random.default_rng(), 1)


def test_one_end_may_be_open():
    rng = np.random.default_rng()
    assert sn.Normal(0.0, 1.0, low=3.0).sample(rng, 1000).max() < 9
    assert sn.Normal(0.0, 1.0, low=0.0).sample(rng, 1000).max() > 0.5
    assert sn.Normal(0.0, 1.0, high=0.0).sample(rng, 1000).min() < -0.5


def test_numbers_become_parameters():
    law = sn.Normal(sn.Param(1.0, unit="h", source="s"), 0.5, high=3.0)
    assert list(law.params()) == ["mean", "sd", "high"]
    assert law.params()["mean"].unit == "h"


@given(st.floats(1e-3, 1e3), st.floats(0.0, 3.0))
def test_frozen_and_equal_by_value(median, sigma):
    law = sn.LogNormal(median, sigma)
    assert law == sn.LogNormal(median, sigma)
    with pytest.raises(AttributeError):
        law.median = 2.0
