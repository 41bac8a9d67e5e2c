"""Models with rates that are none, or beyond all reason: each run of one is to end soon, with an error that names the rule."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import senescape as sn
from senescape.testing.strategies import rule

BAD = {
    "NaN": "np.log(-1.0 - 0.0 * {x})",
    "infinity": "1.0 / (0.0 * {x})",
    "negative": "-1.0 - 0.0 * {x}",
    "overflow": "np.exp(1000.0 + 0.0 * {x})",
}
"""What is no rate, of something read."""

WHERE = {
    "at the start": "{bad}",
    "late": "np.where(env.time > 50.0, {bad}, 0.01)",
    "with a drug": "np.where(env.drug['d'] > 0.5, {bad}, 0.01)",
    "with a trait": "np.where(cell.x > 1.5, {bad}, 0.01)",
    "from a plugin": "np.where(env.time > 30.0, {bad}, 0.01)",
    "with many cells": "np.where(env.count['a'] > 150.0, {bad}, 0.01)",
}
"""Where it is met."""

BEYOND = ("1e30 * cell.age", "1e20 * cell.age ** 2", "1e9 * np.maximum(env.time - 40.0, 0.0)", "1e30 + 0.0 * cell.x")
"""Hazards of moves under which time does not get on."""


@dataclass(frozen=True, slots=True)
class Case:
    """A model with something wrong.

    Attributes
    ----------
    what : str
        In words.
    name : str
        What an error must name.
    parts : dict
        Of the model.
    sound : bool
        Whether there is nothing wrong after all.
    """

    what: str
    name: str
    parts: dict[str, Any] = field(repr=False)
    sound: bool = False

    def told(self) -> str | None:
        """Run it: what is said, or nothing."""
        doses = [sn.Dose("d", 1.0, at=40.0)]
        initial = dict.fromkeys(self.parts["fates"], 100)
        try:
            model = sn.Model(drugs=[sn.Drug("d", half_life=20.0)], **self.parts)
            sn.simulate(model, initial=initial, until=100.0, every=10.0, doses=doses, seed=1, progress=False)
        except sn.SenescapeError as error:
            return str(error)
        return None


def cases() -> Iterator[Case]:
    """Give all of them."""
    division = sn.Division("a", 0.02)
    risen = sn.Trait("x", 0.0, flow=sn.relax(2.0, tau=40.0))
    for kind, bad in BAD.items():
        for where, form in WHERE.items():
            text = form.format(bad=bad.format(x="cell.x"))
            parts = {"fates": ["a"], "traits": [risen], "transitions": [division, sn.Death("a", rule(text), "bad")]}
            yield Case(f"{kind} {where}", "bad", parts)
        rate = eval(f"lambda env, p: {bad.format(x='env.time')}", {"np": np})
        hazard = sn.Death("a", lambda cell, env, p: 0.01 * np.maximum(env.pool["pool"], 0.0), "death")
        parts = {"fates": ["a"], "pools": [sn.Pool("pool", initial=1.0, rate=rate)], "transitions": [hazard]}
        # A pool that falls below zero is one, and no error.
        yield Case(f"{kind} in a pool", "pool", parts, sound=kind == "negative")
        # So is a trait.
        for when in ("at the start", "late", "with a drug"):
            target = rule(WHERE[when].format(bad=bad.format(x="env.time")))
            for read in (True, False):
                led = sn.Trait("led", 0.0, flow=sn.relax(target, tau=10.0))
                hazard = sn.Death("a", lambda cell, env, p: 0.01 / (1.0 + cell.led**2), "death")
                parts = {
                    "fates": ["a"],
                    "traits": [led],
                    "transitions": [division, *([hazard] if read else [])],
                    "observables": [sn.Observable("led", "a", "led")],
                }
                what = f"{kind} {when} as the target of a trait that {'a hazard reads' if read else 'is looked at'}"
                yield Case(what, "flow of led", parts, sound=kind == "negative")
    for text in BEYOND:
        for target in ("a", "b"):
            moves = [sn.Transition("bad", "a", target, rule(text))]
            moves += [sn.Transition("bad too", "b", "a", rule(text))] if target == "b" else []
            traits = [sn.Trait("x", 0.0)]
            yield Case(
                f"{text} from a to {target}", "bad", {"fates": ["a", "b"], "traits": traits, "transitions": moves}
            )
