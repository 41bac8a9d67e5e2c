"""Senolysis by the extrinsic route: DR5 activation over what cFLIP holds back.

Wang 2022, Nat Cancer 3:1284, doi 10.1038/s43018-022-00462-2: in senescent cancer cells NF-kB raises DR5 and its ligand TRAIL, and
cFLIP protects them; a DR5 agonist kills them, the more where BRD2 inhibition suppresses cFLIP.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import senescape as sn

AGONIST = "dr5_agonist"
SUPPRESSOR = "cflip_suppressor"

WANG = "Wang 2022, doi 10.1038/s43018-022-00462-2"

DR5_FOLD = sn.Param(
    4.0, unit="fold", low=1.0, name="nfkb.dr5_fold", source=f"assumed: raised by NF-kB in senescence ({WANG})"
)
CFLIP_FOLD = sn.Param(
    1.5, unit="fold", low=1.0, name="nfkb.cflip_fold", source=f"assumed: raised, less than DR5 ({WANG})"
)
TRAIL = sn.Param(
    0.25,
    low=0.0,
    high=1.0,
    name="nfkb.trail",
    source=f"assumed: share of DR5 that a senescent cell's own TRAIL engages, so that losing cFLIP alone kills some ({WANG})",
)


def raised(cell: Any, fold: Any) -> Any:
    """The fold by which NF-kB raises a gene."""
    return 1.0 + (fold - 1.0) * cell.nfkb


def receptors(cell: Any, p: Any) -> Any:
    """DR5 on the cell."""
    return cell.dr5 * raised(cell, p.dr5_fold)


def protection(cell: Any, p: Any) -> Any:
    """CFLIP in the cell."""
    return cell.cflip * raised(cell, p.cflip_fold)


def own_trail(cell: Any, p: Any) -> Any:
    """The share of DR5 that the cell's own TRAIL engages."""
    return p.trail * cell.nfkb


def drive(cell: Any, env: Any, p: Any) -> Any:
    """What DR5 signals: receptors engaged by TRAIL or, independently of it, by the agonist."""
    own = own_trail(cell, p)
    return receptors(cell, p) * (own + (1.0 - own) * sn.hill(env.drug[AGONIST], p.ec50))


def guard(cell: Any, env: Any, p: Any) -> Any:
    """What cFLIP holds back: as much signal as there is cFLIP left."""
    return protection(cell, p) * (1.0 - p.most * sn.hill(env.drug[SUPPRESSOR], p.ec50))


def kill(cell: Any, env: Any, p: Any) -> Any:
    """Hazard of death: caspase-8 fires as a switch of drive over guard. What it does without drugs is taken off."""
    at_rest = sn.hill(receptors(cell, p) * own_trail(cell, p), protection(cell, p), 4)
    fires = sn.hill(cell.signal["dr5_drive"], cell.signal["cflip_guard"], 4)
    return p.kmax * np.maximum(0.0, fires - at_rest)


@sn.hookimpl
def senescape_traits() -> Sequence[sn.Trait]:
    """DR5 and cFLIP as a cell has them while it cycles, and NF-kB, which raises both in senescence."""
    rho = sn.Param(0.9, low=0.0, high=1.0, source="assumed: mother-daughter correlation")
    spread = sn.Param(0.4, low=0.0, source="assumed: cells of a line differ by half as much again")

    def level(value: float, source: str) -> sn.LogNormal:
        return sn.LogNormal(median=sn.Param(value, unit="a.u.", low=0.0, source=source), sigma=spread)

    slow = sn.Param(72.0, unit="h", low=0.1, name="nfkb.tau", source="assumed: the SASP builds up over days")
    return [
        sn.Trait("dr5", level(0.5, "assumed: little, in units of cFLIP"), unit="a.u.", inherit=sn.ar1(rho)),
        sn.Trait(
            "cflip", level(2.0, "assumed: enough to hold back all DR5 of a cycling cell"), "a.u.", inherit=sn.ar1(rho)
        ),
        sn.Trait(
            "nfkb",
            initial=0.0,
            unit="share of the most",
            flow=[sn.relax(0.0, tau=slow), sn.relax(1.0, tau=slow, fate="senescent")],
        ),
    ]


@sn.hookimpl
def senescape_drugs() -> Sequence[sn.Drug]:
    """An agonistic antibody to DR5, and an inhibitor of BRD2, which suppresses cFLIP."""
    days = sn.Param(
        384.0, unit="h", low=0.0, source="conatumumab: 13 to 19 days (Herbst 2010, doi 10.1158/1078-0432.CCR-10-0631)"
    )
    hours = sn.Param(6.0, unit="h", low=0.0, source="assumed: BET inhibitors by mouth last for hours")
    return [
        sn.Drug(AGONIST, half_life=days, route="bolus", unit="EC50s"),
        sn.Drug(SUPPRESSOR, half_life=hours, route="oral", unit="EC50s"),
    ]


@sn.hookimpl
def senescape_signals() -> Sequence[sn.Signal]:
    """What DR5 signals, and what cFLIP holds back: other plugins may modify both."""
    ec50 = sn.Param(1.0, unit="EC50s", low=1e-9, source="the unit of concentration")
    most = sn.Param(
        0.6,
        low=0.0,
        high=0.99,
        source=f"assumed: more than half of cFLIP goes, not all of it ({WANG} shows it lowered)",
    )
    return [
        sn.Signal("dr5_drive", drive, {"dr5_fold": DR5_FOLD, "trail": TRAIL, "ec50": ec50}, unit="a.u."),
        sn.Signal("cflip_guard", guard, {"cflip_fold": CFLIP_FOLD, "most": most, "ec50": ec50}, unit="a.u."),
    ]


def _death() -> dict[str, sn.Param]:
    kmax = sn.Param(
        0.1,
        unit="1/h",
        low=0.0,
        name="dr5.kmax",
        source="assumed: a half-life of 7 h once caspase-8 fires; TRAIL kills in hours",
    )
    return {"kmax": kmax, "dr5_fold": DR5_FOLD, "cflip_fold": CFLIP_FOLD, "trail": TRAIL}


@sn.hookimpl
def senescape_senolytics() -> Sequence[sn.Senolytic]:
    """Death of senescent cells."""
    return [sn.Senolytic("dr5_senolysis", kill, params=_death())]


@sn.hookimpl
def senescape_transitions() -> Sequence[sn.Transition]:
    """Death of cycling and arrested cells by the same rule."""
    return [sn.Death(["cycling", "arrested"], kill, "apoptosis", "intrinsic", name="dr5_apoptosis", params=_death())]
