"""Hypothesis strategies for rules, points and whole models.

A rule is drawn as the text of its formula, so that a failing example can be read and pasted. Needs the extra ``testing``.
"""

from __future__ import annotations

import linecache
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from senescape._support.optional import require
from senescape.model.distributions import Beta, LogNormal, Normal, Uniform
from senescape.model.drugs import Dose, Drug, Pulse
from senescape.model.model import Model
from senescape.model.observables import Observable
from senescape.model.pools import Pool
from senescape.model.signals import Modifier, Signal
from senescape.model.traits import Trait, ar1, copy, relax, reset, scaled
from senescape.model.transitions import Death, Division, Transition
from senescape.rules.arrays import Cells, Environment
from senescape.rules.inputs import reads_of
from senescape.rules.operations import OPERATIONS
from senescape.rules.rule import Rule
from senescape.testing.sampling import Column, draw_columns, ranges_of

if TYPE_CHECKING:
    import hypothesis.strategies as st
else:
    st = require("hypothesis.strategies", "testing")

__all__ = ["cells", "environments", "formulas", "hazards", "models", "points", "register_profiles", "rule"]

UNARY = (
    *(each.example for each in OPERATIONS if each.operands == 1),
    *("1.0 / (0.2 + np.abs({0}))", "np.clip({0}, -1.0, 2.0)", "({0}) ** 3", "np.abs({0}) ** 1.7"),
    "sn.hill(np.abs({0}), 0.7, 2)",
)
BINARY = (
    *(each.example for each in OPERATIONS if each.operands == 2),
    "np.abs({0}) / (np.abs({0}) + np.abs({1}) + 1e-3)",
)
LEAVES = ("cell.x", "cell.y", "cell.z", "cell.age / 10.0", "env.time / 50.0", "env.drug['drug']", "p.k", "0.5", "2.0")
"""What a rule may read by default."""


def rule(text: str) -> Callable[..., Any]:
    """Make a rule of the text of a formula; its source can be looked up like that of any function."""
    source = f"def rule(cell, env, p):\n    return {text}\n"
    file = f"<rule {text}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    import senescape

    namespace: dict[str, Any] = {"np": np, "sn": senescape}
    exec(compile(source, file, "exec"), namespace)
    made: Callable[..., Any] = namespace["rule"]
    return made


def formulas(leaves: tuple[str, ...] = LEAVES, most: int = 12) -> st.SearchStrategy[str]:
    """Return texts of formulas over every operation that can be traced, each defined and finite for all numbers.

    Parameters
    ----------
    leaves : tuple of str
        What they read.
    most : int
        The most leaves of one.
    """

    def grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        one = st.builds(lambda form, x: f"({form.format(f'({x})')})", st.sampled_from(UNARY), inner)
        two = st.builds(
            lambda form, x, y: f"({form.format(f'({x})', f'({y})')})", st.sampled_from(BINARY), inner, inner
        )
        return one | two

    return st.recursive(st.sampled_from(leaves), grown, max_leaves=most)


def hazards(
    leaves: tuple[str, ...] = LEAVES, ceiling: float = 0.3, most: int = 8
) -> st.SearchStrategy[Callable[..., Any]]:
    """Return rules whose values lie from 0 to a ceiling."""
    return st.builds(rule, formulas(leaves, most).map(lambda text: f"np.minimum(np.abs({text}), {ceiling})"))


Ranges = Sequence[str] | Mapping[str, tuple[float, float]]


def _within(names: Ranges, low: float, high: float) -> dict[str, tuple[float, float]]:
    return dict(names) if isinstance(names, Mapping) else dict.fromkeys(names, (low, high))


def _numbers(low: float, high: float) -> st.SearchStrategy[float]:
    # Ends are where rules go wrong, so they come up often.
    return st.sampled_from([low, high]) | st.floats(low, high)


@st.composite
def cells(
    draw: st.DrawFn,
    traits: Ranges,
    marks: Sequence[str] = (),
    signals: Ranges = (),
    age: tuple[float, float] = (0.0, 1000.0),
    most: int = 20,
) -> Cells:
    """Return cells as columns, on which a rule runs as it stands.

    Parameters
    ----------
    traits, signals : sequence of str, or mapping of str to (float, float)
        What they carry, with ranges; from 0.001 to 10 if none are given.
    marks : sequence of str
        Marks.
    age : (float, float)
        Range of ages (h).
    most : int
        The most cells.

    Examples
    --------
    >>> found = cells({"bcl_xl": (0.1, 5.0)}, marks=["ever_senescent"]).example()  # doctest: +SKIP
    """
    n = draw(st.integers(1, most))

    def column(low: float, high: float) -> list[float]:
        return draw(st.lists(_numbers(low, high), min_size=n, max_size=n))

    return Cells(
        {name: column(*ends) for name, ends in _within(traits, 0.001, 10.0).items()},
        age=column(*age),
        marks={name: draw(st.lists(st.booleans(), min_size=n, max_size=n)) for name in marks},
        signals={name: column(*ends) for name, ends in _within(signals, 0.001, 10.0).items()},
    )


@st.composite
def environments(
    draw: st.DrawFn,
    drugs: Ranges = (),
    pools: Ranges = (),
    fates: Sequence[str] = (),
    traits: Ranges = (),
    time: tuple[float, float] = (0.0, 2000.0),
) -> Environment:
    """Return environments, for a rule to run in beside :func:`cells`.

    Parameters
    ----------
    drugs, pools : sequence of str, or mapping of str to (float, float)
        Drugs and pools, with ranges; from 0 to 10 if none are given.
    fates : sequence of str
        Fates, of which there are 0 to 100,000 cells each.
    traits : sequence of str, or mapping of str to (float, float)
        Traits of which sums and means over each fate are given: means in these ranges, sums to match; 0 of a fate without cells.
    time : (float, float)
        Range of times (h).
    """
    counts = {fate: draw(st.integers(0, 100_000)) for fate in fates}
    means = {
        fate: {
            name: draw(_numbers(*ends)) if counts[fate] else 0.0 for name, ends in _within(traits, 0.001, 10.0).items()
        }
        for fate in fates
    }
    return Environment(
        time=draw(_numbers(*time)),
        drug={name: draw(_numbers(*ends)) for name, ends in _within(drugs, 0.0, 10.0).items()},
        pool={name: draw(_numbers(*ends)) for name, ends in _within(pools, 0.0, 10.0).items()},
        count=counts,
        sum={fate: {name: counts[fate] * x for name, x in values.items()} for fate, values in means.items()},
        mean=means,
    )


@st.composite
def points(
    draw: st.DrawFn, made: Rule, n: int = 64, ranges: Mapping[str, tuple[float, float]] | None = None
) -> dict[str, Column]:
    """Return points at which a rule can be tried: float32 columns by how the rule writes its inputs."""
    reads = reads_of(made, "a rule")
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return draw_columns(reads, ranges_of(reads, ranges), n, rng)


@st.composite
def _traits(draw: st.DrawFn, fates: list[str], params: dict[str, float]) -> list[Trait]:
    initials: list[Any] = [1.0, LogNormal(median=1.0, sigma=0.5), Normal(0.5, 0.3), Uniform(0.0, 2.0), Beta(2.0, 3.0)]
    inherit = st.sampled_from([None, copy(), ar1(0.7), scaled(0.5), reset()])
    # Bounded, so that no trait runs away.
    targets = st.builds(rule, formulas(("cell.x", "env.drug['drug']", "env.time / 50.0", "p.k"), 3)).map(_clipped)
    made = []
    for name in ("x", "y", "z"):
        flow = None
        # The targets of the others read x, which stands still.
        if name != "x" and draw(st.booleans()):
            target, tau, fate = (
                draw(st.floats(0.0, 3.0) | targets),
                draw(st.floats(1.0, 50.0)),
                draw(st.sampled_from([None, fates[0]])),
            )
            flow = relax(target, tau=tau, fate=fate, params=params if callable(target) else None)
        made.append(Trait(name, draw(st.sampled_from(initials)), flow=flow, inherit=draw(inherit)))
    return made


def _clipped(inner: Callable[..., Any]) -> Callable[..., Any]:
    def clipped(cell: Any, env: Any, p: Any) -> Any:
        return np.clip(inner(cell, env, p), -5.0, 5.0)

    return clipped


@st.composite
def models(draw: st.DrawFn, shared: bool | None = None) -> tuple[Model, dict[str, Any]]:
    """Return whole models with random rules, and settings of :func:`senescape.simulate` to run them with in no time.

    Parameters
    ----------
    shared : bool, optional
        Whether rules read a pool and counts; drawn by default.
    """
    fates = ["a", "b", "c"][: draw(st.integers(1, 3))]
    params = {"k": draw(st.floats(0.0, 2.0))}
    shared = draw(st.booleans()) if shared is None else shared
    leaves: tuple[str, ...] = (*LEAVES, "cell.mark['seen'] * 1.0", "cell.signal['signal']")
    leaves += ("env.pool['pool']", "env.count['a'] / 50.0", "env.mean['a'].x") if shared else ()
    transitions: list[Transition] = []
    for i in range(draw(st.integers(1, 5))):
        source, target = draw(st.sampled_from(fates)), draw(st.sampled_from(fates))
        kind = draw(st.sampled_from(["move", "division", "death"]))
        if kind == "death":
            transitions.append(Death(source, draw(hazards(leaves)), f"cause_{i}", "intrinsic", params=params))
        elif kind == "division":
            transitions.append(Division(source, draw(hazards(leaves, 0.05)), name=f"division_{i}", params=params))
        else:
            changed: dict[str, Any] = draw(st.sampled_from([{}, {"x": 0.5}, {"y": LogNormal(median=1.0, sigma=0.3)}]))
            mark = draw(st.sampled_from([(), ("seen",)]))
            made = Transition(f"move_{i}", source, target, draw(hazards(leaves)), set=changed, mark=mark, params=params)
            transitions.append(made)
    names = [t.name for t in transitions]
    modifiers = [
        Modifier(f"modifier_{i}", draw(st.sampled_from([*names, "signal"])), draw(hazards(LEAVES[:3], 2.0)))
        for i in range(draw(st.integers(0, 2)))
    ]
    pool = Pool("pool", 1.0, lambda env, p: 0.1 * env.drug["drug"] - 0.05 * env.pool["pool"])
    model = Model(
        fates=fates,
        traits=draw(_traits(fates, params)),
        marks=["seen"],
        drugs=[Drug("drug", half_life=draw(st.floats(1.0, 50.0)))],
        pools=[pool] if shared else [],
        signals=[Signal("signal", draw(hazards(LEAVES[:3], 3.0)))],
        modifiers=modifiers,
        transitions=transitions,
        observables=[Observable("x", fates[0], "x")],
    )
    doses: list[Dose | Pulse] = [Dose("drug", 1.0, at=draw(st.floats(0.0, 20.0)))] if draw(st.booleans()) else []
    settings = {
        "initial": {fate: draw(st.integers(0, 30)) for fate in fates[1:]} | {fates[0]: draw(st.integers(1, 30))},
        "until": 30.0,
        "every": draw(st.sampled_from([5.0, 30.0])),
        "sync": draw(st.sampled_from([3.0, 24.0])),
        "doses": doses,
        "seed": draw(st.integers(0, 2**63)),
        "threads": 1,
        "max_cells": 100_000,
    }
    return model, settings


def register_profiles() -> None:
    """Register the profiles ``senescape`` (100 examples) and ``senescape-thorough`` (10,000) with hypothesis."""
    from hypothesis import HealthCheck, settings

    slow = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
    settings.register_profile("senescape", max_examples=100, deadline=None, suppress_health_check=slow)
    settings.register_profile("senescape-thorough", max_examples=10_000, deadline=None, suppress_health_check=slow)
