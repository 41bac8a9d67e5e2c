"""Distributions of a trait's first value and of values that transitions set."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from senescape.errors import ModelError
from senescape.rules import Param

__all__ = [
    "Bernoulli",
    "Beta",
    "Distribution",
    "Exponential",
    "Gamma",
    "Integers",
    "LogNormal",
    "Normal",
    "Uniform",
]

Number = float | Param


@dataclass(frozen=True, slots=True)
class Distribution:
    """The root of distributions. Their numbers become parameters of the model."""

    kind: ClassVar[str]

    def __post_init__(self) -> None:
        self.check({name: param.value for name, param in self.params().items()})

    def params(self) -> dict[str, Param]:
        """The distribution's numbers as parameters, by name."""
        out = {}
        for each in fields(self):
            value = getattr(self, each.name)
            if value is not None:
                out[each.name] = value if isinstance(value, Param) else Param(value)
        return out

    def check(self, v: dict[str, float]) -> None:
        """Raise :class:`ModelError` if the numbers make no distribution."""

    def draw(self, rng: np.random.Generator, n: int, values: dict[str, float]) -> NDArray[np.float64]:
        """`n` values from NumPy's generator, for the reference simulator."""
        raise NotImplementedError(type(self).__name__)

    def _need(self, good: bool, what: str) -> None:
        if not good:
            raise ModelError(f"{self!r}: {what}")


@dataclass(frozen=True, slots=True)
class Normal(Distribution):
    """Normal with mean and standard deviation, clipped to [low, high] where given."""

    mean: Number
    sd: Number
    low: Number | None = None
    high: Number | None = None
    kind: ClassVar[str] = "normal"

    def check(self, v: dict[str, float]) -> None:  # noqa: D102
        self._need(v["sd"] >= 0, "sd must be >= 0")
        self._need(v.get("low", -math.inf) <= v.get("high", math.inf), "low must not exceed high")

    def draw(self, rng: np.random.Generator, n: int, values: dict[str, float]) -> NDArray[np.float64]:  # noqa: D102
        x = rng.normal(values["mean"], values["sd"], n)
        return np.clip(x, values.get("low", -np.inf), values.get("high", np.inf))


@dataclass(frozen=True, slots=True)
class LogNormal(Distribution):
    """Lognormal: ``median * exp(sigma * N)`` with N standard normal."""

    median: Number
    sigma: Number
    kind: ClassVar[str] = "lognormal"

    def check(self, v: dict[str, float]) -> None:  # noqa: D102
        self._need(v["median"] > 0, "median must be > 0")
        self._need(v["sigma"] >= 0, "sigma must be >= 0")

    def draw(self, rng: np.random.Generator, n: int, values: dict[str, float]) -> NDArray[np.float64]:  # noqa: D102
        return values["median"] * np.exp(values["sigma"] * rng.standard_normal(n))


@dataclass(frozen=True, slots=True)
class Uniform(Distribution):
    """Uniform on [low, high]."""

    low: Number
    high: Number
    kind: ClassVar[str] = "uniform"

    def check(self, v: dict[str, float]) -> None:  # noqa: D102
        self._need(v["low"] <= v["high"], "low must not exceed high")

    def draw(self, rng: np.random.Generator, n: int, values: dict[str, float]) -> NDArray[np.float64]:  # noqa: D102
        return rng.uniform(values["low"], values["high"], n)


@dataclass(frozen=True, slots=True)
class Integers(Distribution):
    """Whole numbers from low to high, both included, each as likely."""

    low: Number
    high: Number
    kind: ClassVar[str] = "integers"

    def check(self, v: dict[str, float]) -> None:  # noqa: D102
        self._need(
            v["low"] <= v["high"] and v["low"].is_integer() and v["high"].is_integer(),
            "low <= high must be whole numbers",
        )

    def draw(self, rng: np.random.Generator, n: int, values: dict[str, float]) -> NDArray[np.float64]:  # noqa: D102
        return rng.integers(int(values["low"]), int(values["high"]) + 1, n).astype(np.float64)


@dataclass(frozen=True, slots=True)
class Beta(Distribution):
    """Beta on (0, 1) with shapes a and b."""

    a: Number
    b: Number
    kind: ClassVar[str] = "beta"

    def check(self, v: dict[str, float]) -> None:  # noqa: D102
        self._need(v["a"] > 0 and v["b"] > 0, "a and b must be > 0")

    def draw(self, rng: np.random.Generator, n: int, values: dict[str, float]) -> NDArray[np.float64]:  # noqa: D102
        return rng.beta(values["a"], values["b"], n)


@dataclass(frozen=True, slots=True)
class Gamma(Distribution):
    """Gamma with shape and scale (mean = shape * scale)."""

    shape: Number
    scale: Number
    kind: ClassVar[str] = "gamma"

    def check(self, v: dict[str, float]) -> None:  # noqa: D102
        self._need(v["shape"] > 0 and v["scale"] > 0, "shape and scale must be > 0")

    def draw(self, rng: np.random.Generator, n: int, values: dict[str, float]) -> NDArray[np.float64]:  # noqa: D102
        return rng.gamma(values["shape"], values["scale"], n)


@dataclass(frozen=True, slots=True)
class Exponential(Distribution):
    """Exponential with a mean."""

    mean: Number
    kind: ClassVar[str] = "exponential"

    def check(self, v: dict[str, float]) -> None:  # noqa: D102
        self._need(v["mean"] >= 0, "mean must be >= 0")

    def draw(self, rng: np.random.Generator, n: int, values: dict[str, float]) -> NDArray[np.float64]:  # noqa: D102
        return rng.exponential(values["mean"], n)


@dataclass(frozen=True, slots=True)
class Bernoulli(Distribution):
    """1 with probability p, else 0."""

    p: Number
    kind: ClassVar[str] = "bernoulli"

    def check(self, v: dict[str, float]) -> None:  # noqa: D102
        self._need(0 <= v["p"] <= 1, "p must lie between 0 and 1")

    def draw(self, rng: np.random.Generator, n: int, values: dict[str, float]) -> NDArray[np.float64]:  # noqa: D102
        return (rng.random(n) < values["p"]).astype(np.float64)
