"""Write a model as the document that the engine reads."""

from __future__ import annotations

import heapq
import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from senescape._support.names import MOST_LISTED, Listing
from senescape.errors import ModelError, about
from senescape.model.distributions import Distribution
from senescape.model.observables import Observable
from senescape.rules.expression import Expr, inputs_of
from senescape.rules.graph import GraphBuilder
from senescape.rules.parameter import Param
from senescape.rules.rule import Rule
from senescape.rules.tracer import Names, Postponed, trace

if TYPE_CHECKING:
    from senescape.model.drugs import Drug
    from senescape.model.pools import Pool
    from senescape.model.signals import Modifier
    from senescape.model.traits import Relax, Trait
    from senescape.model.transitions import Transition

from senescape.model.compiled import Check, CompiledModel, Parts, SlowRule

__all__ = ["compile_model"]

_DEEPEST_READING = 50
"""Signals that are traced within each other: each takes several frames of Python's stack."""


@dataclass(frozen=True, slots=True)
class _Above:
    """A test that values lie above a limit, or at it. A class and not a closure, so that models can be pickled."""

    what: str
    zero: bool

    def __call__(self, values: Mapping[str, float]) -> None:
        for value in values.values():
            if not (value >= 0 if self.zero else value > 0):
                raise ModelError(f"{self.what} is {value:g}; it must be {'>=' if self.zero else '>'} 0")


def _positive(what: str) -> _Above:
    return _Above(what, zero=False)


def _not_negative(what: str) -> _Above:
    return _Above(what, zero=True)


def compile_model(parts: Parts) -> CompiledModel:
    """Trace all rules of a model and write its document.

    Parameters
    ----------
    parts : Parts
        The parts of the model.

    Returns
    -------
    CompiledModel

    Raises
    ------
    ModelError
        If parts do not fit together.
    TraceError
        If a rule cannot be traced.
    """
    writer = _Writer(parts)
    document = writer.document()
    return CompiledModel(
        document,
        json.dumps(document, allow_nan=False),
        writer.parameters,
        tuple(writer.checks),
        tuple(writer.slow),
        writer.visits,
        writer.signal_graph(),
    )


class _Writer:
    """Turns the parts of a model into pieces of its document in which expressions stand where node numbers will.

    Parameters
    ----------
    parts : Parts
        The parts of the model.

    Attributes
    ----------
    signals : dict of str to Expr
        What each signal computes, its modifiers included.
    slow : list of SlowRule
        Hazards that are called, not compiled.
    visits : dict of str to dict of str to str
        The full names of the parameters of each visit rule.
    parameters : dict of str to Param
        All parameters by full name, in the order of the document.
    checks : list of Check
        Conditions on them.
    """

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.parameters: dict[str, Param] = {}
        self.checks: list[Check] = []
        self._owners: dict[str, str] = {}
        self._columns = 0
        self._traits = Listing(trait.name for trait in parts.traits)
        self._fates = Listing(parts.fates)
        self._marks = Listing(parts.marks)
        self._causes = Listing(parts.causes)
        self._barriers = Listing(parts.barriers)
        self._names = Names(
            fates=self._fates,
            traits=self._traits,
            marks=self._marks,
            drugs=Listing(drug.name for drug in parts.drugs),
            pools=Listing(pool.name for pool in parts.pools),
            signals=Listing(signal.name for signal in parts.signals),
            signal=self.signal,
        )
        self._signal_parts = {signal.name: signal for signal in parts.signals}
        self._modifiers: dict[str, list[Modifier]] = {}
        # In the order of their names: products of floats depend on the order, and no list's order may show.
        for modifier in sorted(parts.modifiers, key=lambda each: each.name):
            self._modifiers.setdefault(modifier.of, []).append(modifier)
        self._slow_places: dict[str, int] = {}
        self.signals: dict[str, Expr] = {}
        self.slow: list[SlowRule] = []
        self.visits: dict[str, dict[str, str]] = {}
        self._reading: list[str] = []

    def document(self) -> dict[str, Any]:
        """Write all but the parameters' values."""
        parts = self.parts
        for signal in parts.signals:
            # Read or not: its parameters are there, and its mistakes show.
            with about(signal.name):
                self._trace_signal(signal.name)
        self.visits = {
            each.name: self._full_names(each.rule, each.name, f"visit rule {each.name!r}") for each in parts.visits
        }
        written = {
            "traits": [self.trait(i, trait) for i, trait in enumerate(parts.traits)],
            "drugs": _each(self.drug, parts.drugs),
            "pools": _each(self.pool, parts.pools),
            "transitions": _each(self.transition, parts.transitions),
            "observables": _each(self.observable, parts.observables),
        }
        self._refuse_circles(written["traits"])
        graph = GraphBuilder(self.parameters)
        numbered = _number(written, graph)
        return {
            "format": 1,
            "fates": list(parts.fates),
            "marks": list(parts.marks),
            "causes": list(parts.causes),
            "barriers": list(parts.barriers),
            "slow": [{"name": each.name, "fates": each.fates} for each in self.slow],
            "nodes": graph.nodes,
            **numbered,
        }

    # -- parameters ---------------------------------------------------------------------------------------------------

    def param(self, name: str, param: Param, owner: str) -> Expr:
        """Write a parameter, called `name` unless it has a name of its own, which several owners may share."""
        shared = param.name is not None
        name = param.name or name
        known = self.parameters.setdefault(name, param)
        if len(self.parameters) > MOST_LISTED:
            raise ModelError(
                f"the model has more than {MOST_LISTED:,} parameters, {name!r} being the first beyond; numbers that are never "
                "changed can stand in rules as they are, and one parameter can serve many: sn.Param(..., name=...)"
            )
        holder = self._owners.setdefault(name, "" if shared else owner)
        if known != param:
            raise ModelError(
                f"two parameters are named {name!r}: {known.value:g} of {holder or 'a shared one'} and {param.value:g} "
                f"of {owner}; rename one of their owners"
            )
        if holder != ("" if shared else owner):
            raise ModelError(
                f"{holder or 'a shared parameter'} and {owner} both have a parameter {name!r}; rename one of them, or "
                "share it: sn.Param(..., name=...)"
            )
        return Expr("param", value=name)

    def rule(self, rule: Rule, owner: str, prefix: str, holder: str) -> Expr:
        """Trace a rule."""
        if not rule.traced:
            raise ModelError(f"{owner} has traced=False; only hazards of transitions can take the slow path")
        return trace(rule.function, self._names, self._full_names(rule, prefix, holder), owner, rule.reads_cell)

    def _full_names(self, rule: Rule, prefix: str, holder: str) -> dict[str, str]:
        return {name: self.param(f"{prefix}.{name}", param, holder).value for name, param in rule.params.items()}

    def _slow(self, t: Transition, rule: Rule, source: int, holder: str) -> Expr:
        """Write what a rule that is not traced will say of a cell."""
        index = self._slow_places.setdefault(t.prefix, len(self.slow))
        if index < len(self.slow):
            self.slow[index].fates.append(source)
        else:
            self.slow.append(SlowRule(t.prefix, rule, self._full_names(rule, t.prefix, holder), [source]))
        return Expr("input", value={"slow": index}, label=f"{t.prefix}(cell, env, p)")

    def number_or_rule(self, value: Param | Rule, owner: str, prefix: str, name: str, holder: str) -> Expr:
        """Write a number as a parameter, or trace a rule."""
        if isinstance(value, Param):
            return self.param(f"{prefix}.{name}", value, holder)
        return self.rule(value, owner, prefix, holder)

    def dist(self, value: Any, owner: str, prefix: str, name: str, holder: str) -> dict[str, Any]:
        """Write a value that is a number, a rule, a distribution or a table."""
        if isinstance(value, Distribution):
            numbers = {
                key: self.param(f"{prefix}.{name}.{key}", param, holder) for key, param in value.params().items()
            }
            self.checks.append(Check(owner, {key: expr.value for key, expr in numbers.items()}, value.check))
            absent = {"low": None, "high": None} if value.kind == "normal" else {}
            return {"kind": value.kind, **absent, **numbers}
        if isinstance(value, np.ndarray):
            self._columns += 1
            return {"kind": "column", "index": self._columns - 1}
        return {"kind": "rule", "value": self.number_or_rule(value, owner, prefix, name, holder)}

    # -- signals ------------------------------------------------------------------------------------------------------

    def signal(self, name: str) -> Expr:
        """Write a signal with its modifiers; each is traced once, when it is first read."""
        if name in self.signals:
            return self.signals[name]
        if name in self._reading:
            circle = " -> ".join([*self._reading[self._reading.index(name) :], name])
            raise ModelError(f"the signals read each other in a circle: {circle}")
        if len(self._reading) == _DEEPEST_READING:
            raise Postponed(name)
        signal = self._signal_parts[name]
        self._reading.append(name)
        try:
            owner = f"signal {name!r}"
            value = self.number_or_rule(signal.value, f"{owner}: value", name, "value", owner)
            self.signals[name] = self.modified(value, name)
        finally:
            self._reading.pop()
        return self.signals[name]

    def _trace_signal(self, name: str) -> None:
        """Trace a signal; of a long chain of signals that read each other the far ones first."""
        waiting = [name]
        while waiting:
            try:
                self.signal(waiting[-1])
                waiting.pop()
            except Postponed as first:
                if first.name in waiting:
                    circle = ", ".join([*waiting[waiting.index(first.name) :], first.name])
                    raise ModelError(f"the signals read each other in a circle, by way of {circle}") from None
                waiting.append(first.name)

    def modified(self, value: Expr, *names: str) -> Expr:
        """Multiply a value by the modifiers of what is known by some names."""
        found = [self._modifiers.get(name, []) for name in dict.fromkeys(names)]
        for modifier in heapq.merge(*found, key=lambda each: each.name):
            owner = f"modifier {modifier.name!r}"
            with about(modifier.name):
                factor = self.number_or_rule(modifier.factor, f"{owner}: factor", modifier.name, "factor", owner)
            if isinstance(modifier.factor, Param):
                self.checks.append(Check(owner, {"factor": factor.value}, _not_negative("factor")))
            value = Expr("mul", (value, factor))
        return value

    def signal_graph(self) -> tuple[list[dict[str, Any]], dict[str, int]]:
        """Write the signals alone: nodes, and the number of the node of each signal."""
        graph = GraphBuilder(self.parameters)
        roots = {name: graph.add(value) for name, value in self.signals.items()}
        return graph.nodes, roots

    # -- parts --------------------------------------------------------------------------------------------------------

    def trait(self, index: int, trait: Trait) -> dict[str, Any]:
        """Write a trait."""
        with about(trait.name):
            return self._trait(index, trait)

    def _trait(self, index: int, trait: Trait) -> dict[str, Any]:
        owner = f"trait {trait.name!r}"
        inherit: dict[str, Any] = {"kind": trait.inherit.kind}
        if trait.inherit.value is not None:
            field = {"ar1": "rho", "scaled": "factor", "rule": "value"}[trait.inherit.kind]
            value = self.number_or_rule(trait.inherit.value, f"{owner}: inherit", trait.name, field, owner)
            inherit[field] = value
            if trait.inherit.kind == "ar1":
                self.checks.append(Check(f"{owner}: ar1", {"rho": value.value}, _correlation))
        flows = [piece for flow in trait.flow for piece in self._flow(trait, flow, owner)]
        initial = self.dist(trait.initial, f"{owner}: initial", trait.name, "initial", owner)
        if initial["kind"] == "rule":
            self._only_earlier_traits(index, initial["value"], owner)
        return {"name": trait.name, "initial": initial, "flows": flows, "inherit": inherit}

    def _only_earlier_traits(self, index: int, value: Expr, owner: str) -> None:
        for read in inputs_of(value):
            if isinstance(read, dict) and "trait" in read:
                if read["trait"] < index:
                    continue
                other = self._traits[read["trait"]]
                what = "itself" if other == self._traits[index] else f"the trait {other!r}, which is listed after it"
                raise ModelError(
                    f"{owner}: initial reads {what}; a founder's traits are made in the order of traits=[...], so list "
                    "what it reads first"
                )
            what = read if isinstance(read, str) else next(iter(read))
            raise ModelError(f"{owner}: initial reads {what}; it may read parameters and traits listed before it")

    def _flow(self, trait: Trait, flow: Relax, owner: str) -> Iterable[dict[str, Any]]:
        # One flow: depth.tau. Several: depth.senescent.tau, and depth.tau for the one of all other fates.
        alone = len(trait.flow) == 1 or flow.fates is None
        prefix = trait.name if alone else f"{trait.name}.{'+'.join(flow.fates or ())}"
        if isinstance(flow.target, Param):
            target = self.param(f"{prefix}.target", flow.target, owner)
        else:
            target = self.rule(flow.target, f"{owner}: flow", trait.name, owner)
        tau = self.param(f"{prefix}.tau", flow.tau, owner)
        self.checks.append(Check(owner, {"tau": tau.value}, _positive("tau")))
        for fate in flow.fates or (None,):
            index = None if fate is None else self._fates.index(fate)
            yield {"fate": index, "target": target, "tau": tau}

    def _refuse_circles(self, traits: list[dict[str, Any]]) -> None:
        """Refuse targets that read, by way of other targets, their own trait."""
        flowing: dict[int, dict[int | None, list[int]]] = {}
        own: set[int] = set()
        for index, trait in enumerate(traits):
            for flow in trait["flows"]:
                inputs = [read for read in inputs_of(flow["target"]) if isinstance(read, dict)]
                flowing.setdefault(index, {})[flow["fate"]] = [read["trait"] for read in inputs if "trait" in read]
                if flow["fate"] is not None:
                    own.add(flow["fate"])
        # All fates without flows of their own are alike: the first of them stands for them.
        alike = next((fate for fate in range(len(self.parts.fates)) if fate not in own), None)
        for fate, fate_name in enumerate(self.parts.fates):
            if fate != alike and fate not in own:
                continue
            reads = {
                index: flows[fate if fate in flows else None]
                for index, flows in flowing.items()
                if fate in flows or None in flows
            }
            circle = _circle(reads)
            if circle is not None:
                names = " -> ".join(self._traits[index] for index in circle)
                raise ModelError(
                    f"the flows of traits read each other in a circle in the fate {fate_name!r}: {names}; break it, for "
                    "example by a pool or by a transition that sets one of them"
                )

    def drug(self, drug: Drug) -> dict[str, Any]:
        """Write a drug."""
        owner = f"drug {drug.name!r}"
        fields = {name: self.param(f"{drug.name}.{name}", param, owner) for name, param in drug.fields.items()}
        self.checks.append(Check(owner, {name: expr.value for name, expr in fields.items()}, drug.check))

        def rate(half_life: str) -> Expr | None:
            return Expr("div", (Expr.constant(math.log(2)), fields[half_life])) if half_life in fields else None

        elimination = fields.get("elimination")
        if elimination is None:
            elimination = rate("half_life")
        return {
            "name": drug.name,
            # A drug without a half-life is only given in pulses, which kinetics do not touch.
            "elimination": Expr.constant(0.0) if elimination is None else elimination,
            "volume": fields["volume"],
            "k12": fields.get("k12"),
            "k21": fields.get("k21"),
            "absorption": rate("absorption_half_life"),
            "bioavailability": fields["bioavailability"],
        }

    def pool(self, pool: Pool) -> dict[str, Any]:
        """Write a pool."""
        owner = f"pool {pool.name!r}"
        rate = self.number_or_rule(pool.rate, f"{owner}: rate", pool.name, "rate", owner)
        initial = self.param(f"{pool.name}.initial", pool.initial, owner)
        return {"name": pool.name, "initial": initial, "rate": rate}

    def transition(self, t: Transition) -> dict[str, Any]:
        """Write a transition."""
        owner = f"transition {t.name!r}"
        # The transitions made of one with several sources share their parameters.
        holder = f"transition {t.prefix!r}"
        source = self._fates.index(t.source[0])
        if isinstance(t.hazard, Rule) and not t.hazard.traced:
            hazard = self._slow(t, t.hazard, source, holder)
        else:
            hazard = self.number_or_rule(t.hazard, f"{owner}: hazard", t.prefix, "hazard", holder)
        if isinstance(t.hazard, Param):
            self.checks.append(Check(owner, {"hazard": hazard.value}, _not_negative("hazard")))
        hazard = self.modified(hazard, t.name, t.prefix)
        sets = [
            {
                "trait": self._traits.index(name),
                "value": self.dist(value, f"{owner}: set[{name!r}]", t.prefix, f"set.{name}", holder),
            }
            for name, value in t.set.items()
        ]
        return {
            "name": t.name,
            "source": source,
            "kind": t.kind,
            "target": None if t.target is None else self._fates.index(t.target),
            "cause": None if t.cause is None else self._causes.index(t.cause),
            "barrier": None if t.barrier is None else self._barriers.index(t.barrier),
            "hazard": hazard,
            "set": sets,
            "mark": [self._marks.index(mark) for mark in t.mark],
            "unmark": [self._marks.index(mark) for mark in t.unmark],
        }

    def observable(self, o: Observable) -> dict[str, Any]:
        """Write an observable."""
        owner = f"observable {o.name!r}"
        value = self.rule(o.rule, owner, o.name, owner)
        return {"name": o.name, "fate": self._fates.index(o.fate), "kind": o.kind, "value": value}


def _each(write: Callable[[Any], dict[str, Any]], parts: Iterable[Any]) -> list[dict[str, Any]]:
    """Write each part; an error knows which it is about."""
    out = []
    for part in parts:
        with about(getattr(part, "prefix", part.name)):
            out.append(write(part))
    return out


def _correlation(values: dict[str, float]) -> None:
    if not -1 <= values["rho"] <= 1:
        raise ModelError(f"the correlation is {values['rho']:g}; it must lie between -1 and 1")


def _circle(reads: Mapping[int, list[int]]) -> list[int] | None:
    """Return a circle in a graph of what reads what, its first member repeated at the end."""
    done: set[int] = set()
    for start in reads:
        if start in done:
            continue
        # Each entry: a node, and what it still has to look at.
        stack = [(start, iter(reads[start]))]
        path = {start: None}
        while stack:
            _, rest = stack[-1]
            following = next((each for each in rest if each in reads and each not in done), None)
            if following is None:
                done.add(stack.pop()[0])
                path.popitem()
            elif following in path:
                found = list(path)
                return [*found[found.index(following) :], following]
            else:
                path[following] = None
                stack.append((following, iter(reads[following])))
    return None


def _number(part: Any, graph: GraphBuilder) -> Any:
    """Return a piece of a document with its expressions replaced by node numbers."""
    if isinstance(part, Expr):
        return graph.add(part)
    if isinstance(part, dict):
        return {key: _number(value, graph) for key, value in part.items()}
    if isinstance(part, list):
        return [_number(value, graph) for value in part]
    return part
