"""How the work of a fate's hazards is shared out among its transitions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from senescape.rules.operations import cost_of

__all__ = ["shares"]


def shares(document: Mapping[str, Any]) -> list[float]:
    """Return how much of the work of its fate's hazards falls to each transition, by the operations of its rule.

    Parameters
    ----------
    document : mapping
        The model's document.

    Returns
    -------
    list of float
        One for each transition; those of a fate add up to 1.
    """
    nodes, transitions = document["nodes"], document["transitions"]
    weights = [0.0] * len(transitions)
    for fate in range(len(document["fates"])):
        leaving = [k for k, t in enumerate(transitions) if t["source"] == fate]
        users: dict[int, list[int]] = {}
        for k in leaving:
            for node in _reached(nodes, transitions[k]["hazard"]):
                users.setdefault(node, []).append(k)
        for node, which in users.items():
            for k in which:
                weights[k] += _work(nodes[node]) / len(which)
        total = sum(weights[k] for k in leaving)
        for k in leaving:
            weights[k] = weights[k] / total if total else 1.0 / len(leaving)
    return weights


def _reached(nodes: Sequence[Mapping[str, Any]], root: int) -> set[int]:
    reached, waiting = {root}, [root]
    while waiting:
        node = nodes[waiting.pop()]
        found = {node[key] for key in ("c", "x", "y") if key in node} - reached
        reached |= found
        waiting.extend(found)
    return reached


def _work(node: Mapping[str, Any]) -> float:
    if node["op"] in ("const", "param"):
        return 0.0
    return cost_of(node.get("f", node["op"]))
