"""The plain model: fates, traits and hazards of any population of cells."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from senescape.distributions import Distribution
from senescape.drugs import Drug
from senescape.errors import ModelError
from senescape.expr import Expr, GraphBuilder
from senescape.observables import Observable
from senescape.pools import Pool
from senescape.rules import Param, Rule
from senescape.suggest import did_you_mean
from senescape.trace import Names, trace
from senescape.traits import Relax, Trait
from senescape.transitions import Transition

__all__ = ["Model"]

_MOST_MARKS = 64
_T = TypeVar("_T")


class Model:
    """A population of cells: what fates there are, what cells carry, and what can happen to them.

    Every rule is traced when the model is made, so that a mistake shows here and not in a run. A model does not change;
    :meth:`with_params` gives a new one with other numbers.

    Parameters
    ----------
    fates : sequence of str
        The discrete states.
    transitions : sequence of Transition
        What can happen: :class:`Transition`, :class:`Division`, :class:`Death`, :class:`Senolytic`, :class:`Escape`.
    traits : sequence of Trait
        Per-cell numbers.
    drugs : sequence of Drug
        What can be given.
    pools : sequence of Pool
        Scalars of the environment.
    marks : sequence of str
        Marks that rules read; those that transitions raise are known already. At most 64.
    observables : sequence of Observable
        Read-outs.
    barriers : sequence of str
        The barriers in order; by default in the order in which transitions name them.

    Raises
    ------
    ModelError
        If something does not fit together; TraceError if a rule cannot be traced.

    Examples
    --------
    >>> import senescape as sn
    >>> model = sn.Model(
    ...     fates=["cell"],
    ...     transitions=[sn.Division("cell", hazard=0.10), sn.Death("cell", hazard=0.11, cause="death")],
    ... )
    >>> list(model.parameters)
    ['division.hazard', 'death.hazard']
    """

    def __init__(
        self,
        fates: Sequence[str],
        transitions: Sequence[Transition],
        traits: Sequence[Trait] = (),
        drugs: Sequence[Drug] = (),
        pools: Sequence[Pool] = (),
        marks: Sequence[str] = (),
        observables: Sequence[Observable] = (),
        barriers: Sequence[str] = (),
    ) -> None:
        self.fates = _names("fate", [fates] if isinstance(fates, str) else fates)
        if not self.fates:
            raise ModelError("a model needs at least one fate: fates=['cell']")
        self.traits = _objects("traits", traits, Trait)
        self.drugs = _objects("drugs", drugs, Drug)
        self.pools = _objects("pools", pools, Pool)
        self.observables = _objects("observables", observables, Observable)
        self.transitions = _expand(_objects("transitions", transitions, Transition))
        for kind, things in (
            ("trait", self.traits),
            ("drug", self.drugs),
            ("pool", self.pools),
            ("observable", self.observables),
        ):
            _names(kind, [thing.name for thing in things])
        raised = [mark for t in self.transitions for mark in (*t.mark, *t.unmark)]
        self.marks = tuple(dict.fromkeys([*marks, *raised]))
        if len(self.marks) > _MOST_MARKS:
            raise ModelError(f"the model has {len(self.marks)} marks; at most {_MOST_MARKS} are possible")
        named = [t.barrier for t in self.transitions if t.barrier is not None]
        if barriers and (unknown := set(named) - set(barriers)):
            raise ModelError(f"transitions name the barriers {sorted(unknown)}, which barriers={list(barriers)} lacks")
        self.barriers = tuple(dict.fromkeys([*barriers, *named]))
        self.causes = tuple(dict.fromkeys(t.cause for t in self.transitions if t.kind == "death" and t.cause))
        self._check_names()
        self._parameters: dict[str, Param] = {}
        self._template = self._build()

    # -- parameters ---------------------------------------------------------------------------------------------------

    @property
    def parameters(self) -> dict[str, Param]:
        """All parameters by full name (``"escape.h0"``), in the order of the document."""
        return dict(self._parameters)

    def parameter_values(self) -> list[float]:
        """The parameters' values in the order of :attr:`parameters`."""
        return [param.value for param in self._parameters.values()]

    def with_params(self, values: Mapping[str, float]) -> Model:
        """The same model with other parameter values. Nothing is traced again.

        Parameters
        ----------
        values : mapping of str to float
            By full name.

        Raises
        ------
        ModelError
            If a name is unknown or a value out of its range.
        """
        parameters = dict(self._parameters)
        for name, value in values.items():
            if name not in parameters:
                raise ModelError(f"the model has no parameter {name!r}{did_you_mean(name, parameters)}")
            parameters[name] = parameters[name].at(value, f"parameter {name!r}")
        other = copy.copy(self)
        other._parameters = parameters
        other.__dict__.pop("_json", None)
        return other

    def rule_hashes(self) -> dict[str, str]:
        """SHA-256 of each rule's source by the name of its transition, for provenance."""
        return {t.name: t.hazard.digest for t in self.transitions if isinstance(t.hazard, Rule)}

    # -- the document -------------------------------------------------------------------------------------------------

    def to_document(self) -> dict[str, Any]:
        """The model as the document that the engine reads (JSON-able)."""
        params = [{"name": name, "value": param.value} for name, param in self._parameters.items()]
        return {**self._template, "params": params}

    def to_json(self) -> str:
        """The document as JSON text."""
        return self._json

    @cached_property
    def _json(self) -> str:
        return json.dumps(self.to_document(), allow_nan=False)

    @property
    def columns(self) -> list[NDArray[np.float32]]:
        """Measured initial values: one array for each trait that was given one."""
        return [trait.initial for trait in self.traits if isinstance(trait.initial, np.ndarray)]

    def _check_names(self) -> None:
        for t in self.transitions:
            owner = f"transition {t.name!r}"
            for fate in (*t.source, *(() if t.target is None else (t.target,))):
                if fate not in self.fates:
                    raise ModelError(
                        f"{owner} names the fate {fate!r}, which the model does not have{did_you_mean(fate, self.fates)}"
                    )
            known = [trait.name for trait in self.traits]
            for name in t.set:
                if name not in known:
                    raise ModelError(
                        f"{owner} sets the trait {name!r}, which the model does not have{did_you_mean(name, known)}"
                    )
        for observable in self.observables:
            if observable.fate not in self.fates:
                raise ModelError(
                    f"observable {observable.name!r} names the fate {observable.fate!r}"
                    f"{did_you_mean(observable.fate, self.fates)}"
                )
        for trait in self.traits:
            seen: set[str | None] = set()
            for flow in trait.flow:
                for fate in flow.fates or (None,):
                    if fate is not None and fate not in self.fates:
                        raise ModelError(
                            f"a flow of trait {trait.name!r} names the fate {fate!r}{did_you_mean(fate, self.fates)}"
                        )
                    if fate in seen:
                        raise ModelError(
                            f"trait {trait.name!r} has two flows for {'all other fates' if fate is None else repr(fate)}"
                        )
                    seen.add(fate)

    def _build(self) -> dict[str, Any]:
        writer = _Writer(self)
        parts = {
            "traits": [writer.trait(trait) for trait in self.traits],
            "drugs": [writer.drug(drug) for drug in self.drugs],
            "pools": [writer.pool(pool) for pool in self.pools],
            "transitions": [writer.transition(t) for t in self.transitions],
            "observables": [writer.observable(o) for o in self.observables],
        }
        self._parameters = writer.parameters
        graph = GraphBuilder(writer.parameters)
        document = _number(parts, graph)
        return {
            "format": 1,
            "fates": list(self.fates),
            "marks": list(self.marks),
            "causes": list(self.causes),
            "barriers": list(self.barriers),
            "nodes": graph.nodes,
            **document,
        }

    def __repr__(self) -> str:
        return f"<Model: fates {', '.join(self.fates)}; {len(self.transitions)} transitions, {len(self.traits)} traits>"


class _Writer:
    """Turns the parts of a model into pieces of its document in which expressions stand where node numbers will."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.parameters: dict[str, Param] = {}
        self._columns = 0
        self._names = Names(
            fates=model.fates,
            traits=[trait.name for trait in model.traits],
            marks=model.marks,
            drugs=[drug.name for drug in model.drugs],
            pools=[pool.name for pool in model.pools],
        )

    def param(self, name: str, param: Param) -> Expr:
        known = self.parameters.setdefault(name, param)
        if known != param:
            raise ModelError(
                f"two parameters are named {name!r} ({known.value:g} and {param.value:g}); rename one of their owners"
            )
        return Expr("param", value=name)

    def rule(self, rule: Rule, owner: str, prefix: str, cell: bool = True) -> Expr:
        full = {name: f"{prefix}.{name}" for name in rule.params}
        for name, param in rule.params.items():
            self.param(full[name], param)
        return trace(rule.function, self._names, full, owner, cell)

    def number_or_rule(self, value: Param | Rule, owner: str, prefix: str, name: str) -> Expr:
        if isinstance(value, Param):
            return self.param(f"{prefix}.{name}", value)
        return self.rule(value, owner, prefix)

    def dist(self, value: Any, owner: str, prefix: str, name: str) -> dict[str, Any]:
        if isinstance(value, Distribution):
            numbers = {key: self.param(f"{prefix}.{name}.{key}", param) for key, param in value.params().items()}
            absent = {"low": None, "high": None} if value.kind == "normal" else {}
            return {"kind": value.kind, **absent, **numbers}
        if isinstance(value, np.ndarray):
            self._columns += 1
            return {"kind": "column", "index": self._columns - 1}
        return {"kind": "rule", "value": self.number_or_rule(value, owner, prefix, name)}

    def trait(self, trait: Trait) -> dict[str, Any]:
        owner = f"trait {trait.name!r}"
        inherit: dict[str, Any] = {"kind": trait.inherit.kind}
        if trait.inherit.value is not None:
            field = {"ar1": "rho", "scaled": "factor", "rule": "value"}[trait.inherit.kind]
            inherit[field] = self.number_or_rule(trait.inherit.value, f"{owner}: inherit", trait.name, field)
        flows: list[dict[str, Any]] = []
        for flow in trait.flow:
            flows.extend(self._flow(trait, flow, owner))
        initial = self.dist(trait.initial, f"{owner}: initial", trait.name, "initial")
        return {"name": trait.name, "initial": initial, "flows": flows, "inherit": inherit}

    def _flow(self, trait: Trait, flow: Relax, owner: str) -> Iterable[dict[str, Any]]:
        # One flow: depth.tau. Several: depth.senescent.tau, and depth.tau for the one of all other fates.
        alone = len(trait.flow) == 1 or flow.fates is None
        prefix = trait.name if alone else f"{trait.name}.{'+'.join(flow.fates or ())}"
        if isinstance(flow.target, Param):
            target = self.param(f"{prefix}.target", flow.target)
        else:
            target = self.rule(flow.target, f"{owner}: flow", trait.name)
        tau = self.param(f"{prefix}.tau", flow.tau)
        for fate in flow.fates or (None,):
            index = None if fate is None else self.model.fates.index(fate)
            yield {"fate": index, "target": target, "tau": tau}

    def drug(self, drug: Drug) -> dict[str, Any]:
        fields = {name: self.param(f"{drug.name}.{name}", param) for name, param in drug.fields.items()}

        def rate(name: str) -> Expr | None:
            return Expr("div", (Expr.constant(math.log(2)), fields[name])) if name in fields else None

        return {
            "name": drug.name,
            # A drug without a half-life is only given in pulses, which kinetics do not touch.
            "elimination": Expr.constant(0.0) if drug.fields.get("half_life") is None else rate("half_life"),
            "volume": fields["volume"],
            "k12": fields.get("k12"),
            "k21": fields.get("k21"),
            "absorption": rate("absorption_half_life"),
            "bioavailability": fields["bioavailability"],
        }

    def pool(self, pool: Pool) -> dict[str, Any]:
        owner = f"pool {pool.name!r}"
        if isinstance(pool.rate, Param):
            rate = self.param(f"{pool.name}.rate", pool.rate)
        else:
            rate = self.rule(pool.rate, f"{owner}: rate", pool.name, cell=False)
        return {"name": pool.name, "initial": self.param(f"{pool.name}.initial", pool.initial), "rate": rate}

    def transition(self, t: Transition) -> dict[str, Any]:
        model = self.model
        owner = f"transition {t.name!r}"
        prefix = t.name
        hazard = self.number_or_rule(t.hazard, owner, prefix, "hazard")
        traits = [trait.name for trait in model.traits]
        sets = [
            {"trait": traits.index(name), "value": self.dist(value, f"{owner}: set {name!r}", prefix, f"set.{name}")}
            for name, value in t.set.items()
        ]
        return {
            "name": t.name,
            "source": model.fates.index(t.source[0]),
            "kind": t.kind,
            "target": None if t.target is None else model.fates.index(t.target),
            "cause": model.causes.index(t.cause) if t.kind == "death" and t.cause else None,
            "barrier": None if t.barrier is None else model.barriers.index(t.barrier),
            "hazard": hazard,
            "set": sets,
            "mark": [model.marks.index(mark) for mark in t.mark],
            "unmark": [model.marks.index(mark) for mark in t.unmark],
        }

    def observable(self, o: Observable) -> dict[str, Any]:
        value = self.rule(o.rule, f"observable {o.name!r}", o.name)
        return {"name": o.name, "fate": self.model.fates.index(o.fate), "kind": o.kind, "value": value}


def _number(part: Any, graph: GraphBuilder) -> Any:
    """A piece of a document with its expressions replaced by node numbers."""
    if isinstance(part, Expr):
        return graph.add(part)
    if isinstance(part, dict):
        return {key: _number(value, graph) for key, value in part.items()}
    if isinstance(part, list):
        return [_number(value, graph) for value in part]
    return part


def _names(kind: str, names: Iterable[str]) -> tuple[str, ...]:
    seen: dict[str, None] = {}
    for name in names:
        if not isinstance(name, str) or not name:
            raise ModelError(f"a {kind}'s name is {name!r}; it must be a text")
        if name in seen:
            raise ModelError(f"two {kind}s are named {name!r}; rename one")
        if kind == "fate" and name == "dead":
            raise ModelError("'dead' is no fate: the dead are counted by cause. Use sn.Death(...) or target='dead'")
        seen[name] = None
    return tuple(seen)


def _objects(argument: str, things: Sequence[_T], kind: type[_T]) -> tuple[_T, ...]:
    for thing in things:
        if not isinstance(thing, kind):
            raise ModelError(f"{argument} holds {thing!r}; it must hold sn.{kind.__name__} objects")
    return tuple(things)


def _expand(transitions: Sequence[Transition]) -> tuple[Transition, ...]:
    """One transition for each source, with names that differ."""
    out: list[Transition] = []
    for t in transitions:
        for source in t.source:
            if len(t.source) == 1:
                out.append(t)
                continue
            each = copy.copy(t)
            each.source = (source,)
            each.name = f"{t.name}[{source}]"
            out.append(each)
    names = [t.name for t in out]
    for i, t in enumerate(out):
        # Names that the user did not give are told apart by their fate.
        if not t.named and names.count(t.name) > 1:
            each = copy.copy(t)
            each.name = f"{t.name}[{t.source[0]}]"
            out[i] = each
    _names("transition", [t.name for t in out])
    return tuple(out)
