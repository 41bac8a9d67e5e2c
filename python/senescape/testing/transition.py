"""Whether a transition shows in the ledger as its kind says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from senescape.model.distributions import Uniform
from senescape.model.drugs import Drug, Pulse
from senescape.model.model import Model
from senescape.model.pools import Pool
from senescape.model.signals import Signal
from senescape.model.traits import Trait
from senescape.model.transitions import Transition
from senescape.results.result import Result
from senescape.rules.inputs import Reads
from senescape.simulation.simulate import simulate

__all__ = ["check_effect"]

_CELLS = 2000
_LONGEST = 2.4e6
"""Hours after which an event that has not happened is said never to happen."""


def check_effect(
    t: Transition,
    reads: Reads | None,
    ranges: Mapping[str, tuple[float, float]],
    name: str,
    failure: type[AssertionError],
) -> None:
    """Run cells with this transition alone, and look at counts and ledger.

    Parameters
    ----------
    t : Transition
        The transition.
    reads : Reads or None
        What its hazard reads; None if it is constant.
    ranges : mapping of str to (float, float)
        The range of each input.
    name : str
        What messages call it.
    failure : type
        What is raised.
    """
    source = t.source[0]
    result = _first_events(t, reads, ranges, marked=False)
    if result is None and reads is not None and reads.marks:
        # Cells start without marks; the rule may wait for one.
        result = _first_events(t, reads, ranges, marked=True)
    if result is None:
        raise failure(
            f"{name} never happened to {_CELLS:,} cells in {_LONGEST:g} h with every drug at the top of its range\n"
            "  fix: look at the units of its parameters, or state the ranges of inputs: ranges={...}"
        )
    ledger = result.ledger
    if t.kind == "death" and t.cause is not None and ledger.deaths.get(t.cause, 0) != ledger.died:
        raise failure(f"{name} is a death by {t.cause!r}, but the ledger says {ledger.deaths}")
    if t.kind == "move" and t.target not in (None, source):
        final = dict(zip(result.layout.fates, result.counts[0, -1], strict=True))
        if final[t.target or source] == 0:
            raise failure(f"{name} leads to {t.target!r}, but no cell arrived there: {final}")
    if t.kind == "division" and ledger.born == 0:
        raise failure(f"{name} is a division, but no cell was born")


def _first_events(
    t: Transition, reads: Reads | None, ranges: Mapping[str, tuple[float, float]], marked: bool
) -> Result | None:
    """Return a run in which the transition happens; a rare one is given the time that it needs. None if it never does.

    From a short one on: of a fast division within a long epoch nothing is seen but that it runs away.
    """
    model, pulses = _surroundings(t, reads, ranges, marked)
    horizon = 0.0024
    while True:
        result = simulate(
            model,
            initial={t.source[0]: _CELLS},
            doses=[Pulse(p.drug, p.concentration, 0.0, horizon) for p in pulses],
            until=horizon,
            every=horizon,
            sync=horizon / 10,
            max_cells=50 * _CELLS,
            seed=1,
            threads=1,
        )
        if np.isfinite(result.first_event[0, 0]):
            return result
        if horizon >= _LONGEST:
            return None
        horizon *= 10


def _surroundings(
    t: Transition, reads: Reads | None, ranges: Mapping[str, tuple[float, float]], marked: bool
) -> tuple[Model, list[Pulse]]:
    """Return the smallest model that the transition can stand in, with traits, pools and drugs within their ranges.

    The transition is its first; where cells are to be marked, a second raises all marks that the rule reads.
    """
    source = t.source[0]
    fates = dict.fromkeys([source, *([t.target] if t.target else []), *(reads.fates if reads else [])])
    traits = dict.fromkeys([*(reads.traits if reads else []), *t.set])
    signals = reads.signals if reads else []

    def within(label: str, default: tuple[float, float] = (1e-3, 10.0)) -> tuple[float, float]:
        return ranges.get(label, default)

    return Model(
        fates=list(fates),
        traits=[Trait(name, Uniform(*_apart(within(f"cell.{name}")))) for name in traits if name not in signals],
        drugs=[Drug(name) for name in (reads.drugs if reads else [])],
        pools=[
            Pool(name, initial=float(np.mean(within(f"env.pool[{name!r}]", (0.0, 10.0)))))
            for name in (reads.pools if reads else [])
        ],
        signals=[Signal(name, float(np.mean(within(f"cell.signal[{name!r}]")))) for name in signals],
        marks=reads.marks if reads else [],
        transitions=[
            t._with(source=(source,)),
            *([_raising(reads.marks, source)] if marked and reads else []),
        ],
    ), [
        Pulse(name, within(f"env.drug[{name!r}]", (0.0, 10.0))[1], 0.0, 24.0) for name in (reads.drugs if reads else [])
    ]


def _raising(marks: Sequence[str], source: str) -> Transition:
    """Return what marks every cell once, within hours."""

    def unmarked(cell: Any, env: Any, p: Any) -> Any:
        return np.where(cell.mark[marks[0]], 0.0, 1.0)

    return Transition("marks", source, source, unmarked, mark=marks)


def _apart(ends: tuple[float, float]) -> tuple[float, float]:
    """Refuse a uniform distribution without two ends."""
    low, high = ends
    return (low, high) if low < high else (low, float(np.nextafter(np.float32(low), np.float32(np.inf))))
