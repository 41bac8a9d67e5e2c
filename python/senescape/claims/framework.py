"""What a claim is made of, and how one is run."""

from __future__ import annotations

import importlib
import math
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from senescape._support.statistics import proportion_interval
from senescape._support.validate import whole_number
from senescape.errors import ModelError

__all__ = ["Check", "Claim", "Finding", "Lab", "Outcome", "Series", "claim", "claims", "run_claim"]

Z = 3.29
"""Standard errors on each side of an interval: 99.9%. A claim whose mean stands a further few beyond its limit fails by chance
less than once in a hundred thousand runs."""

_PARTS = ("intrinsic", "immune", "arrest", "tumour", "escape", "treatment")
"""Modules of claims, by barrier."""


@dataclass(frozen=True, slots=True)
class Check:
    """One quantitative prediction of a claim.

    Attributes
    ----------
    what : str
        What was measured, in words, with its unit.
    predicted : str
        What the claim says of it, in words.
    value : float
        What came out.
    low, high : float
        Its interval (99.9%); the value itself where there is no chance in it.
    above, below : float
        The claim holds if the whole interval lies between these.
    """

    what: str
    predicted: str
    value: float
    low: float
    high: float
    above: float = -math.inf
    below: float = math.inf

    @property
    def passed(self) -> bool:
        """Whether the whole interval is where it is predicted."""
        return bool(self.above < self.low and self.high < self.below)


@dataclass(frozen=True, slots=True)
class Series:
    """A curve or a set of points for the claim's figure.

    Attributes
    ----------
    label : str
        What it is.
    x, y : array-like
        Points.
    error : array-like, optional
        Half-widths of intervals of `y`.
    style : {"line", "points", "bars"}
        How it is drawn.
    """

    label: str
    x: ArrayLike
    y: ArrayLike
    error: ArrayLike | None = None
    style: str = "line"


@dataclass(slots=True)
class Finding:
    """What a claim's simulations came to.

    Attributes
    ----------
    checks : list of Check
        The predictions with what came out.
    series : list of Series
        What its figure shows.
    x, y : str
        The figure's axes, with units.
    log : str
        Axes of the figure that are logarithmic: ``""``, ``"x"``, ``"y"`` or ``"xy"``.
    """

    x: str = ""
    y: str = ""
    log: str = ""
    checks: list[Check] = field(default_factory=list)
    series: list[Series] = field(default_factory=list)

    def check(
        self,
        what: str,
        predicted: str,
        values: ArrayLike,
        *,
        above: float = -math.inf,
        below: float = math.inf,
    ) -> None:
        """Add a prediction of a mean.

        Parameters
        ----------
        what, predicted : str
            As for :class:`Check`.
        values : array-like
            Independent measurements, such as one a replicate. One alone is taken as free of chance.
        above, below : float
            Limits of the mean.
        """
        found = np.asarray(values, dtype=np.float64).ravel()
        mean = float(found.mean())
        half = Z * float(found.std(ddof=1)) / math.sqrt(len(found)) if len(found) > 1 else 0.0
        self.checks.append(Check(what, predicted, mean, mean - half, mean + half, above, below))

    def check_share(
        self, what: str, predicted: str, hits: int, n: int, *, above: float = -math.inf, below: float = math.inf
    ) -> None:
        """Add a prediction of a share of `n` independent trials (Wilson's interval)."""
        low, high = proportion_interval(hits, n, math.erf(Z / math.sqrt(2)))
        self.checks.append(Check(what, predicted, hits / n, low, high, above, below))

    def check_value(
        self,
        what: str,
        predicted: str,
        value: float,
        error: float = 0.0,
        *,
        above: float = -math.inf,
        below: float = math.inf,
    ) -> None:
        """Add a prediction of a value with a standard error."""
        self.checks.append(Check(what, predicted, value, value - Z * error, value + Z * error, above, below))

    def draw(self, label: str, x: ArrayLike, y: ArrayLike, error: ArrayLike | None = None, style: str = "line") -> None:
        """Add to the figure."""
        self.series.append(Series(label, x, y, error, style))

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return bool(self.checks) and all(check.passed for check in self.checks)


class Lab:
    """Where claims are run: fresh seeds, and how much is spent on them.

    Parameters
    ----------
    seed : int, optional
        Of all seeds; a fresh one by default.
    effort : float
        Factor on numbers of replicates; 1 gives each check its power.
    threads : int, optional
        Threads of each simulation.
    """

    def __init__(self, seed: int | None = None, effort: float = 1.0, threads: int | None = None) -> None:
        self.seed = secrets.randbits(48) if seed is None else whole_number(seed, "seed", 0, 2**64 - 1)
        self.effort, self.threads = effort, threads
        self._given = 0

    def fresh(self) -> int:
        """A seed that was not given before."""
        self._given += 1
        return int(np.random.SeedSequence([self.seed, self._given]).generate_state(1, np.uint64)[0])

    def replicates(self, n: int) -> int:
        """So many replicates, by the effort; at least two."""
        return max(2, round(n * self.effort))

    def simulate(self, model: Any, **settings: Any) -> Any:
        """:func:`senescape.simulate` with a fresh seed unless one is given."""
        from senescape.simulation.simulate import simulate

        return simulate(model, **{"seed": self.fresh(), "threads": self.threads, "progress": False, **settings})

    def watch(
        self, scenario: Any, times: Sequence[float], look: Callable[[Any], Any], **settings: Any
    ) -> list[list[Any]]:
        """Run a scenario and look at its cells on the way.

        Parameters
        ----------
        scenario : Scenario
            What to run.
        times : sequence of float
            When to look (h).
        look : callable
            Takes a :class:`senescape.Visit`; what it returns is kept. Arrays that it returns may be columns as they are shown.
        **settings
            As for :func:`senescape.simulate`.

        Returns
        -------
        list of list
            What was seen, by replicate and time; None where a tumour had ended before.
        """
        from senescape.experiments import watch

        return watch(scenario, times, look, **{"seed": self.fresh(), "threads": self.threads, **settings})

    def trial(self, arms: Mapping[str, Any], **settings: Any) -> Any:
        """:func:`senescape.trial` with a fresh seed unless one is given."""
        from senescape.trials.run_trial import trial

        return trial(arms, **{"seed": self.fresh(), "threads": self.threads, "progress": False, **settings})


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim of the source.

    Attributes
    ----------
    number : int
        Its number, 1 to 20.
    title : str
        A short name.
    text : str
        What the source says, and what is taken from that: the docstring of its function.
    references : str
        Numbers of the source's references.
    control : str
        Which mechanism the control switches off; empty if it has none.
    function : callable
        Runs it: ``function(lab, mechanism)`` with mechanism True, or False for the control, gives a :class:`Finding`.
    """

    number: int
    title: str
    text: str
    references: str
    control: str
    function: Callable[[Lab, bool], Finding]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A claim that was run.

    Attributes
    ----------
    claim : Claim
        Which.
    finding : Finding
        With its mechanism.
    control : Finding or None
        Without it; None if the claim has no control.
    seconds : float
        How long it took.
    seed : int
        The lab's seed.
    """

    claim: Claim
    finding: Finding
    control: Finding | None
    seconds: float
    seed: int

    @property
    def passed(self) -> bool:
        """Whether the claim holds."""
        return self.finding.passed

    @property
    def control_failed(self) -> bool:
        """Return whether the control fails, as it should; true without a control."""
        return self.control is None or not self.control.passed


_CLAIMS: dict[int, Claim] = {}


def claim(
    number: int, title: str, *, references: str = "", control: str = ""
) -> Callable[[Callable[..., Finding]], Claim]:
    """Make a claim of a function of (lab, mechanism).

    Parameters
    ----------
    number, title, references, control
        As for :class:`Claim`.
    """

    def register(function: Callable[[Lab, bool], Finding]) -> Claim:
        if number in _CLAIMS:
            raise ModelError(f"claim {number} is made twice: {_CLAIMS[number].title!r} and {title!r}")
        # The first line is for readers of the code; the text follows it.
        first, _, rest = (function.__doc__ or "").strip().partition("\n\n")
        text = " ".join((rest or first).split())
        _CLAIMS[number] = Claim(number, title, text, references, control, function)
        return _CLAIMS[number]

    return register


def claims() -> dict[int, Claim]:
    """All claims by number."""
    for part in _PARTS:
        importlib.import_module(f"senescape.claims.{part}")
    return dict(sorted(_CLAIMS.items()))


def run_claim(which: Claim | int, lab: Lab | None = None) -> Outcome:
    """Run a claim and its control.

    Parameters
    ----------
    which : Claim or int
        The claim, or its number.
    lab : Lab, optional
        Where; one with fresh seeds by default.

    Raises
    ------
    ModelError
        If there is no such claim.
    """
    lab = lab or Lab()
    if isinstance(which, int):
        known = claims()
        if which not in known:
            raise ModelError(f"there is no claim {which}; there are {', '.join(map(str, known))}")
        which = known[which]
    begun = time.perf_counter()
    finding = which.function(lab, True)
    control = which.function(lab, False) if which.control else None
    return Outcome(which, finding, control, time.perf_counter() - begun, lab.seed)


def shares(numerator: ArrayLike, denominator: ArrayLike) -> NDArray[np.float64]:
    """Quotients, 0 where nothing is divided by nothing."""
    above, below = np.asarray(numerator, dtype=np.float64), np.asarray(denominator, dtype=np.float64)
    return np.divide(above, below, out=np.zeros_like(above), where=below != 0)


def index(names: Sequence[str], name: str) -> int:
    """Where a name stands."""
    return list(names).index(name)
