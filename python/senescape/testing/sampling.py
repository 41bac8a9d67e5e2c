"""Points and boxes at which a rule is tried."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from senescape import _core
from senescape._support.suggest import did_you_mean
from senescape.errors import ModelError
from senescape.rules.arrays import Cells, Environment
from senescape.rules.graph import GraphBuilder
from senescape.rules.inputs import Reads
from senescape.rules.rule import Rule

__all__ = ["Program", "draw_columns", "ranges_of"]

Column = NDArray[np.float32]

RANGES: dict[str, tuple[float, float]] = {
    "trait": (1e-3, 10.0),
    "age": (0.0, 1000.0),
    "time": (0.0, 5000.0),
    "mark": (0.0, 1.0),
    "drug": (0.0, 10.0),
    "pool": (0.0, 10.0),
    "count": (0.0, 1e5),
    "sum": (0.0, 1e5),
    "mean": (1e-3, 10.0),
}
"""Where inputs lie if a test does not say."""


def _kind(which: Any) -> str:
    return which if isinstance(which, str) else str(next(iter(which)))


def ranges_of(reads: Reads, given: Mapping[str, tuple[float, float]] | None) -> dict[str, tuple[float, float]]:
    """Find the range of each input.

    Parameters
    ----------
    reads : Reads
        What the rule reads.
    given : mapping of str to (float, float), optional
        Ranges instead of the usual ones, by how the rule writes an input (``"cell.bcl_xl"``) or by name (``"bcl_xl"``).

    Raises
    ------
    ModelError
        If a name is unknown or a range empty.
    """
    inputs = reads.inputs()
    out = {label: RANGES[_kind(which)] for label, which in inputs.items()}
    for name, (low, high) in (given or {}).items():
        found = [label for label in inputs if name == label or _short(label) == name]
        if not found:
            raise ModelError(f"ranges names {name!r}, which the rule does not read{did_you_mean(name, inputs)}")
        if not low <= high:
            raise ModelError(f"the range of {name!r} is ({low:g}, {high:g}); it must not be empty")
        out.update(dict.fromkeys(found, (low, high)))
    return out


def _short(label: str) -> str:
    return label.split("'")[1] if label.endswith("]") else label.rpartition(".")[2]


def draw_columns(
    reads: Reads, ranges: Mapping[str, tuple[float, float]], n: int, rng: np.random.Generator
) -> dict[str, Column]:
    """Draw points: ends of ranges, uniform values and, where a range is not negative, values of every magnitude."""
    columns: dict[str, Column] = {}
    for label, which in reads.inputs().items():
        low, high = ranges[label]
        if _kind(which) == "mark":
            columns[label] = rng.integers(0, 2, n).astype(np.float32)
            continue
        uniform = rng.uniform(low, high, n)
        small = max(low, high * 1e-6)
        magnitudes = np.exp(rng.uniform(np.log(small), np.log(high), n)) if low >= 0 < high else uniform
        pick = rng.choice(4, n, p=[0.1, 0.1, 0.4, 0.4])
        drawn = np.choose(pick, [np.full(n, low), np.full(n, high), uniform, magnitudes])
        columns[label] = np.clip(drawn.astype(np.float32), np.float32(low), np.float32(high))
    return columns


class Program:
    """A rule compiled by the engine, and the same rule on arrays.

    Parameters
    ----------
    rule : Rule
        The rule.
    reads : Reads
        What it reads.
    """

    def __init__(self, rule: Rule, reads: Reads) -> None:
        self.rule, self.reads = rule, reads
        graph = GraphBuilder(rule.params)
        self._root = graph.add(reads.value)
        self._nodes = json.dumps(graph.nodes)
        self._params = [param.value for param in rule.params.values()]
        self._inputs = reads.inputs()

    def values(self, columns: Mapping[str, Column], n: int) -> Column:
        """Return what the engine computes at `n` points."""
        return np.broadcast_to(self._run(_core.evaluate, columns)[0], (n,))

    def bounds(self, low: Mapping[str, Column], high: Mapping[str, Column], n: int) -> tuple[Column, Column]:
        """Return what the engine bounds the rule by over `n` boxes."""
        ends = self._run(_core.enclose, low, high)[0]
        return np.broadcast_to(ends[0], (n,)), np.broadcast_to(ends[1], (n,))

    def differs(self, columns: Mapping[str, Column], n: int) -> tuple[NDArray[np.bool_], NDArray[Any], NDArray[Any]]:
        """Return where the rule differs traced and on arrays by more than rounding; and both values.

        Rounding may take a comparison, np.floor or np.sign to the other side. So values are held against what the engine
        finds possible in a box a little larger than the point: both sides, where a step is as near as rounding reaches. The
        engine computes in single precision; a step that only double precision sees does not count.
        """
        double, single = (self.on_arrays(columns, n, dtype) for dtype in (np.float64, np.float32))
        traced = self.values(columns, n).astype(np.float64)
        reach = {label: 1e-5 * np.abs(column) for label, column in columns.items()}
        low = {label: (column - reach[label]).astype(np.float32) for label, column in columns.items()}
        high = {label: (column + reach[label]).astype(np.float32) for label, column in columns.items()}
        for label in columns:
            if label.startswith("cell.mark"):
                low[label] = high[label] = columns[label]
        lower, upper = (ends.astype(np.float64) for ends in self.bounds(low, high, n))
        # NaN as an end says that the value may be undefined there: nothing is known.
        lower, upper = np.nan_to_num(lower, nan=-np.inf), np.nan_to_num(upper, nan=np.inf)
        size = np.abs(double)
        room = 1e-4 * size + 1e-6 * size[np.isfinite(size)].max(initial=0.0)
        with np.errstate(invalid="ignore"):
            within = [(lower - room <= value) & (value <= upper + room) for value in (double, single)]
        return ~((within[0] | within[1]) & (lower <= traced) & (traced <= upper)), traced, double

    def _run(self, function: Any, *columns: Mapping[str, Column]) -> Any:
        inputs = json.dumps(list(self._inputs.values()))
        given = [[np.ascontiguousarray(each[label]) for label in self._inputs] for each in columns]
        return function(self._nodes, [self._root], self._params, inputs, *given)

    def on_arrays(self, columns: Mapping[str, Column], n: int, dtype: DTypeLike) -> NDArray[Any]:
        """Return what the function itself gives for arrays."""
        cell, env = self.arguments(columns, dtype)
        with np.errstate(all="ignore"):
            return np.broadcast_to(self.rule.evaluate(cell, env), (n,)).astype(np.float64)

    def arguments(self, columns: Mapping[str, Column], dtype: DTypeLike) -> tuple[Cells, Environment]:
        """Return the cells and the environment of some points."""
        found: dict[str, dict[str, Any]] = {kind: {} for kind in ("trait", "mark", "drug", "pool", "count")}
        over: dict[str, dict[str, dict[str, Any]]] = {"sum": {}, "mean": {}}
        reads = self.reads
        lists = {
            "trait": reads.traits,
            "mark": reads.marks,
            "drug": reads.drugs,
            "pool": reads.pools,
            "count": reads.fates,
        }
        for label, which in self._inputs.items():
            if isinstance(which, str):
                continue
            ((kind, index),) = which.items()
            if kind in over:
                over[kind].setdefault(reads.fates[index["fate"]], {})[reads.traits[index["of"]]] = columns[label]
            else:
                found[kind][lists[kind][index]] = columns[label]
        signals = {name: found["trait"].pop(name) for name in reads.signals if name in found["trait"]}
        cell = Cells(found["trait"], columns.get("cell.age", 0.0), found["mark"], signals, dtype=dtype)
        env = Environment(
            columns.get("env.time", 0.0), found["drug"], found["pool"], found["count"], over["sum"], over["mean"], dtype
        )
        return cell, env
