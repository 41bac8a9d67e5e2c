"""Look at the cells of running tumours."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from senescape._support.validate import moments, numbers, positive
from senescape.errors import ModelError
from senescape.plugins.hookspecs import hookimpl
from senescape.plugins.registry import registered
from senescape.results.table import Table
from senescape.scenarios.scenario import Scenario
from senescape.simulation.simulate import load_hint, simulate

if TYPE_CHECKING:
    from senescape.model.visits import Visit

__all__ = ["long_table", "scenario_given", "watch"]

T = TypeVar("T")
_NUMBERS = itertools.count()


def watch(
    scenario: Scenario,
    times: Sequence[float],
    look: Callable[[Visit], T],
    **settings: Any,
) -> list[list[T | None]]:
    """Run a scenario and look at its cells on the way.

    Parameters
    ----------
    scenario : Scenario
        What to run, without visits of its own.
    times : sequence of float
        When to look (h).
    look : callable
        Takes a :class:`senescape.Visit`; what it returns is kept. Columns of the visit end with it: keep copies.
    **settings
        As for :func:`senescape.simulate`: ``replicates``, ``seed``, ``threads``, ...

    Returns
    -------
    list of list
        What was seen, by replicate and time; None where a tumour had ended before.

    Raises
    ------
    ModelError
        If the scenario has visits, at which looking would make its plugins act, or a time lies before the start or not before the
        horizon.

    Examples
    --------
    >>> import senescape as sn
    >>> scenario = sn.Scenario(initial={"cycling": 100}, until=48.0)
    >>> sn.experiments.watch(scenario, [0.0], lambda visit: visit.counts["cycling"], seed=1)
    [[100]]
    """
    scenario = scenario_given(scenario, "watch")
    if not callable(look):
        raise ModelError(f"watch(look={look!r}) is nothing that can be called with a visit")
    if scenario.visits is not None:
        raise ModelError(
            "the scenario has visits, at which its plugins act; looking at other times would make them act then: "
            "look in a plugin of your own (senescape_visit)"
        )
    if "visits" in settings:
        raise ModelError("watch(visits=...): visits are the times at which is looked; give them as times")
    asked = numbers(times, "times", "times (h)").ravel().tolist()
    looks = moments(asked, "times", positive(settings.get("until", scenario.until), "until", "the horizon in hours"))
    seen: dict[tuple[int, float], T] = {}

    class Watch:
        @hookimpl
        def senescape_visit(self, visit: Visit) -> None:
            seen[visit.replicate, looks[visit.number]] = look(visit)

    with registered(f"senescape-watch-{next(_NUMBERS)}", Watch()) as name:
        watched = scenario.model_copy(update={"plugins": (*scenario.plugins, name), "visits": tuple(looks)})
        result = simulate(watched, **{"progress": False, **settings})
    return [[seen.get((number, time)) for time in asked] for number in result.replicate.tolist()]


def scenario_given(given: Any, call: str) -> Scenario:
    """Return a scenario, if that is what was given; `call` names the caller in messages."""
    if isinstance(given, Scenario):
        return given
    raise ModelError(f"{call}: {given!r:.80} is no sn.Scenario{load_hint(given)}")


def long_table(
    times: Sequence[float], seen: Sequence[Sequence[Sequence[dict[str, Any]] | None]], columns: Sequence[str]
) -> Table:
    """Return one row for each of what was seen: ``replicate``, ``time`` and `columns`; tumours that had ended have no rows."""
    rows = [
        {"replicate": number, "time": time, **row}
        for number, replicate in enumerate(seen)
        for time, found in zip(numbers(times, "times", "times (h)").ravel(), replicate, strict=True)
        for row in found or ()
    ]
    return Table({name: np.array([row[name] for row in rows]) for name in ("replicate", "time", *columns)})
