"""The barrier ledger: what each barrier let through, and what stopped the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["BarrierRow", "Ledger", "TransitionInfo"]


@dataclass(frozen=True, slots=True)
class TransitionInfo:
    """What the ledger needs to know of a transition.

    Attributes
    ----------
    name : str
        Its name.
    source : str
        The fate it leaves.
    kind : str
        ``"move"``, ``"death"`` or ``"division"``.
    target : str or None
        The fate it leads to (also of daughters); None for a death.
    cause : str or None
        The cause of a death.
    barrier : str or None
        The barrier it belongs to.
    """

    name: str
    source: str
    kind: str
    target: str | None
    cause: str | None
    barrier: str | None


@dataclass(frozen=True, slots=True)
class BarrierRow:
    """The account of one barrier, summed over replicates.

    A cell *meets* a barrier when it starts, is born or arrives in a fate that a transition of the barrier leaves from.
    It is then *removed* by a death of this barrier, *lost elsewhere* to another death, gets *through* by
    leaving those fates alive, or is *held* there at the end. The five always close:
    ``met == sum(removed) + elsewhere + through + held``.
    """

    barrier: str
    met: int
    removed: dict[str, int]
    elsewhere: int
    through: int
    held: int

    @property
    def closes(self) -> bool:
        """Return whether every cell that met the barrier is accounted for."""
        return self.met == sum(self.removed.values()) + self.elsewhere + self.through + self.held


@dataclass(frozen=True, slots=True)
class Ledger:
    """Counts of cells in, removed (by cause) and through, for each barrier; and the account of the whole tumour.

    Attributes
    ----------
    rows : tuple of BarrierRow
        One a barrier, in the model's order.
    started, born, died, alive : int
        The whole tumour: ``started + born == died + alive``. A division takes one cell and gives two, so it
        adds one birth.
    deaths : dict of str to int
        Deaths by cause, of any barrier or none.
    """

    rows: tuple[BarrierRow, ...]
    started: int
    born: int
    died: int
    alive: int
    deaths: dict[str, int]

    @classmethod
    def from_counts(
        cls,
        transitions: Sequence[TransitionInfo],
        fates: Sequence[str],
        barriers: Sequence[str],
        causes: Sequence[str],
        initial: NDArray[np.int64],
        events: NDArray[np.int64],
        final: NDArray[np.int64],
    ) -> Ledger:
        """Build the ledger from counts of events.

        Parameters
        ----------
        transitions : sequence of TransitionInfo
            One for each column of `events`.
        fates, barriers, causes : sequence of str
            Names in the model's order.
        initial, final : ndarray of int64, shape (fate,)
            Cells at the start and at the end.
        events : ndarray of int64, shape (transition,)
            Events of each transition.
        """
        start = dict(zip(fates, (int(n) for n in initial), strict=True))
        end = dict(zip(fates, (int(n) for n in final), strict=True))
        count = [int(n) for n in events]
        pairs = list(zip(transitions, count, strict=True))
        rows = tuple(_row(barrier, pairs, start, end) for barrier in barriers)
        deaths = {cause: sum(n for t, n in pairs if t.kind == "death" and t.cause == cause) for cause in causes}
        return cls(
            rows=rows,
            started=sum(start.values()),
            born=sum(n for t, n in pairs if t.kind == "division"),
            died=sum(deaths.values()),
            alive=sum(end.values()),
            deaths=deaths,
        )

    @property
    def closes(self) -> bool:
        """Return whether starts + births = alive + deaths, and every barrier's account closes."""
        return self.started + self.born == self.died + self.alive and all(row.closes for row in self.rows)

    def __getitem__(self, barrier: str) -> BarrierRow:
        for row in self.rows:
            if row.barrier == barrier:
                return row
        known = ", ".join(row.barrier for row in self.rows) or "none"
        raise KeyError(f"no barrier {barrier!r}; the model has: {known}")

    def __str__(self) -> str:
        head = ("barrier", "met", "removed", "elsewhere", "held", "through", "removed by")
        table: list[tuple[str, ...]] = [head]
        for row in self.rows:
            removed = sum(row.removed.values())
            by = ", ".join(f"{cause} {n:,}" for cause, n in row.removed.items() if n) or "-"
            numbers = (row.met, removed, row.elsewhere, row.held, row.through)
            table.append((row.barrier, *(f"{n:,}" for n in numbers), by))
        width = [max(len(line[i]) for line in table) for i in range(len(head))]
        lines = []
        for line in table:
            cells = [
                line[0].ljust(width[0]),
                *(c.rjust(w) for c, w in zip(line[1:-1], width[1:-1], strict=True)),
                line[-1],
            ]
            lines.append("  ".join(cells).rstrip())
        lines.append(
            f"all cells: {self.started:,} at the start + {self.born:,} born = {self.alive:,} alive + {self.died:,} dead"
        )
        return "\n".join(lines)


def _row(
    barrier: str, pairs: Sequence[tuple[TransitionInfo, int]], start: dict[str, int], end: dict[str, int]
) -> BarrierRow:
    inside = {t.source for t, _ in pairs if t.barrier == barrier}
    met = sum(start[fate] for fate in inside)
    through = elsewhere = 0
    removed: dict[str, int] = {}
    for t, n in pairs:
        leaves, arrives = t.source in inside, t.target in inside
        if t.kind == "death":
            if t.barrier == barrier and t.cause is not None:
                removed[t.cause] = removed.get(t.cause, 0) + n
            elif leaves:
                elsewhere += n
        elif t.kind == "move":
            met += n if arrives and not leaves else 0
            through += n if leaves and not arrives else 0
        elif arrives:
            # A division inside the barrier adds one cell to it; one that leads into it adds two.
            met += n if leaves else 2 * n
        elif leaves:
            through += n
    return BarrierRow(barrier, met, removed, elsewhere, through, sum(end[fate] for fate in inside))
