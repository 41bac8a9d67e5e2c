"""Distributions of a trait's first value and of values that transitions set."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from senescape.errors import ModelError
from senescape.rules.parameter import Param, as_param

__all__ = [
    "Bernoulli",
    "Beta",
    "Constant",
    "Distribution",
    "Exponential",
    "Gamma",
    "Integers",
    "LogNormal",
    "Normal",
    "Number",
    "Uniform",
]

Number = float | Param
"""A number of a distribution; it becomes a parameter of the model."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """The root of distributions. Their numbers become parameters of the model."""

    kind: ClassVar[str]

    def __post_init__(self) -> None:
        self.check({name: param.value for name, param in self.params().items()})

    def params(self) -> dict[str, Param]:
        """Give the distribution's numbers as parameters, by name; those that are not given are left out."""
        given = {each.name: getattr(self, each.name) for each in fields(self)}
        for each in fields(self):
            if given[each.name] is None and each.default is MISSING:
                raise ModelError(f"{type(self).__name__}({each.name}=None) must be a number")
        return {
            name: as_param(value, f"{type(self).__name__}({name}={value!r})")
            for name, value in given.items()
            if value is not None
        }

    def check(self, values: Mapping[str, float]) -> None:
        """Refuse numbers that make no distribution.

        Parameters
        ----------
        values : mapping of str to float
            By the names of :meth:`params`.

        Raises
        ------
        ModelError
            Naming the number and its range.
        """

    def sample(
        self, rng: np.random.Generator, n: int, values: Mapping[str, float] | None = None
    ) -> NDArray[np.float64]:
        """Draw from NumPy's generator, for the reference simulator.

        The engine has its own generator: the law is the same, the numbers are not.

        Parameters
        ----------
        rng : numpy.random.Generator
            Where chance comes from.
        n : int
            How many.
        values : mapping of str to float, optional
            Numbers instead of the distribution's own.

        Returns
        -------
        ndarray of float64, shape (n,)
            Independent values.

        Raises
        ------
        ModelError
            If the numbers make no distribution.
        """
        numbers = {name: param.value for name, param in self.params().items()}
        numbers.update(values or {})
        self.check(numbers)
        return self._draw(rng, n, numbers)

    def _draw(self, rng: np.random.Generator, n: int, v: Mapping[str, float]) -> NDArray[np.float64]:
        raise NotImplementedError(type(self).__name__)

    def _need(self, good: bool, what: str, values: Mapping[str, float]) -> None:
        if not good:
            given = ", ".join(f"{name}={value:g}" for name, value in values.items())
            raise ModelError(f"{type(self).__name__}({given}): {what}")


@dataclass(frozen=True, slots=True)
class Constant(Distribution):
    """Always the same value; a bare number means the same.

    Parameters
    ----------
    value : float or Param
        The value.
    """

    value: Number
    kind: ClassVar[str] = "constant"

    def _draw(self, rng: np.random.Generator, n: int, v: Mapping[str, float]) -> NDArray[np.float64]:
        return np.full(n, v["value"])


@dataclass(frozen=True, slots=True)
class Normal(Distribution):
    """Normal, clipped to [low, high] where they are given.

    Parameters
    ----------
    mean : float or Param
        Mean before clipping.
    sd : float or Param
        Standard deviation before clipping, >= 0.
    low, high : float or Param, optional
        Values beyond are moved to the end, which then has a mass of its own.

    Examples
    --------
    >>> Normal(0.0, 1.0, low=0.0).sample(np.random.default_rng(1), 1000).min().item()
    0.0
    """

    mean: Number
    sd: Number
    low: Number | None = None
    high: Number | None = None
    kind: ClassVar[str] = "normal"

    def check(self, values: Mapping[str, float]) -> None:  # noqa: D102
        self._need(values["sd"] >= 0, "sd must be >= 0", values)
        inside = values.get("low", -math.inf) <= values.get("high", math.inf)
        self._need(inside, "low must not exceed high", values)

    def _draw(self, rng: np.random.Generator, n: int, v: Mapping[str, float]) -> NDArray[np.float64]:
        x = rng.normal(v["mean"], v["sd"], n)
        return np.clip(x, v.get("low", -np.inf), v.get("high", np.inf))


@dataclass(frozen=True, slots=True)
class LogNormal(Distribution):
    """Lognormal: ``median * exp(sigma * N)`` with N standard normal.

    Parameters
    ----------
    median : float or Param
        Median, > 0.
    sigma : float or Param
        Standard deviation of the natural logarithm, >= 0.

    Examples
    --------
    >>> LogNormal(median=2.0, sigma=0.0).sample(np.random.default_rng(1), 2).tolist()
    [2.0, 2.0]
    """

    median: Number
    sigma: Number
    kind: ClassVar[str] = "lognormal"

    def check(self, values: Mapping[str, float]) -> None:  # noqa: D102
        self._need(values["median"] > 0, "median must be > 0", values)
        self._need(values["sigma"] >= 0, "sigma must be >= 0", values)

    def _draw(self, rng: np.random.Generator, n: int, v: Mapping[str, float]) -> NDArray[np.float64]:
        return np.asarray(v["median"] * np.exp(v["sigma"] * rng.standard_normal(n)))


@dataclass(frozen=True, slots=True)
class Uniform(Distribution):
    """Uniform on [low, high].

    Parameters
    ----------
    low, high : float or Param
        The ends.
    """

    low: Number
    high: Number
    kind: ClassVar[str] = "uniform"

    def check(self, values: Mapping[str, float]) -> None:  # noqa: D102
        self._need(values["low"] <= values["high"], "low must not exceed high", values)

    def _draw(self, rng: np.random.Generator, n: int, v: Mapping[str, float]) -> NDArray[np.float64]:
        return rng.uniform(v["low"], v["high"], n)


@dataclass(frozen=True, slots=True)
class Integers(Distribution):
    """Whole numbers from low to high, both included, each as likely.

    Parameters
    ----------
    low, high : float or Param
        The ends, whole numbers.
    """

    low: Number
    high: Number
    kind: ClassVar[str] = "integers"

    def check(self, values: Mapping[str, float]) -> None:  # noqa: D102
        low, high = values["low"], values["high"]
        whole = low.is_integer() and high.is_integer()
        self._need(whole and low <= high, "low and high must be whole numbers, low <= high", values)
        held = max(abs(low), abs(high)) <= 2**24
        self._need(held, "low and high must lie within 2**24: single precision rounds larger whole numbers", values)

    def _draw(self, rng: np.random.Generator, n: int, v: Mapping[str, float]) -> NDArray[np.float64]:
        return rng.integers(int(v["low"]), int(v["high"]) + 1, n).astype(np.float64)


@dataclass(frozen=True, slots=True)
class Beta(Distribution):
    """Beta on (0, 1); its mean is a / (a + b).

    Parameters
    ----------
    a, b : float or Param
        Shapes, > 0.
    """

    a: Number
    b: Number
    kind: ClassVar[str] = "beta"

    def check(self, values: Mapping[str, float]) -> None:  # noqa: D102
        self._need(values["a"] > 0 and values["b"] > 0, "a and b must be > 0", values)

    def _draw(self, rng: np.random.Generator, n: int, v: Mapping[str, float]) -> NDArray[np.float64]:
        return rng.beta(v["a"], v["b"], n)


@dataclass(frozen=True, slots=True)
class Gamma(Distribution):
    """Gamma; its mean is shape * scale.

    Parameters
    ----------
    shape, scale : float or Param
        Both > 0.
    """

    shape: Number
    scale: Number
    kind: ClassVar[str] = "gamma"

    def check(self, values: Mapping[str, float]) -> None:  # noqa: D102
        self._need(values["shape"] > 0 and values["scale"] > 0, "shape and scale must be > 0", values)

    def _draw(self, rng: np.random.Generator, n: int, v: Mapping[str, float]) -> NDArray[np.float64]:
        return rng.gamma(v["shape"], v["scale"], n)


@dataclass(frozen=True, slots=True)
class Exponential(Distribution):
    """Exponential.

    Parameters
    ----------
    mean : float or Param
        Mean, >= 0.
    """

    mean: Number
    kind: ClassVar[str] = "exponential"

    def check(self, values: Mapping[str, float]) -> None:  # noqa: D102
        self._need(values["mean"] >= 0, "mean must be >= 0", values)

    def _draw(self, rng: np.random.Generator, n: int, v: Mapping[str, float]) -> NDArray[np.float64]:
        return rng.exponential(v["mean"], n)


@dataclass(frozen=True, slots=True)
class Bernoulli(Distribution):
    """1 with probability p, else 0.

    Parameters
    ----------
    p : float or Param
        From 0 to 1.
    """

    p: Number
    kind: ClassVar[str] = "bernoulli"

    def check(self, values: Mapping[str, float]) -> None:  # noqa: D102
        self._need(0 <= values["p"] <= 1, "p must lie between 0 and 1", values)

    def _draw(self, rng: np.random.Generator, n: int, v: Mapping[str, float]) -> NDArray[np.float64]:
        return (rng.random(n) < v["p"]).astype(np.float64)
