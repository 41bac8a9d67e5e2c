"""Virtual cohorts: parameters drawn for each patient from stated distributions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from senescape._support.optional import require
from senescape._support.validate import whole_number
from senescape.errors import ModelError
from senescape.model.distributions import Distribution
from senescape.results.table import Table

__all__ = ["Cohort"]


class Cohort:
    """Patients that differ in parameters.

    Parameters
    ----------
    parameters : mapping of str to Distribution
        What differs, by full name (``"escape.h0"``, ``"biology.escape.h0"``), and how.
    patients : int
        How many.
    method : {"lhs", "random"}
        A latin hypercube, which spreads each parameter evenly over its distribution, or independent draws.
    seed : int
        Of the draws.

    Attributes
    ----------
    table : Table
        One row a patient: ``patient`` and a column for each parameter.

    Raises
    ------
    ModelError
        If something is of the wrong kind.
    MissingExtraError
        If SciPy is not installed (extra ``trials``).

    Examples
    --------
    >>> cohort = Cohort({"escape.h0": sn.LogNormal(median=2e-4, sigma=0.5)}, patients=4, seed=1)  # doctest: +SKIP
    >>> cohort.table.rows  # doctest: +SKIP
    4
    """

    def __init__(
        self,
        parameters: Mapping[str, Distribution],
        patients: int,
        method: Literal["lhs", "random"] = "lhs",
        seed: int = 0,
    ) -> None:
        if not isinstance(parameters, Mapping) or not parameters:
            raise ModelError(
                "a cohort needs parameters that differ: {'escape.h0': sn.LogNormal(median=2e-4, sigma=0.5)}"
            )
        for name, distribution in parameters.items():
            if not isinstance(name, str) or name == "patient":
                raise ModelError(f"the cohort's parameter {name!r}: give a parameter's full name, such as 'escape.h0'")
            if not isinstance(distribution, Distribution):
                raise ModelError(
                    f"the cohort's {name!r} is {distribution!r}; give a distribution, such as sn.LogNormal(...)"
                )
        patients = whole_number(patients, "patients", 1, 10_000_000)
        seed = whole_number(seed, "seed", 0, 2**64 - 1)
        if method not in ("lhs", "random"):
            raise ModelError(f"the cohort's method is {method!r}; it must be 'lhs' or 'random'")
        self.parameters, self.patients, self.method, self.seed = dict(parameters), patients, method, seed
        rng = np.random.default_rng(seed)
        if method == "lhs":
            qmc = require("scipy.stats.qmc", "trials")
            shares = qmc.LatinHypercube(len(parameters), rng=rng).random(patients)
        else:
            shares = rng.random((patients, len(parameters)))
        columns: dict[str, NDArray[Any]] = {"patient": np.arange(patients)}
        for i, (name, distribution) in enumerate(self.parameters.items()):
            with np.errstate(over="ignore", invalid="ignore"):
                columns[name] = quantiles(distribution, shares[:, i])
            if not np.isfinite(columns[name]).all():
                raise ModelError(
                    f"the cohort's {name!r} is drawn from {distribution!r}, some of whose values are not finite"
                )
        self.table = Table(columns)

    def values(self, patient: int) -> dict[str, float]:
        """Return one patient's parameters by full name."""
        patient = whole_number(patient, "patient", 0, self.patients - 1)
        return {name: float(self.table[name][patient]) for name in self.parameters}

    def to_json(self) -> dict[str, Any]:
        """Say how it was drawn, for provenance."""
        drawn = {
            name: {"kind": each.kind, **{key: param.value for key, param in each.params().items()}}
            for name, each in self.parameters.items()
        }
        return {"parameters": drawn, "patients": self.patients, "method": self.method, "seed": self.seed}

    def __repr__(self) -> str:
        return f"<Cohort of {self.patients} patients: {', '.join(self.parameters)}>"


def quantiles(distribution: Distribution, shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the values below which given shares of a distribution lie (extra ``trials``).

    Parameters
    ----------
    distribution : Distribution
        Of any kind.
    shares : ndarray of float64
        From 0 to 1.

    Returns
    -------
    ndarray of float64
        Of the same shape.
    """
    stats = require("scipy.stats", "trials")
    v = {name: param.value for name, param in distribution.params().items()}
    match distribution.kind:
        case "constant":
            return np.full_like(shares, v["value"])
        case "normal":
            spread = stats.norm.ppf(shares, v["mean"], v["sd"]) if v["sd"] > 0 else np.full_like(shares, v["mean"])
            return np.clip(spread, v.get("low", -np.inf), v.get("high", np.inf))
        case "lognormal":
            return np.asarray(v["median"] * np.exp(v["sigma"] * stats.norm.ppf(shares)))
        case "uniform":
            return np.asarray(v["low"] + shares * (v["high"] - v["low"]))
        case "integers":
            return np.minimum(v["low"] + np.floor(shares * (v["high"] - v["low"] + 1)), v["high"])
        case "beta":
            return np.asarray(stats.beta.ppf(shares, v["a"], v["b"]))
        case "gamma":
            return np.asarray(stats.gamma.ppf(shares, v["shape"], scale=v["scale"]))
        case "exponential":
            return np.asarray(v["mean"] * stats.expon.ppf(shares))
        case "bernoulli":
            return np.where(shares > 1.0 - v["p"], 1.0, 0.0)
    raise ModelError(f"a cohort cannot draw from {distribution!r}")
