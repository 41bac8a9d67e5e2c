"""Names along the axes of results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from senescape.results.ledger import TransitionInfo

__all__ = ["Layout", "layout_from_json", "layout_of", "layout_to_json"]


@dataclass(frozen=True, slots=True)
class Layout:
    """Names along the axes of a result's arrays.

    Attributes
    ----------
    fates, barriers, causes, drugs, pools, observables : tuple of str
        Names in the model's order.
    transitions : tuple of TransitionInfo
        One for each column of ``events``.
    units : dict of str to str
        Units of drugs, pools and observables by name.
    initial : tuple of int
        Cells in each fate at the start.
    """

    fates: tuple[str, ...]
    barriers: tuple[str, ...]
    causes: tuple[str, ...]
    drugs: tuple[str, ...]
    pools: tuple[str, ...]
    observables: tuple[str, ...]
    transitions: tuple[TransitionInfo, ...]
    units: dict[str, str]
    initial: tuple[int, ...]


def layout_of(document: Mapping[str, Any], initial: Sequence[int], units: Mapping[str, str]) -> Layout:
    """Name what lies along the axes of the results of a model that is written as a document."""
    fates, causes, barriers = document["fates"], document["causes"], document["barriers"]
    transitions = []
    for t in document["transitions"]:
        # A division without a target keeps the mother's fate.
        target = t["target"] if t["kind"] != "division" or t["target"] is not None else t["source"]
        transitions.append(
            TransitionInfo(
                name=t["name"],
                source=fates[t["source"]],
                kind=t["kind"],
                target=None if target is None else fates[target],
                cause=None if t["cause"] is None else causes[t["cause"]],
                barrier=None if t["barrier"] is None else barriers[t["barrier"]],
            )
        )

    def names(kind: str) -> tuple[str, ...]:
        return tuple(each["name"] for each in document[kind])

    return Layout(
        fates=tuple(fates),
        barriers=tuple(barriers),
        causes=tuple(causes),
        drugs=names("drugs"),
        pools=names("pools"),
        observables=names("observables"),
        transitions=tuple(transitions),
        units=dict(units),
        initial=tuple(initial),
    )


def layout_to_json(layout: Layout) -> dict[str, Any]:
    """Write a layout as texts, lists and dicts."""
    names = ("fates", "barriers", "causes", "drugs", "pools", "observables", "units", "initial")
    out: dict[str, Any] = {name: getattr(layout, name) for name in names}
    fields = ("name", "source", "kind", "target", "cause", "barrier")
    out["transitions"] = [[getattr(t, field) for field in fields] for t in layout.transitions]
    return out


def layout_from_json(data: Mapping[str, Any]) -> Layout:
    """Read what :func:`layout_to_json` wrote."""
    for row in data["transitions"]:
        _texts(each for each in row if each is not None)
    layout = Layout(
        fates=_texts(data["fates"]),
        barriers=_texts(data["barriers"]),
        causes=_texts(data["causes"]),
        drugs=_texts(data["drugs"]),
        pools=_texts(data["pools"]),
        observables=_texts(data["observables"]),
        transitions=tuple(TransitionInfo(*row) for row in data["transitions"]),
        units=dict(zip(_texts(data["units"]), _texts(data["units"].values()), strict=True)),
        initial=tuple(int(n) for n in data["initial"]),
    )
    _check(layout)
    return layout


def _check(layout: Layout) -> None:
    """Refuse names that stand for nothing."""
    if len(layout.initial) != len(layout.fates) or not all(0 <= n < 2**32 for n in layout.initial):
        raise ValueError(f"the cells at the start are not valid: {layout.initial!r:.200}")
    for t in layout.transitions:
        known = [
            t.source in layout.fates,
            t.kind in ("move", "death", "division"),
            t.target is None if t.kind == "death" else t.target in layout.fates,
            t.cause is None or (t.kind == "death" and t.cause in layout.causes),
            t.barrier is None or t.barrier in layout.barriers,
        ]
        if not all(known):
            raise ValueError(f"a transition is not valid: {t!r:.200}")


def _texts(values: Iterable[Any]) -> tuple[str, ...]:
    out = tuple(values)
    if not all(isinstance(each, str) for each in out):
        raise ValueError(f"a name is not a text: {out!r:.200}")
    return out
