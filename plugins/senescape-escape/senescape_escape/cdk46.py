"""CDK4/6: palbociclib holds cells in G1, makes some of them senescent without damage, and lets most go when it leaves."""

from __future__ import annotations

from typing import Any

import numpy as np
import senescape as sn

DRUG = "palbociclib"
SIGNAL = "cdk46_hold"

G1 = sn.Param(
    4.0,
    unit="stages",
    low=1.0,
    name="cdk46.g1",
    source="assumed: the first third of the cycle's 12 stages lies before the restriction point; less than cycle.stages",
)


def hold(cell: Any, env: Any, p: Any) -> Any:
    """The share of the drive through G1 that the drug takes away, where there is Rb to answer for it.

    The exponent says that Rb and E2F answer to CDK4/6 as a switch does, not in proportion (assumed).
    """
    return cell.rb * sn.hill(env.drug[DRUG], p.ec50, 2)


def in_g1(cell: Any, p: Any) -> Any:
    """1 before the restriction point, 0 after it."""
    return np.where(cell.stage < p.g1 - 0.5, 1.0, 0.0)


def held_in_g1(cell: Any, env: Any, p: Any) -> Any:
    """Factor on the cycle: cells stay in G1; cells past it finish their cycle."""
    return 1.0 - in_g1(cell, p) * cell.signal[SIGNAL]


def gate(cell: Any, env: Any, p: Any) -> Any:
    """Factor on the ways back into the cycle, which begin in G1 and need CDK4/6."""
    return 1.0 - cell.signal[SIGNAL]


def senesce(cell: Any, env: Any, p: Any) -> Any:
    """Hazard of senescence of a held cell, without damage."""
    return p.k * in_g1(cell, p) * cell.signal[SIGNAL]


def let_go(cell: Any, env: Any, p: Any) -> Any:
    """Hazard of return of a cell that CDK4/6 inhibition alone had stopped.

    It needs the drug gone and no damage (counted in half-points of its signal), and is the rarer the deeper the arrest.
    """
    undamaged = 1.0 - sn.hill(cell.damage, 1.0, 2)
    return p.k * cell.cdk46_arrest * undamaged * (1.0 - cell.signal[SIGNAL]) * np.exp(-p.gamma * cell.depth)


def traits() -> list[sn.Trait]:
    """Rb, and whether CDK4/6 inhibition is what stopped the cell."""
    return [
        sn.Trait(
            "rb",
            initial=sn.Bernoulli(
                sn.Param(1.0, low=0.0, high=1.0, source="assumed: luminal breast lines have Rb; 0 for Rb-null lines")
            ),
        ),
        # A trait and not a mark: it fades in cycling cells, which may later be stopped by something else.
        sn.Trait(
            "cdk46_arrest",
            initial=0.0,
            flow=sn.relax(
                0.0,
                tau=sn.Param(12.0, unit="h", low=0.1, source="assumed: forgotten within a cycle"),
                fate="cycling",
            ),
        ),
    ]


def drugs() -> list[sn.Drug]:
    """Palbociclib."""
    return [
        sn.Drug(DRUG, half_life=sn.Param(29.0, unit="h", low=0.0, source="drug reference page: 29 h"), route="oral")
    ]


def signals() -> list[sn.Signal]:
    """How much of CDK4/6 is held."""
    return [
        sn.Signal(
            SIGNAL,
            hold,
            params={
                "ec50": sn.Param(
                    0.1,
                    unit="uM",
                    low=1e-9,
                    source="assumed: luminal lines stop at about 0.1 uM (cf. Finn 2009, doi 10.1186/bcr2419)",
                )
            },
        )
    ]


def modifiers() -> list[sn.Modifier]:
    """What the hold does to the cycle and to the ways back into it."""
    return [
        sn.Modifier("cdk46_g1", of="cycle", factor=held_in_g1, params={"g1": G1}),
        sn.Modifier("cdk46_return", of="return", factor=gate),
        sn.Modifier("cdk46_escape", of="escape", factor=gate),
    ]


def transitions() -> list[sn.Transition]:
    """Senescence of held cells."""
    return [
        sn.Transition(
            "cdk46_senescence",
            "cycling",
            "senescent",
            senesce,
            set={"cdk46_arrest": 1.0},
            mark="ever_senescent",
            params={
                "g1": G1,
                "k": sn.Param(
                    0.006,
                    unit="1/h",
                    low=0.0,
                    source="assumed: most held cells withdraw within a week; withdrawal grows with the days of G1 arrest "
                    "(cf. Crozier 2022 EMBO J 41:e108599)",
                ),
            },
        )
    ]


def escapes() -> list[sn.Escape]:
    """Return after the drug has left."""
    return [
        sn.Escape(
            "cdk46_release",
            let_go,
            set={"stage": 0.0},
            params={
                "k": sn.Param(0.02, unit="1/h", low=0.0, source="assumed: a shallow arrest is left within 2 days"),
                "gamma": sn.Param(6.0, low=0.0, source="assumed: as depth holds any other arrest (escape.gamma)"),
            },
        )
    ]
