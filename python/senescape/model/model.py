"""The plain model: fates, traits and hazards of any population of cells."""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from functools import cached_property
from typing import Any, NoReturn, TypeVar

import numpy as np
from numpy.typing import NDArray

from senescape._support.names import MOST_LISTED, MOST_PAIRS, Listing, check_spelling
from senescape._support.suggest import did_you_mean
from senescape.errors import FrozenError, ModelError, about
from senescape.model.compile import compile_model
from senescape.model.compiled import CompiledModel, Parts, SlowRule
from senescape.model.drugs import Drug
from senescape.model.observables import Observable
from senescape.model.pools import Pool
from senescape.model.rule_costs import shares
from senescape.model.signals import Modifier, Signal
from senescape.model.traits import Trait
from senescape.model.transitions import Transition
from senescape.model.visits import VisitRule
from senescape.rules.parameter import Param
from senescape.rules.rule import Rule
from senescape.rules.source_location import code_of, source_line

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
    signals : sequence of Signal
        Named quantities that hazards are written in.
    modifiers : sequence of Modifier
        Factors on signals and hazards.
    marks : sequence of str
        Marks that rules read; those that transitions raise are known already. At most 64.
    observables : sequence of Observable
        Read-outs.
    visits : sequence of VisitRule
        What is decided at visits to the clinic.
    barriers : sequence of str
        The barriers in order; by default in the order in which transitions name them.

    Attributes
    ----------
    slow_rules : tuple of SlowRule
        Hazards that are called, not compiled: those given with ``traced=False``.
    visit_params : dict of str to dict of str to str
        The full names of the parameters of each visit rule, by the names that it uses.

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
    >>> model.with_params({"death.hazard": 0.05}).parameters["death.hazard"].value
    0.05
    """

    fates: tuple[str, ...]
    transitions: tuple[Transition, ...]
    traits: tuple[Trait, ...]
    drugs: tuple[Drug, ...]
    pools: tuple[Pool, ...]
    signals: tuple[Signal, ...]
    modifiers: tuple[Modifier, ...]
    marks: tuple[str, ...]
    observables: tuple[Observable, ...]
    visits: tuple[VisitRule, ...]
    barriers: tuple[str, ...]
    causes: tuple[str, ...]
    _parameters: dict[str, Param]
    _plugins: Mapping[str, frozenset[str]]
    _compiled: CompiledModel
    _hashes: dict[str, str]

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
        signals: Sequence[Signal] = (),
        modifiers: Sequence[Modifier] = (),
        visits: Sequence[VisitRule] = (),
    ) -> None:
        put = self.__dict__
        put["fates"] = _names("fate", [fates] if isinstance(fates, str) else fates)
        if not self.fates:
            raise ModelError("a model needs at least one fate: fates=['cell']")
        put["traits"] = _objects("traits", traits, Trait)
        put["drugs"] = _objects("drugs", drugs, Drug)
        put["pools"] = _objects("pools", pools, Pool)
        put["signals"] = _objects("signals", signals, Signal)
        put["modifiers"] = _objects("modifiers", modifiers, Modifier)
        put["observables"] = _objects("observables", observables, Observable)
        put["visits"] = _objects("visits", visits, VisitRule)
        put["transitions"] = _expand(_objects("transitions", transitions, Transition))
        _names("trait", [each.name for each in self.traits])
        _names("drug", [each.name for each in self.drugs])
        _names("pool", [each.name for each in self.pools])
        _names("observable", [each.name for each in self.observables])
        _names("signal", [each.name for each in self.signals])
        _names("modifier", [each.name for each in self.modifiers])
        _names("visit rule", [each.name for each in self.visits])
        for t in self.transitions:
            # Their own names, and those that only transitions mention; that names differ, _expand has seen to.
            for kind, names in (
                ("transition", (t.name,)),
                ("mark", t.mark),
                ("cause", (t.cause,)),
                ("barrier", (t.barrier,)),
            ):
                for name in names:
                    check_spelling(name or "", f"a {kind}")
        raised = [mark for t in self.transitions for mark in (*t.mark, *t.unmark)]
        put["marks"] = _in_order("mark", [marks] if isinstance(marks, str) else marks, raised)
        if len(self.marks) > _MOST_MARKS:
            raise ModelError(f"the model has {len(self.marks)} marks; at most {_MOST_MARKS} are possible")
        named = [t.barrier for t in self.transitions if t.barrier is not None]
        listed = _names("barrier", [barriers] if isinstance(barriers, str) else barriers)
        put["barriers"] = _in_order("barrier", listed, named)
        if listed and (unknown := [each for each in dict.fromkeys(named) if each not in listed]):
            raise ModelError(
                f"a transition names the barrier {unknown[0]!r}, which barriers={list(listed)} lacks"
                f"{did_you_mean(unknown[0], listed)}"
            )
        put["causes"] = tuple(dict.fromkeys(t.cause for t in self.transitions if t.cause is not None))
        self._check_sizes()
        self._check_names()
        put["_compiled"] = compile_model(Parts(**{part.name: put[part.name] for part in fields(Parts)}))
        put["_parameters"] = self._compiled.parameters
        put["_hashes"] = {}
        put["_plugins"] = {}
        self._check_values()

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise FrozenError(f"a model does not change; with_params gives one with other numbers (tried to set {name})")

    def __delattr__(self, name: str) -> NoReturn:
        raise FrozenError("a model does not change")

    def __getstate__(self) -> dict[str, Any]:
        # What is computed on use is computed again where the model arrives.
        computed = ("rule_shares",)
        return {name: value for name, value in self.__dict__.items() if name not in computed}

    # -- parameters ---------------------------------------------------------------------------------------------------

    @property
    def parameters(self) -> dict[str, Param]:
        """Return all parameters by full name (``"escape.h0"``), in the order of the document."""
        return dict(self._parameters)

    def parameter_values(self) -> list[float]:
        """Return the parameters' values in the order of :attr:`parameters`."""
        return [param.value for param in self._parameters.values()]

    def with_params(self, values: Mapping[str, float]) -> Model:
        """Return the same model with other parameter values. Nothing is traced again.

        Parameters
        ----------
        values : mapping of str to float
            By full name; that of a model made of plugins may begin with the plugin's (``"biology.escape.h0"``).

        Raises
        ------
        ModelError
            If a name is unknown or a value out of its range, or two names stand for one parameter.
        """
        if not isinstance(values, Mapping):
            raise ModelError(f'params = {values!r} is not a mapping; give values by name, {{"escape.h0": 0.01}}')
        parameters = dict(self._parameters)
        given: dict[str, str] = {}
        for address, value in values.items():
            if not isinstance(address, str):
                raise ModelError(f"params name {address!r}; give a parameter's full name, such as 'escape.h0'")
            name = self._full_name(address)
            if name in given:
                raise ModelError(f"{given[name]!r} and {address!r} are the same parameter; give it once")
            given[name] = address
            parameters[name] = parameters[name].at(value, f"parameter {address!r}")
        other = copy.copy(self)
        other.__dict__["_parameters"] = parameters
        other._check_values()
        return other

    def _full_name(self, address: str) -> str:
        """Return the name of a parameter that may be addressed by plugin."""
        if address in self._parameters:
            return address
        for plugin, owned in self._plugins.items():
            name = address.removeprefix(f"{plugin}.")
            if name != address and name in self._parameters and name.partition(".")[0] in owned:
                return name
        by_plugin = [
            f"{plugin}.{name}"
            for plugin, parts in self._plugins.items()
            for name in self._parameters
            if name.partition(".")[0] in parts
        ]
        known = [*self._parameters, *by_plugin]
        raise ModelError(f"the model has no parameter {address!r}{did_you_mean(address, known)}")

    def _check_values(self) -> None:
        for check in self._compiled.checks:
            check.run(self._parameters)

    def rules(self) -> dict[str, Rule]:
        """Give every rule by what it belongs to, such as ``"transition 'escape': hazard"``."""
        found: dict[str, Any] = {}
        for trait in self.traits:
            owner = f"trait {trait.name!r}"
            found[f"{owner}: initial"] = trait.initial
            found[f"{owner}: inherit"] = trait.inherit.value
            for flow in trait.flow:
                where = "" if flow.fates is None else f" in {', '.join(flow.fates)}"
                found[f"{owner}: flow{where}"] = flow.target
        found.update({f"signal {signal.name!r}": signal.value for signal in self.signals})
        found.update({f"modifier {modifier.name!r}": modifier.factor for modifier in self.modifiers})
        for pool in self.pools:
            found[f"pool {pool.name!r}: rate"] = pool.rate
        for t in self.transitions:
            found[f"transition {t.name!r}: hazard"] = t.hazard
            found.update({f"transition {t.name!r}: set[{trait!r}]": value for trait, value in t.set.items()})
        for observable in self.observables:
            found[f"observable {observable.name!r}"] = observable.rule
        found.update({f"visit rule {each.name!r}": each.rule for each in self.visits})
        return {owner: value for owner, value in found.items() if isinstance(value, Rule)}

    @cached_property
    def rule_shares(self) -> list[float]:
        """Return how much of the work of its fate's hazards falls to each transition: see :mod:`senescape.results.profile`."""
        return shares(self.document)

    @property
    def signal_graph(self) -> tuple[list[dict[str, Any]], dict[str, int]]:
        """Return nodes as in the document, and for each signal the number of the node that computes it, modifiers included."""
        return self._compiled.signal_graph

    def place_of(self, fault: str, fate: str) -> str:
        """Return where the rule stands that the engine found fault with, for messages: its line and its plugin.

        Parameters
        ----------
        fault : str
            What the engine calls it: a transition's name, ``"<transition>: set <trait>"``, ``"initial value of <trait>"``,
            ``"inheritance of <trait>"`` or ``"flow of <trait>"``.
        fate : str
            The fate of the cell with which it found it.
        """
        head, _, trait = fault.partition(": set ")
        owner = f"transition {head!r}: set[{trait!r}]" if trait else f"transition {head!r}: hazard"
        part = next((t.prefix for t in self.transitions if t.name == head), head)
        for words, what in (("initial value of ", "initial"), ("inheritance of ", "inherit"), ("flow of ", "flow")):
            if fault.startswith(words):
                part = fault.removeprefix(words)
                owner = f"trait {part!r}: {what}"
        rules = self.rules()
        # A flow of its own fates is called by their names too.
        own = [
            name for name in rules if name.startswith(f"{owner} in ") and fate in name.partition(" in ")[2].split(", ")
        ]
        rule = rules.get(own[0] if own else owner)
        code = None if rule is None else code_of(rule.function)
        line = "" if code is None else f"\n  at {source_line(code, code.co_firstlineno)}"
        return line + self.plugin_of(part)

    def plugin_of(self, part: str) -> str:
        """Say which plugin a part comes from, for messages; nothing where the model is not made of plugins."""
        found = [plugin for plugin, parts in self._plugins.items() if part in parts]
        return f"\n  in the plugin {found[0]!r}" if found else ""

    def rule_hashes(self) -> dict[str, str]:
        """Return SHA-256 of what each rule computes, by what it belongs to (see :meth:`rules`), for provenance."""
        # Finding sources takes a while, so it is done once for a model and all that with_params makes of it.
        if not self._hashes:
            self._hashes.update({owner: rule.digest for owner, rule in self.rules().items()})
        return dict(self._hashes)

    # -- the document -------------------------------------------------------------------------------------------------

    def to_document(self) -> dict[str, Any]:
        """Write the model as the document that the engine reads: numbers, texts, lists and dicts, the caller's own."""
        return copy.deepcopy({**self.document, "params": self._param_values()})

    def to_json(self) -> str:
        """Write the document as JSON text. Floats are exact."""
        # All but the values was written once, when the model was compiled: a sweep pays for its numbers only.
        text = self._compiled.text.removesuffix("}")
        return f'{text}, "params": {json.dumps(self._param_values(), allow_nan=False)}}}'

    def _param_values(self) -> list[dict[str, Any]]:
        return [{"name": name, "value": param.value} for name, param in self._parameters.items()]

    @property
    def document(self) -> Mapping[str, Any]:
        """Return the document without the values of parameters: the model's own, which must not be changed."""
        return self._compiled.document

    @property
    def slow_rules(self) -> tuple[SlowRule, ...]:
        """Return hazards that are called, not compiled."""
        return self._compiled.callbacks

    @property
    def visit_params(self) -> Mapping[str, Mapping[str, str]]:
        """Return the full names of the parameters of each visit rule, by the names that it uses."""
        return self._compiled.visit_params

    @property
    def columns(self) -> list[NDArray[np.float32]]:
        """Return measured initial values: one array for each trait that was given one."""
        return [trait.initial for trait in self.traits if isinstance(trait.initial, np.ndarray)]

    def _check_sizes(self) -> None:
        """Refuse, before rules are traced, what the engine would refuse afterwards."""
        for kind in ("fates", "traits", "drugs", "pools", "causes", "barriers", "transitions", "observables"):
            n = len(getattr(self, kind))
            if n > MOST_LISTED:
                raise ModelError(f"the model has {n:,} {kind}; at most {MOST_LISTED:,} are possible")
        slow = {t.prefix for t in self.transitions if isinstance(t.hazard, Rule) and not t.hazard.traced}
        each = len(self.traits) + len(self.transitions) + len(slow)
        if len(self.fates) * each > MOST_PAIRS:
            raise ModelError(
                f"the model has {len(self.fates):,} fates with {each:,} traits and transitions; at most {MOST_PAIRS:,} pairs "
                "are possible: use fewer fates, and traits for what differs between their cells"
            )

    def _check_names(self) -> None:
        traits = Listing(trait.name for trait in self.traits)
        fates = Listing(self.fates)
        for t in self.transitions:
            owner = f"transition {t.name!r}"
            with about(t.prefix):
                _known_fate(t.source[0], f"{owner}: source", fates)
                if t.target is not None:
                    _known_fate(t.target, f"{owner}: target", fates)
                for name in t.set:
                    if name not in traits:
                        raise ModelError(
                            f"{owner} sets the trait {name!r}, which the model does not have{did_you_mean(name, traits)}",
                            missing=name,
                        )
        signals = {signal.name for signal in self.signals}
        transitions = {name for t in self.transitions for name in (t.name, t.prefix)}
        if both := signals & transitions:
            raise ModelError(f"a signal and a transition are both named {min(both)!r}; rename one", part=min(both))
        for modifier in self.modifiers:
            if modifier.of not in signals | transitions:
                known = [*signals, *transitions]
                raise ModelError(
                    f"modifier {modifier.name!r} multiplies {modifier.of!r}, but there is no such signal or transition"
                    f"{did_you_mean(modifier.of, known)}",
                    part=modifier.name,
                    missing=modifier.of,
                )
        for observable in self.observables:
            with about(observable.name):
                _known_fate(observable.fate, f"observable {observable.name!r}: fate", fates)
        for trait in self.traits:
            for flow in trait.flow:
                for fate in flow.fates or ():
                    with about(trait.name):
                        _known_fate(fate, f"trait {trait.name!r}: flow", fates)

    def __repr__(self) -> str:
        return f"<Model: fates {', '.join(self.fates)}; {len(self.transitions)} transitions, {len(self.traits)} traits>"


def _known_fate(name: str, place: str, fates: Listing) -> None:
    if name not in fates:
        near = did_you_mean(name, fates)
        raise ModelError(f"{place} names the fate {name!r}, which the model does not have{near}", missing=name)


def _names(kind: str, names: Iterable[str]) -> tuple[str, ...]:
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise ModelError(f"{kind}s is {names!r}; it must be a list of names")
    seen: dict[str, None] = {}
    for name in names:
        if not isinstance(name, str) or not name:
            raise ModelError(f"a {kind}'s name is {name!r}; it must be a text")
        check_spelling(name, f"a {kind}")
        if name in seen:
            raise ModelError(f"two {kind}s are named {name!r}; rename one")
        if kind == "fate" and name == "dead":
            raise ModelError("'dead' is no fate: the dead are counted by cause. Use sn.Death(...) or target='dead'")
        seen[name] = None
    return tuple(seen)


def _in_order(kind: str, listed: Iterable[str], named: Iterable[str]) -> tuple[str, ...]:
    """Return names in the order given, then those that transitions mention, in the order of first mention."""
    return tuple(dict.fromkeys([*_names(kind, listed), *named]))


def _objects(argument: str, things: Sequence[_T], kind: type[_T]) -> tuple[_T, ...]:
    if isinstance(things, kind):
        raise ModelError(f"{argument} is one {kind.__name__}; it must be a list, {argument}=[...]")
    if not isinstance(things, Iterable):
        raise ModelError(f"{argument} is {things!r}; it must be a list of sn.{kind.__name__} objects")
    for thing in things:
        if not isinstance(thing, kind):
            raise ModelError(f"{argument} holds {thing!r}; it must hold sn.{kind.__name__} objects")
    return tuple(things)


def _expand(transitions: Sequence[Transition]) -> tuple[Transition, ...]:
    """Return one transition for each source, with names that differ."""
    given = Counter(t.name for t in transitions)
    out: list[Transition] = []
    for t in transitions:
        prefix = t.name
        if not t.named and given[t.name] > 1:
            # Fates tell names apart that the user did not give.
            prefix = f"{t.name}[{'+'.join(t.source)}]"
        if len(t.source) == 1:
            out.append(t._with(name=prefix, prefix=prefix))
        else:
            out.extend(t._with(name=f"{t.name}[{each}]", source=(each,), prefix=prefix) for each in t.source)
    names = Counter(t.name for t in out)
    for t in out:
        if names[t.name] > 1:
            raise ModelError(f"two transitions are named {t.name!r}; give them names of their own, name=...")
    return tuple(out)
