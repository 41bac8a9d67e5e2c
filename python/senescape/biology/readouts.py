"""What a laboratory would measure: p21 and its reporter, cell volume, and stains with their cut-offs.

A plugin of its own, named beside ``biology``: nothing here acts on a cell's fate.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import senescape as sn
from senescape.biology.arrest import impulse
from senescape.plugins.hookspecs import hookimpl

LIVING = ("cycling", "arrested", "senescent")
STOPPED = ("arrested", "senescent")


def p53_activity(cell: Any, env: Any, p: Any) -> Any:
    """Where p21 goes: p53 that works, as damage drives it."""
    return cell.tp53 * impulse(cell, p)


def report(cell: Any, env: Any, p: Any) -> Any:
    """Hazard of being marked: once p21 stands above the reporter's threshold."""
    high = np.where(cell.p21 > p.threshold, 1.0, 0.0)
    return p.k * high * np.where(cell.mark["p21_reporter"], 0.0, 1.0)


@hookimpl
def senescape_traits() -> Sequence[sn.Trait]:
    """p21 and volume."""
    hours = sn.Param(6.0, unit="h", low=0.1, source="assumed: p21 follows p53 within hours (ref 70)")
    normal = sn.Param(1.0, unit="fold", low=0.0, source="its unit: the mean cycling cell")
    large = sn.Param(
        1.25,
        unit="fold",
        low=0.0,
        source="assumed: on average; senescent cells of twice the volume would hide all regression (refs 45-47)",
    )

    def slow(name: str) -> sn.Param:
        return sn.Param(72.0, unit="h", low=0.1, name=name, source="assumed: cells enlarge over days of arrest")

    return [
        sn.Trait(
            "p21",
            sn.Param(0.0, low=0.0, high=1.0, source="cells begin unstressed"),
            unit="share of the most",
            flow=sn.relax(p53_activity, tau=hours),
        ),
        sn.Trait(
            "volume",
            sn.Param(1.0, unit="fold", low=0.0, source="its unit: the mean cycling cell"),
            unit="fold",
            flow=[
                sn.relax(normal, tau=slow("volume.tau")),
                sn.relax(large, tau=slow("volume.tau"), fate=STOPPED),
            ],
        ),
    ]


@hookimpl
def senescape_transitions() -> Sequence[sn.Transition]:
    """The reporter: a Cdkn1a-Cre marks a cell, and all that descend from it, once p21 is high."""
    params = {
        "k": sn.Param(
            1.0, unit="1/h", low=0.0, name="reporter.k", source="assumed: recombination within hours of expression"
        ),
        "threshold": sn.Param(
            0.3,
            low=0.0,
            high=1.0,
            name="reporter.threshold",
            source="assumed: well below what an arrest takes (ref 70)",
        ),
    }
    return [sn.Transition(f"report_{fate}", fate, fate, report, mark="p21_reporter", params=params) for fate in LIVING]


def _stain(name: str, fate: str, positive: Callable[[Any, Any, Any], Any], cut_off: sn.Param) -> sn.Observable:
    return sn.Observable(f"{name}_{fate}", fate, positive, params={"cut_off": cut_off})


@hookimpl
def senescape_observables() -> Sequence[sn.Observable]:
    """Volume of the cells of each fate, and shares that stain for p21, p16 and the loss of Lamin B1."""
    out = [sn.Observable(f"volume_{fate}", fate, "volume", kind="sum", unit="cycling cells") for fate in LIVING]
    for fate in LIVING:
        for name, positive, cut_off in (
            ("p21", lambda cell, env, p: cell.p21 > p.cut_off, CUT_OFFS["p21"]),
            ("p16", lambda cell, env, p: cell.depth > p.cut_off, CUT_OFFS["p16"]),
            ("lamin_b1_loss", lambda cell, env, p: cell.depth > p.cut_off, CUT_OFFS["lamin_b1_loss"]),
        ):
            out.append(_stain(name, fate, positive, cut_off))
    return out


CUT_OFFS: dict[str, sn.Param] = {
    "p21": sn.Param(
        0.25, low=0.0, high=1.0, name="p21.cut_off", source="assumed: a quarter of what full p53 activity makes"
    ),
    "p16": sn.Param(
        0.6, low=0.0, high=1.0, name="p16.cut_off", source="assumed: p16 comes late, in the deepest arrests (ref 37)"
    ),
    "lamin_b1_loss": sn.Param(
        0.5, low=0.0, high=1.0, name="lamin_b1_loss.cut_off", source="assumed: lost in deep senescence (refs 37, 74)"
    ),
}
"""Where a cell counts as positive."""
