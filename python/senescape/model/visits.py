"""Visits to the clinic: what is seen of a tumour there, and the doses that are ordered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from senescape._support.suggest import did_you_mean
from senescape._support.validate import whole_number
from senescape.errors import ModelError
from senescape.model.drugs import Dose, Pulse
from senescape.model.immutable import Frozen
from senescape.rules.arrays import Environment, Items
from senescape.rules.parameter import Param
from senescape.rules.rule import Rule, as_rule

if TYPE_CHECKING:
    from senescape.rules.arrays import Cells

__all__ = ["Visit", "VisitRule"]


class VisitRule(Frozen):
    """What is decided at visits: a function of (visit, p), called at each of them.

    Parameters
    ----------
    name : str
        Its name; its parameters are called ``<name>.<param>``.
    function : callable
        Takes a :class:`Visit` and the parameters. It orders, changes or stops doses; what it returns is not used.
    params : mapping, optional
        What ``p`` holds.

    Raises
    ------
    ModelError
        If something is of the wrong kind.

    Examples
    --------
    >>> def decide(visit, p):
    ...     if visit.counts["senescent"] > p.above:
    ...         visit.order("navitoclax", amount=1.0)
    >>> VisitRule("adaptive", decide, {"above": 1000})
    VisitRule('adaptive')
    """

    __slots__ = ("name", "rule")

    rule: Rule

    def __init__(
        self, name: str, function: Callable[[Visit, Any], object], params: Mapping[str, Param | float] | None = None
    ) -> None:
        if not isinstance(name, str) or not name:
            raise ModelError(f"a visit rule's name is {name!r}; it must be a text")
        try:
            rule = as_rule(function, params, f"visit rule {name!r}", reads_cell=False, traced=False)
        except ModelError as error:
            raise ModelError(str(error).replace("(env, p)", "(visit, p)")) from None
        self._put(name=name, rule=rule)


class Visit:
    """One visit: what is seen of the tumour, and the doses, which it may change from now on.

    Attributes
    ----------
    number : int
        0 at the first visit of a replicate.
    replicate : int
        The replicate.
    time : float
        Hours since the start.
    counts : dict of str to int
        Cells alive by fate.
    cells : mapping of str to Cells
        The cells of each fate as read-only NumPy columns, without a copy: ``visit.cells["senescent"].depth``; also
        ``age``, ``mark[name]``, ``signal[name]`` and ``clone`` (the founder that each descends from).
    env : Environment
        What all cells see: drugs, pools, numbers, sums and means.
    events : dict of str to int
        Events since the start, by transition.
    memory : dict
        What the rule wants to know at the replicate's next visits: texts, numbers, lists and dicts. A visit must not
        depend on anything else that it kept, or results would depend on the order of replicates.
    """

    __slots__ = ("_doses", "_drugs", "_memory", "cells", "counts", "env", "events", "number", "replicate", "time")

    def __init__(
        self,
        number: int,
        replicate: int,
        env: Environment,
        counts: Mapping[str, int],
        cells: Mapping[str, Cells],
        events: Mapping[str, int],
        doses: list[Dose | Pulse],
        drugs: tuple[str, ...],
        memory: dict[str, Any],
    ) -> None:
        self.number, self.replicate, self.time, self.env = number, replicate, float(env.time), env
        self.counts, self.events, self._memory = dict(counts), dict(events), memory
        self.cells: Items[Cells] = Items(cells, "visit.cells", "fate")
        self._doses, self._drugs = doses, drugs

    @property
    def memory(self) -> dict[str, Any]:
        """Return what the rule wants to know at the next visits."""
        return self._memory

    @memory.setter
    def memory(self, value: dict[str, Any]) -> None:
        if not isinstance(value, dict):
            raise ModelError(f"visit.memory = {value!r}; it is a dict: visit.memory['name'] = ...")
        kept = dict(value)
        self._memory.clear()
        self._memory.update(kept)

    @property
    def doses(self) -> tuple[Dose | Pulse, ...]:
        """Return all doses in the order in which they were ordered: given and planned."""
        return tuple(self._doses)

    def order(
        self,
        drug: str | Dose | Pulse,
        amount: float | None = None,
        *,
        after: float = 0.0,
        route: str | None = None,
        duration: float | None = None,
        repeat: int = 1,
        interval: float = 24.0,
    ) -> None:
        """Order a dose, or several.

        Parameters
        ----------
        drug : str, Dose or Pulse
            Which, or the dose itself.
        amount : float
            How much.
        after : float
            Hours from now to the first.
        route, duration
            As for :class:`senescape.Dose`.
        repeat, interval : int, float
            How many, and hours from one to the next.

        Raises
        ------
        ModelError
            If the drug is not known, or a time is past.
        """
        if isinstance(drug, Dose | Pulse):
            if amount is not None:
                raise ModelError("the visit orders a dose, which has an amount; leave amount out")
            doses: list[Dose | Pulse] = [drug]
        elif amount is None:
            raise ModelError(f"the visit orders {drug!r} without an amount: visit.order({drug!r}, amount=...)")
        else:
            repeat = whole_number(repeat, "visit.order(repeat)", 1, 100_000)
            first = self.time + after
            doses = [Dose(drug, amount, first + i * interval, route, duration) for i in range(repeat)]
        for dose in doses:
            self._known(dose.drug)
            if _start(dose) < self.time:
                raise ModelError(
                    f"the visit at {self.time:g} h orders {dose.drug!r} for {_start(dose):g} h, which is past; "
                    "give a time from visit.time on"
                )
        self._doses.extend(doses)

    def stop(self, drug: str) -> None:
        """Give no more of a drug: planned doses are cancelled; an infusion or a pulse that runs ends now."""
        self.change(drug, 0.0)

    def change(self, drug: str, factor: float) -> None:
        """Multiply the planned doses of a drug, and the rest of an infusion or pulse that runs, by a factor >= 0.

        Parameters
        ----------
        drug : str
            Which.
        factor : float
            0 stops the drug.

        Raises
        ------
        ModelError
            If the drug is not known, or the factor negative or not finite.
        """
        self._known(drug)
        if not 0 <= factor < float("inf"):
            raise ModelError(f"the visit changes {drug!r} by the factor {factor!r}; it must be a finite number >= 0")
        kept: list[Dose | Pulse] = []
        for dose in self._doses:
            kept.extend([dose] if dose.drug != drug else _changed(dose, self.time, factor))
        self._doses[:] = kept

    def _known(self, drug: str) -> None:
        if drug not in self._drugs:
            raise ModelError(
                f"the visit names the drug {drug!r}, which the model does not have{did_you_mean(drug, self._drugs)}"
            )

    def __repr__(self) -> str:
        return f"<Visit {self.number} of replicate {self.replicate} at {self.time:g} h>"


def _start(dose: Dose | Pulse) -> float:
    return dose.start if isinstance(dose, Pulse) else dose.at


def _changed(dose: Dose | Pulse, now: float, factor: float) -> list[Dose | Pulse]:
    """Return what is left of a dose whose part from now on is multiplied by a factor."""
    start, duration = _start(dose), dose.duration or 0.0
    given = now - start
    if given > 0 and start + duration <= now:
        return [dose]
    if given <= 0:
        if factor == 0:
            return []
        if isinstance(dose, Pulse):
            return [replace(dose, concentration=factor * dose.concentration)]
        return [replace(dose, amount=factor * dose.amount)]
    left = duration - given
    before: Dose | Pulse
    after: Dose | Pulse
    if isinstance(dose, Pulse):
        before = replace(dose, duration=given)
        after = replace(dose, concentration=factor * dose.concentration, start=now, duration=left)
    else:
        rate = dose.amount / duration
        before = replace(dose, amount=rate * given, duration=given)
        after = replace(dose, amount=factor * rate * left, at=now, duration=left)
    return [before, after] if factor > 0 else [before]
