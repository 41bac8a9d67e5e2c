"""The parts of a model, and what they come to when they are compiled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from senescape.errors import ModelError
from senescape.rules.parameter import Param
from senescape.rules.rule import Rule

if TYPE_CHECKING:
    from senescape.model.drugs import Drug
    from senescape.model.observables import Observable
    from senescape.model.pools import Pool
    from senescape.model.signals import Modifier, Signal
    from senescape.model.traits import Trait
    from senescape.model.transitions import Transition
    from senescape.model.visits import VisitRule

__all__ = ["Check", "CompiledModel", "Parts", "SlowRule"]


@dataclass(frozen=True, slots=True)
class SlowRule:
    """A hazard that is called, not compiled.

    Attributes
    ----------
    name : str
        The transition's.
    rule : Rule
        What is called.
    params : dict of str to str
        The full names of its parameters, by the names that it uses.
    fates : list of int
        The fates whose cells it is asked about.
    """

    name: str
    rule: Rule
    params: dict[str, str]
    fates: list[int]


@dataclass(frozen=True, slots=True)
class Check:
    """A condition on several parameters, or on one that has no range of its own: looked at whenever values change.

    Attributes
    ----------
    owner : str
        What the parameters belong to, for messages.
    names : dict of str to str
        Their full names, by the names that the test uses.
    test : callable
        Raises :class:`ModelError` if the values do not do.
    """

    owner: str
    names: dict[str, str]
    test: Callable[[dict[str, float]], object]

    def run(self, parameters: Mapping[str, Param]) -> None:
        """Test the values.

        Parameters
        ----------
        parameters : mapping of str to Param
            All of the model, by full name.

        Raises
        ------
        ModelError
            Naming the owner.
        """
        try:
            self.test({short: parameters[full].value for short, full in self.names.items()})
        except ModelError as error:
            raise ModelError(f"{self.owner}: {error}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The parts of a model, their names checked: see :class:`senescape.Model`."""

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


@dataclass(frozen=True, slots=True)
class CompiledModel:
    """What the parts of a model come to.

    Attributes
    ----------
    document : dict
        The document that the engine reads, but for the parameters' values. It must not be changed.
    text : str
        The same as JSON text.
    parameters : dict of str to Param
        All parameters by full name, in the order of the document.
    checks : tuple of Check
        Conditions on them.
    callbacks : tuple of SlowRule
        Hazards that are called, not compiled.
    visit_params : dict of str to dict of str to str
        The full names of the parameters of each visit rule.
    signal_graph : tuple
        Nodes, and for each signal the number of the node that computes it, modifiers included.
    """

    document: dict[str, Any]
    text: str
    parameters: dict[str, Param]
    checks: tuple[Check, ...]
    callbacks: tuple[SlowRule, ...]
    visit_params: dict[str, dict[str, str]]
    signal_graph: tuple[list[dict[str, Any]], dict[str, int]]
