"""The conformance test of a rule."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from senescape.errors import ModelError
from senescape.model.signals import Modifier, Signal
from senescape.model.transitions import Transition
from senescape.rules.inputs import reads_of
from senescape.rules.parameter import Param
from senescape.rules.rule import Rule, RuleFunction, as_rule
from senescape.testing.sampling import Column, Program, draw_columns, ranges_of
from senescape.testing.transition import check_effect

__all__ = ["RuleCheckError", "check_rule"]

Part = Transition | Signal | Modifier | Rule | RuleFunction

_N = 4096
"""Points that a rule is tried at."""

_WIDTHS = np.array([0.0, 0.01, 0.2, 1.0], dtype=np.float32)
"""Shares of the way from one point to another that boxes span."""


class RuleCheckError(AssertionError):
    """A rule that does not do what a rule must: says what, where and what to change."""


def check_rule(
    part: Part,
    params: Mapping[str, Param | float] | None = None,
    *,
    drug: str | Sequence[str] = (),
    increasing: str | Sequence[str] = (),
    decreasing: str | Sequence[str] = (),
    ranges: Mapping[str, tuple[float, float]] | None = None,
    seed: int | None = None,
) -> None:
    """Test that a rule does what a rule must.

    It must give finite numbers, not negative unless it is a signal; give the same for the same; compute the same traced
    as on arrays, up to rounding; stay within the bounds that the engine finds for it; do nothing without its drug; and rise
    or fall as said. A transition must also show in the ledger of a small run as its kind says.

    Parameters
    ----------
    part : Transition, Signal, Modifier, Rule or function
        What to test: a part of a model, or a function of (cell, env, p), taken for a hazard.
    params : mapping, optional
        Parameters of a function.
    drug : str or sequence of str
        Drugs without which (all at 0) a hazard is 0 and a factor is 1.
    increasing, decreasing : str or sequence of str
        Inputs with which it never falls, or never rises: ``"cell.bcl_xl"`` or ``"bcl_xl"``, ``"env.drug['navitoclax']"``.
    ranges : mapping of str to (float, float), optional
        Where inputs lie: traits from 0.001 to 10, drugs and pools from 0 to 10, and so on, if not said here.
    seed : int, optional
        Repeats a failure; the message tells it.

    Raises
    ------
    RuleCheckError
        If it does not; an AssertionError, so that it reads as a failed test.
    SenescapeError
        If it cannot be traced, or an argument is not valid.

    Examples
    --------
    >>> import senescape as sn
    >>> def kill(cell, env, p):
    ...     return p.kmax * sn.hill(env.drug["navitoclax"], p.ec50) * cell.bcl_xl / (cell.bcl_xl + cell.mcl1)
    >>> check_rule(sn.Senolytic("navitoclax", kill, {"kmax": 0.05, "ec50": 0.3}), drug="navitoclax", increasing="bcl_xl")
    """
    name, rule = _rule_of(part, params)
    if rule is None:
        # A constant: there is nothing to trace.
        if isinstance(part, Transition):
            check_effect(part, None, {}, name, RuleCheckError)
        return
    seed = time.time_ns() % 2**32 if seed is None else seed
    # Also of a rule on the slow path, tracing tells what it reads.
    rule = replace(rule, traced=True)
    reads = reads_of(rule, name)
    limits = ranges_of(reads, ranges)
    trial = _Trial(name, rule, Program(rule, reads), limits, seed)
    trial.check_values(negative=isinstance(part, Signal))
    trial.check_bounds()
    neutral = 1.0 if isinstance(part, Modifier) else 0.0
    trial.check_without([drug] if isinstance(drug, str) else drug, neutral)
    for names, sign in ((increasing, 1), (decreasing, -1)):
        for each in [names] if isinstance(names, str) else names:
            trial.check_slope(each, sign)
    if isinstance(part, Transition):
        check_effect(part, reads, limits, name, RuleCheckError)


def _rule_of(part: Part, params: Mapping[str, Param | float] | None) -> tuple[str, Rule | None]:
    match part:
        case Transition():
            name, value = f"{type(part).__name__.lower()} {part.name!r}", part.hazard
        case Signal():
            name, value = f"signal {part.name!r}", part.value
        case Modifier():
            name, value = f"modifier {part.name!r}", part.factor
        case _:
            rule = as_rule(part, params, "check_rule")
            return f"rule {rule.name!r}", rule
    if params:
        raise ModelError(f"{name} brings its own parameters; leave params out")
    return name, value if isinstance(value, Rule) else None


class _Trial:
    def __init__(
        self, name: str, rule: Rule, program: Program, ranges: Mapping[str, tuple[float, float]], seed: int
    ) -> None:
        self.name, self.rule, self.program, self.ranges, self.seed = name, rule, program, ranges, seed
        self.rng = np.random.default_rng(seed)
        self.inputs = list(program.reads.inputs())

    def draw(self) -> dict[str, Column]:
        return draw_columns(self.program.reads, self.ranges, _N, self.rng)

    def fail(self, what: str, columns: Mapping[str, Column], at: int, fix: str) -> NoReturn:
        seen = ", ".join(f"{label} = {columns[label][at]:.6g}" for label in self.inputs) or "nothing"
        values = ", ".join(f"p.{key} = {param.value:.6g}" for key, param in self.rule.params.items())
        where = f"{seen}; {values}" if values else seen
        raise RuleCheckError(f"{self.name} {what}\n  it read {where}\n  fix: {fix}\n  (repeat with seed={self.seed})")

    def check_values(self, negative: bool) -> None:
        columns = self.draw()
        double = self.program.on_arrays(columns, _N, np.float64)
        self._first(
            ~np.isfinite(double),
            columns,
            lambda i: f"is {double[i]:g}",
            "keep divisors and arguments of np.log away from 0 (np.maximum), or state the ranges of inputs: ranges={...}",
        )
        if not negative:
            self._first(
                double < 0,
                columns,
                lambda i: f"is negative: {double[i]:g}",
                "np.maximum(0.0, ...), or state the ranges of inputs: ranges={...}",
            )
        again = self.program.on_arrays(columns, _N, np.float64)
        self._first(
            double != again,
            columns,
            lambda i: f"gives {double[i]:g} and then {again[i]:g} for the same cell",
            "a rule must only compute: no random numbers, no state",
        )
        different, traced, _ = self.program.differs(columns, _N)
        self._first(
            different,
            columns,
            lambda i: f"is {traced[i]:.7g} traced and {double[i]:.7g} on arrays",
            "no branch of Python (if, min, max) on what differs between cells, and nothing read from outside that changes",
        )

    def check_bounds(self) -> None:
        low, high = self.draw(), self.draw()
        for label in self.inputs:
            width = (high[label] - low[label]) * self.rng.choice(_WIDTHS, _N)
            ends = low[label], low[label] + width
            low[label], high[label] = np.minimum(*ends), np.maximum(*ends)
        lower, upper = self.program.bounds(low, high, _N)
        self._first(
            ~np.isfinite(upper) | np.isnan(lower),
            low,
            lambda i: "has no finite bound over a box of values that begins here",
            "keep each divisor's range away from 0 (np.maximum), and clip what grows without limit",
        )
        for _ in range(4):
            share = {label: self.rng.random(_N).astype(np.float32) for label in self.inputs}
            inside = {
                label: np.clip(low[label] + share[label] * (high[label] - low[label]), low[label], high[label])
                for label in self.inputs
            }
            if marks := [label for label in self.inputs if label.startswith("cell.mark")]:
                inside.update({label: low[label] for label in marks})
            values = self.program.values(inside, _N)
            self._first(
                (values < lower) | (values > upper),
                inside,
                lambda i, values=values: (
                    f"is {values[i]:.9g}, outside the engine's bounds {lower[i]:.9g} to {upper[i]:.9g}"
                ),
                "this is a bug of the engine; please report it",
            )

    def check_without(self, drugs: Sequence[str], neutral: float) -> None:
        if not drugs:
            return
        columns = self.draw()
        for drug in drugs:
            label = f"env.drug[{drug!r}]"
            if label not in columns:
                raise ModelError(
                    f"{self.name} does not read the drug {drug!r}; it reads {', '.join(self.inputs) or 'nothing'}"
                )
            columns[label] = np.zeros(_N, dtype=np.float32)
        values = self.program.values(columns, _N)
        what = "a hazard must be 0" if neutral == 0 else "a factor must be 1"
        self._first(
            values != np.float32(neutral),
            columns,
            lambda i: f"is {values[i]:g} without {' and '.join(drugs)}",
            f"{what} where its drug is absent: multiply by sn.hill(env.drug[...], ...)",
        )

    def check_slope(self, name: str, sign: int) -> None:
        found = [label for label in self.inputs if label == name or label.endswith((f".{name}", f"[{name!r}]"))]
        if not found:
            raise ModelError(f"{self.name} does not read {name!r}; it reads {', '.join(self.inputs) or 'nothing'}")
        columns, others = self.draw(), self.draw()
        label = found[0]
        low = {**columns, label: np.minimum(columns[label], others[label])}
        high = {**columns, label: np.maximum(columns[label], others[label])}
        # In double precision: a difference of two close numbers moves by its own rounding in single precision, which says
        # nothing of the rule. That the traced rule is the same rule is checked on its own.
        before = self.program.on_arrays(low, _N, np.float64)
        after = self.program.on_arrays(high, _N, np.float64)
        room = 1e-9 * (np.abs(before) + np.abs(after)) + 1e-13 * max(np.abs(before).max(), np.abs(after).max())
        verb = "falls" if sign > 0 else "rises"
        self._first(
            sign * (after - before) < -room,
            high,
            lambda i: f"{verb} from {before[i]:.6g} to {after[i]:.6g} as {label} rises from {low[label][i]:.6g}",
            "correct the rule, or what is said of it (increasing=, decreasing=)",
        )

    def _first(self, bad: NDArray[np.bool_], columns: Mapping[str, Column], what: Any, fix: str) -> None:
        if bad.any():
            at = int(np.argmax(bad))
            self.fail(what(at), columns, at, fix)
