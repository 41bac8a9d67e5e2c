"""Cells as a kept tumour holds them, and whether each descends from a founder: read here without the engine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

GOLDEN = np.uint64(0x9E37_79B9_7F4A_7C15)


@dataclass(frozen=True, slots=True)
class Living:
    """Cells alive.

    Attributes
    ----------
    keys : ndarray of uint64, shape (cells,)
        Lineage keys.
    clones : ndarray of int64, shape (cells,)
        The founder that each descends from.
    """

    keys: NDArray[np.uint64]
    clones: NDArray[np.int64]


class _Reader:
    """The few kinds of the format (postcard) that a state begins with."""

    def __init__(self, content: bytes) -> None:
        self.content, self.at = content, 0

    def whole(self) -> int:
        value = shift = 0
        while True:
            byte = self.content[self.at]
            self.at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def wholes(self) -> list[int]:
        return [self.whole() for _ in range(self.whole())]

    def fixed(self, kind: str) -> NDArray[np.generic]:
        found = np.frombuffer(self.content, np.dtype(kind), self.whole(), self.at)
        self.at += found.nbytes
        return found


def living(state: bytes) -> Living:
    """Read the cells of a state."""
    reader = _Reader(state)
    reader.whole()  # The replicate.
    reader.at += 8  # The time.
    keys: list[int] = []
    clones: list[int] = []
    for _ in range(reader.whole()):
        key, _draws, clone, _marks = (reader.wholes() for _ in range(4))
        _entered, _since, _wake, _threshold, bound, _window_end = (reader.fixed("<f8") for _ in range(6))
        reader.fixed("i1")
        for _ in range(reader.whole()):
            reader.fixed("<f4")
        reader.fixed("<f8")
        reader.whole()
        there = ~np.isnan(np.asarray(bound, dtype=np.float64))
        keys += [k for k, alive in zip(key, there, strict=True) if alive]
        clones += [c for c, alive in zip(clone, there, strict=True) if alive]
    return Living(np.array(keys, dtype=np.uint64), np.array(clones, dtype=np.int64))


def _mixed(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58_476D_1CE4_E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D0_49BB_1331_11EB)
    return z ^ (z >> np.uint64(31))


def founders(n: int) -> Living:
    """The founders of a tumour."""
    numbers = np.arange(n, dtype=np.uint64)
    return Living(_mixed((numbers + np.uint64(1)) * GOLDEN), numbers.astype(np.int64))


def daughters(keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The first daughters of all, then the second."""
    both = [
        _mixed((keys + which * np.array([GOLDEN])) ^ np.uint64(0xD1B5_4A32_D192_ED03))
        for which in np.array([1, 2], dtype=np.uint64)
    ]
    return np.concatenate(both)


def unexplained(now: Living, before: Living, deepest: int = 40, most: int = 200_000) -> str:
    """Why these cells can't all descend from those before, each in its clone and by no circle; nothing if they can.

    Generations of cells that are not there any more are followed until every cell now is met, or `most` were looked at.
    """
    order = np.argsort(now.keys)
    sought, clone_of = now.keys[order], now.clones[order]
    if (sought[1:] == sought[:-1]).any():
        return "two living cells have one lineage key"
    missing = np.ones(len(sought), dtype=bool)
    keys, clones = before.keys, before.clones
    met = [keys]
    for _ in range(deepest):
        at = np.minimum(np.searchsorted(sought, keys), len(sought) - 1)
        here = sought[at] == keys if len(sought) else np.zeros(len(keys), dtype=bool)
        if (clone_of[at[here]] != clones[here]).any():
            return "a cell is of another clone than its ancestor"
        missing[at[here]] = False
        # Who lives has no daughters; a clone of which nobody is missing needs no more looking.
        on = ~here & np.isin(clones, clone_of[missing])
        keys, clones = daughters(keys[on]), np.tile(clones[on], 2)
        if not missing.any() or sum(map(len, met)) + len(keys) > most:
            break
        met.append(keys)
    else:
        return f"{missing.sum()} cells descend from none before"
    seen = np.sort(np.concatenate(met))
    if (seen[1:] == seen[:-1]).any():
        return "a cell is among its own ancestors, or has two mothers"
    return "" if not missing.all() or not len(sought) else "no cell was met among all those descendants"
