"""Where the time of a run went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["Cost", "Profile", "profile_of"]


@dataclass(frozen=True, slots=True)
class Cost:
    """What one thing cost.

    Attributes
    ----------
    what : str
        A transition's name, ``"flows"``, ``"visits"`` or ``"engine"`` (draws, choices, tables, pools and read-outs).
    fate : str
        The fate of the cells, if it is about one.
    path : str
        ``"compiled"``, ``"slow path"`` (called in Python, ``traced=False``) or ``"engine"``.
    cells : int
        Cells that it was computed for, each as often as it was.
    seconds : float
        Seconds of all threads together.
    """

    what: str
    fate: str
    path: str
    cells: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Profile:
    """Where the time of a run went, the dearest first.

    Slow rules and visits are timed whole. Of compiled work one call in sixteen is timed, and the time of a fate's hazards, which
    run as one program, is shared out by the operations of each: an operation that several need counts for each in part.

    Attributes
    ----------
    costs : tuple of Cost
        What each thing cost.
    seconds : float
        Seconds of all replicates, over all threads.
    """

    costs: tuple[Cost, ...]
    seconds: float

    def __str__(self) -> str:
        rows = [("what", "fate", "path", "cells", "seconds", "share")]
        for cost in self.costs:
            share = cost.seconds / self.seconds if self.seconds else 0.0
            rows.append((cost.what, cost.fate, cost.path, f"{cost.cells:,}", f"{cost.seconds:.4f}", f"{share:.1%}"))
        rows.append(("all", "", "", "", f"{self.seconds:.4f}", ""))
        widths = [max(len(row[i]) for row in rows) for i in range(6)]
        lines = []
        for row in rows:
            left = [text.ljust(width) for text, width in zip(row[:3], widths[:3], strict=True)]
            right = [text.rjust(width) for text, width in zip(row[3:], widths[3:], strict=True)]
            lines.append("  ".join([*left, *right]).rstrip())
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """Write it as numbers, texts, lists and dicts."""
        return {"costs": [asdict(cost) for cost in self.costs], "seconds": self.seconds}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Profile:
        """Read what :meth:`to_json` wrote."""
        costs = tuple(Cost(**cost) for cost in data["costs"])
        for cost in costs:
            texts = isinstance(cost.what, str) and isinstance(cost.fate, str) and isinstance(cost.path, str)
            if not (texts and isinstance(cost.cells, int) and isinstance(cost.seconds, float | int)):
                raise ValueError(f"a cost is not valid: {cost!r:.200}")
        return cls(costs, float(data["seconds"]))


def profile_of(document: Mapping[str, Any], parts: Sequence[float], raw: Mapping[str, Any]) -> Profile:
    """Make a profile of what the engine measured.

    Parameters
    ----------
    document : mapping
        The model's document.
    parts : sequence of float
        What :func:`shares` gives.
    raw : mapping
        The engine's figures: (calls, cells, seconds) by kind of work.

    Returns
    -------
    Profile
    """
    fates = document["fates"]
    total = raw["replicates"][2]
    # Compiled work is measured on samples: a pause of the machine within one would count for many.
    left = max(0.0, total - sum(seconds for *_, seconds in (*raw["slow"], raw["visits"])))
    sampled = sum(work[2] for kind in ("values", "bounds", "flows") for work in raw[kind])
    share = left / sampled if sampled > left else 1.0
    costs = []
    for part, t in zip(parts, document["transitions"], strict=True):
        work = [raw[kind][t["source"]] for kind in ("values", "bounds")]
        cells, seconds = sum(w[1] for w in work), share * part * sum(w[2] for w in work)
        costs.append(Cost(t["name"], fates[t["source"]], "compiled", cells, seconds))
    for fate, (_, cells, seconds) in zip(fates, raw["flows"], strict=True):
        costs.append(Cost("flows", fate, "compiled", cells, share * seconds))
    for slow, (_, cells, seconds) in zip(document["slow"], raw["slow"], strict=True):
        costs.append(Cost(slow["name"], "+".join(fates[f] for f in slow["fates"]), "slow path", cells, seconds))
    _, seen, visiting = raw["visits"]
    costs.append(Cost("visits", "", "slow path", seen, visiting))
    rest = max(0.0, total - sum(cost.seconds for cost in costs))
    costs.append(Cost("engine", "", "engine", raw["replicates"][1], rest))
    kept = [cost for cost in costs if cost.cells]
    return Profile(tuple(sorted(kept, key=lambda cost: -cost.seconds)), total)
