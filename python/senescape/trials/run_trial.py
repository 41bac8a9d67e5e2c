"""Trials: several treatments of the same tumours, with shared luck."""

from __future__ import annotations

import secrets
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from senescape._support.progress import Progress
from senescape._support.validate import thread_count, whole_number
from senescape.errors import ModelError, SimulationError
from senescape.model.model import Model
from senescape.model.stopping import Relapse
from senescape.results.result import Result
from senescape.results.table import Table
from senescape.simulation.run_document import run_document
from senescape.simulation.simulate import execute
from senescape.trials.cohort import Cohort
from senescape.trials.survival import Comparison, compare, kaplan_meier

if TYPE_CHECKING:
    from senescape.scenarios.scenario import Scenario

__all__ = ["Trial", "trial"]


@dataclass(frozen=True, slots=True)
class _Arm:
    name: str
    scenario: Scenario
    model: Model
    settings: Mapping[str, Any]


class Trial:
    """What the arms of a trial came to.

    Attributes
    ----------
    arms : tuple of str
        Names of the arms.
    results : dict of str to tuple of Result
        The results of each arm: one, or of a cohort one a patient.
    cohort : Cohort or None
        How patients differ.
    seed : int
        The seed that all arms share.
    """

    def __init__(
        self, results: Mapping[str, Sequence[Result]], horizon: float, seed: int, cohort: Cohort | None = None
    ) -> None:
        self.results = {name: tuple(each) for name, each in results.items()}
        self.arms = tuple(self.results)
        self.horizon, self.seed, self.cohort = horizon, seed, cohort

    def result(self, arm: str) -> Result:
        """Return the result of an arm of a trial without a cohort."""
        if self.cohort is not None:
            raise ModelError("a trial of a cohort has a result for each patient: trial.results[arm][patient]")
        return self.results[self._known(arm)][0]

    @cached_property
    def outcomes(self) -> Table:
        """Return one row for each arm, patient and replicate.

        Columns: ``arm``; ``patient`` (of a cohort); ``replicate``; ``time`` (h), the relapse-free time: to relapse, or to the
        horizon, or to where a tumour outgrew its `max_cells` and was followed no longer; ``relapsed``; ``eradicated``;
        ``final`` (cells alive at the end); ``nadir``, ``stop``.
        """
        columns: dict[str, list[NDArray[Any]]] = {}
        for arm, results in self.results.items():
            for patient, result in enumerate(results):
                outcome = result.outcomes
                n = outcome.rows
                lasted = np.where(outcome["relapsed"], outcome["relapse_time"], self.horizon)
                row = {
                    "arm": np.full(n, arm),
                    "patient": np.full(n, patient),
                    "replicate": outcome["replicate"],
                    "time": np.where(outcome["stop"] == "cell_cap", outcome["end_time"], lasted),
                    **{name: outcome[name] for name in ("relapsed", "eradicated", "final", "nadir", "stop")},
                }
                for name, column in row.items():
                    columns.setdefault(name, []).append(np.asarray(column))
        if self.cohort is None:
            del columns["patient"]
        return Table({name: np.concatenate(parts) for name, parts in columns.items()})

    def times(self, arm: str) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Return relapse-free times (h) of an arm's tumours, and whether each ended by relapse.

        Row i is the same tumour in each arm.
        """
        rows = self.outcomes["arm"] == self._known(arm)
        return self.outcomes["time"][rows], self.outcomes["relapsed"][rows]

    def survival(self) -> Table:
        """Return relapse-free survival of each arm (Kaplan-Meier): columns ``arm``, ``time`` (h), ``survival``, ``at_risk``."""
        parts = {arm: kaplan_meier(*self.times(arm)) for arm in self.arms}
        columns = {
            name: np.concatenate([part[name] for part in parts.values()]) for name in ("time", "survival", "at_risk")
        }
        names = np.concatenate([np.full(len(part["time"]), arm) for arm, part in parts.items()])
        return Table({"arm": names, **columns})

    def compare(self, arm: str, control: str | None = None, confidence: float = 0.95) -> Comparison:
        """Compare an arm with another.

        Parameters
        ----------
        arm : str
            The arm.
        control : str, optional
            What it is compared with; the first arm by default.
        confidence : float
            Of the intervals, between 0 and 1: 0.975 where two comparisons share an error of 5%.

        Returns
        -------
        Comparison
            Hazard ratio, differences in median and mean relapse-free time with intervals, and the variance saved by pairing.

        Raises
        ------
        ModelError
            If a tumour of either outgrew its `max_cells` before it relapsed: when it would have relapsed is not known.
        MissingExtraError
            If lifelines is not installed (extra ``trials``).
        """
        control = self.arms[0] if control is None else self._known(control)
        for name in (self._known(arm), control):
            lost = self.outcomes["stop"][self.outcomes["arm"] == name] == "cell_cap"
            if lost.any():
                raise ModelError(
                    f"{lost.sum()} of {lost.size} tumours of the arm {name!r} outgrew max_cells before they relapsed, so their "
                    "relapse-free time is not known; raise max_cells, or let relapse.above be lower"
                )
        if not (isinstance(confidence, Real) and 0 < confidence < 1):
            raise ModelError(f"confidence = {confidence!r} must lie between 0 and 1")
        return compare(self.times(arm), self.times(control), self.horizon, (arm, control), float(confidence), self.seed)

    def __str__(self) -> str:
        lines = [f"{'arm':24} {'tumours':>8} {'relapsed':>9} {'eradicated':>11} {'median relapse-free time (h)':>30}"]
        for arm in self.arms:
            rows = self.outcomes["arm"] == arm
            n, relapsed = int(rows.sum()), self.outcomes["relapsed"][rows].mean()
            median = float(np.median(self.outcomes["time"][rows]))
            shown = f"{median:.0f}" if median < self.horizon else f"over {self.horizon:.0f}"
            lines.append(
                f"{arm:24} {n:>8} {relapsed:>9.1%} {self.outcomes['eradicated'][rows].mean():>11.1%} {shown:>30}"
            )
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<Trial of {len(self.arms)} arms: {', '.join(self.arms)}>"

    def _known(self, arm: str) -> str:
        if arm not in self.arms:
            raise ModelError(f"the trial has no arm {arm!r}; it has: {', '.join(self.arms)}")
        return arm


def trial(
    arms: Mapping[str, Scenario],
    *,
    replicates: int = 1,
    seed: int | None = None,
    cohort: Cohort | None = None,
    threads: int | None = None,
    rtol: float = 1e-4,
    progress: bool | None = None,
) -> Trial:
    """Give several treatments to the same tumours.

    Arms share luck: replicate i is the same tumour in each, cell by cell and to the bit, until treatments differ. Until then
    nothing of what is to come is known to any arm. Give all arms the same plugins (a drug that is not given does nothing):
    rules that only some arms have can make cells draw other numbers from the start.

    Parameters
    ----------
    arms : mapping of str to Scenario
        The arms by name. Each needs a relapse rule, and all the same horizon and `sync`.
    replicates : int
        Tumours an arm; of a cohort, for each patient.
    seed : int, optional
        The seed of all arms; a fresh one by default.
    cohort : Cohort, optional
        Patients whose parameters differ, alike in all arms.
    threads : int, optional
        Threads; by default one for each processor.
    rtol, progress
        As for :func:`senescape.simulate`.

    Returns
    -------
    Trial

    Raises
    ------
    ModelError
        If arms do not go together, or one is not valid.

    Examples
    --------
    >>> chemo = sn.Scenario(initial={"cycling": 500}, until=240.0, relapse={"above": 5000})
    >>> both = chemo.model_copy(update={"pulses": ({"drug": "doxorubicin", "concentration": 0.1, "start": 24, "duration": 24},)})
    >>> both = sn.Scenario.model_validate(both.model_dump())
    >>> outcome = sn.trial({"none": chemo, "doxorubicin": both}, replicates=2, seed=1)
    >>> outcome.outcomes["relapsed"].tolist()
    [True, True, False, False]
    """
    if not isinstance(arms, Mapping) or not arms or not all(isinstance(name, str) for name in arms):
        raise ModelError("a trial needs arms by name: sn.trial({'chemo': a, 'chemo+senolytic': b}, ...)")
    if cohort is not None and not isinstance(cohort, Cohort):
        raise ModelError(f"cohort = {cohort!r} is not a cohort; give sn.Cohort({{name: distribution}}, patients=...)")
    replicates = whole_number(replicates, "replicates", 1, 2**31 - 1)
    seed = secrets.randbits(63) if seed is None else seed
    threads = thread_count(threads)
    prepared = [_arm(name, scenario) for name, scenario in arms.items()]
    _go_together(prepared)
    models_of = [[arm.model for arm in prepared]] if cohort is None else _patients(prepared, cohort)
    # One patient a thread, or all threads on one.
    inner = threads if len(models_of) == 1 else 1
    over = threading.Event()

    def go_on(finished: int) -> None:
        if over.is_set():
            raise KeyboardInterrupt

    def run(patient: int) -> list[Result]:
        models = models_of[patient]
        # Patients differ in their luck too.
        first = patient * replicates
        documents = [
            run_document(model, arm.settings, replicates, first, seed, inner, rtol)
            for arm, model in zip(prepared, models, strict=True)
        ]
        cuts, split = shared_times(prepared, documents)
        who = "" if cohort is None else f", patient {patient}"
        results = []
        for arm, model, document in zip(prepared, models, documents, strict=True):
            look = progress if len(models_of) == 1 else go_on
            try:
                results.append(execute(model, {**document, "cuts": cuts, "split": split}, arm.scenario, look))
            except SimulationError as error:
                error.args = (f"the arm {arm.name!r}{who}: {error}",)
                raise
        return results

    if len(models_of) == 1:
        found = [run(0)]
    else:
        found, pool = [], ThreadPoolExecutor(threads)
        try:
            with Progress(progress, len(models_of), "patients") as bar:
                for done in pool.map(run, range(len(models_of))):
                    found.append(done)
                    if bar.update is not None:
                        bar.update(len(found))
        except BaseException:
            # Ctrl-C comes to this thread alone, which stops the others.
            over.set()
            raise
        finally:
            pool.shutdown(cancel_futures=True)
    results = {arm.name: [each[i] for each in found] for i, arm in enumerate(prepared)}
    return Trial(results, float(prepared[0].settings["until"]), seed, cohort)


def _patients(arms: Sequence[_Arm], cohort: Cohort) -> list[list[Model]]:
    """Return the models of each patient's arms: so that a fault in one shows before any is run."""
    found = []
    for patient in range(cohort.patients):
        try:
            found.append([arm.model.with_params(cohort.values(patient)) for arm in arms])
        except ModelError as error:
            raise ModelError(f"patient {patient} of the cohort: {error}") from error
    return found


def _arm(name: str, scenario: Scenario) -> _Arm:
    from senescape.scenarios.scenario import Scenario

    if not isinstance(scenario, Scenario):
        raise ModelError(f"the arm {name!r} is {scenario!r}; an arm is a sn.Scenario, such as sn.load gives")
    settings = scenario.settings()
    if settings["relapse"] is None:
        raise ModelError(
            f"the arm {name!r} has no relapse rule, so its time of relapse is not known: give relapse = {{ above = 10000 }}"
        )
    rule: Relapse = settings["relapse"]
    if settings["max_cells"] is not None and rule.fates is None and rule.above >= settings["max_cells"]:
        raise ModelError(
            f"the arm {name!r} has max_cells = {settings['max_cells']}, so that no tumour gets to relapse.above = "
            f"{rule.above:g}; raise max_cells"
        )
    return _Arm(name, scenario, scenario.model, settings)


def _go_together(arms: Sequence[_Arm]) -> None:
    first = arms[0]
    for arm in arms[1:]:
        for what in ("until", "sync", "initial"):
            if arm.settings[what] != first.settings[what]:
                raise ModelError(
                    f"the arms {first.name!r} and {arm.name!r} have {what} = {first.settings[what]!r} and "
                    f"{arm.settings[what]!r}; arms of a trial share it"
                )
        ours, theirs = ((each.settings["relapse"].above, each.settings["relapse"].fates) for each in (first, arm))
        if ours != theirs:
            raise ModelError(
                f"the arms {first.name!r} and {arm.name!r} relapse above {ours[0]:g} and {theirs[0]:g} cells of "
                f"{ours[1] or 'all fates'} and {theirs[1] or 'all fates'}; arms of a trial share what is a relapse"
            )


def shared_times(arms: Sequence[_Arm], documents: Sequence[Mapping[str, Any]]) -> tuple[list[float], float | None]:
    """Return the times at which all arms end an epoch, and the first at which treatments differ; None if they never do."""
    cuts: set[float] = set()
    given = []
    for arm, document in zip(arms, documents, strict=True):
        cuts.update(document["observe"], document["visits"])
        doses: Counter[tuple[Any, ...]] = Counter()
        for dose in document["doses"]:
            cuts.update((dose["at"], dose["at"] + (dose["duration"] or 0.0)))
            drug = arm.model.drugs[dose["drug"]].name
            doses[drug, dose["at"], dose["amount"], dose["route"], dose["duration"]] += 1
        given.append(doses)
    common = given[0].copy()
    for doses in given[1:]:
        common &= doses
    times = [dose[1] for doses in given for dose in doses - common]
    # What is decided at visits is not known before the first of them.
    times += [document["visits"][0] for document in documents if document["visits"]]
    return sorted(cuts), min(times, default=None)
