"""Evaluate the nodes of a model's document with NumPy: what tests and the reference simulator hold the engine against."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from senescape.rules.operations import UFUNCS

__all__ = ["evaluate", "reader"]


def evaluate(
    nodes: Sequence[Mapping[str, Any]],
    roots: Sequence[int],
    read: Callable[[Any], ArrayLike],
    params: Sequence[float] = (),
    dtype: DTypeLike = np.float64,
) -> list[NDArray[Any]]:
    """Evaluate nodes of a graph on arrays.

    Parameters
    ----------
    nodes : sequence of mapping
        ``document["nodes"]``: each node uses earlier ones only.
    roots : sequence of int
        The nodes whose values are wanted.
    read : callable
        Gives the values of an input: ``"age"``, ``"time"``, ``{"trait": 0}``, ``{"mean": {"fate": 0, "of": 1}}``. See
        :func:`reader`.
    params : sequence of float
        Parameter values in the order of the document.
    dtype : dtype
        Precision of every step, ``float64`` or ``float32``.

    Returns
    -------
    list of ndarray
        One for each root, broadcast to no common shape. Conditions are 0 or 1.

    Examples
    --------
    >>> nodes = [{"op": "input", "input": "age"}, {"op": "unary", "f": "square", "x": 0}]
    >>> evaluate(nodes, [1], lambda which: [1.0, 3.0])[0].tolist()
    [1.0, 9.0]
    """
    kind = np.dtype(dtype)
    values: dict[int, NDArray[Any]] = {}
    # What a root needs has smaller numbers than the root: one pass down finds it, one pass up computes it.
    needed = set(roots)
    for i in range(max(roots, default=-1), -1, -1):
        if i in needed:
            needed.update(nodes[i][key] for key in ("c", "x", "y") if key in nodes[i])
    with np.errstate(all="ignore"):
        for i in sorted(needed):
            values[i] = np.asarray(_value(nodes[i], values, read, params)).astype(kind)
    return [values[root] for root in roots]


def _value(
    node: Mapping[str, Any],
    values: Mapping[int, NDArray[Any]],
    read: Callable[[Any], ArrayLike],
    params: Sequence[float],
) -> ArrayLike:
    match node["op"]:
        case "const":
            return float(node["value"])
        case "param":
            return float(params[node["index"]])
        case "input":
            return read(node["input"])
        case "unary":
            return np.asarray(UFUNCS[node["f"]](values[node["x"]]))
        case "binary":
            return np.asarray(UFUNCS[node["f"]](values[node["x"]], values[node["y"]]))
    return np.where(values[node["c"]] != 0, values[node["x"]], values[node["y"]])


def reader(document: Mapping[str, Any], cell: Any, env: Any) -> Callable[[Any], ArrayLike]:
    """Give the inputs of a document's nodes from cells and an environment.

    Parameters
    ----------
    document : mapping
        The model's document.
    cell, env : object
        As rules get them: :class:`senescape.rules.arrays.Cells` and :class:`senescape.rules.arrays.Environment`.

    Returns
    -------
    callable
        For `read` of :func:`evaluate`.
    """
    traits = [trait["name"] for trait in document["traits"]]
    lists = {
        "mark": document["marks"],
        "drug": [drug["name"] for drug in document["drugs"]],
        "pool": [pool["name"] for pool in document["pools"]],
        "count": document["fates"],
    }

    def read(which: Any) -> Any:
        if which == "age":
            return cell.age
        if which == "time":
            return env.time
        ((kind, index),) = which.items()
        if kind == "slow":
            return cell.slow[index]
        if kind == "trait":
            return getattr(cell, traits[index])
        if kind in ("sum", "mean"):
            return getattr(getattr(env, kind)[document["fates"][index["fate"]]], traits[index["of"]])
        return getattr(cell if kind == "mark" else env, kind)[lists[kind][index]]

    return read
