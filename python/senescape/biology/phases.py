"""Phases of the cycle: drugs do not act alike in all of them. Doxorubicin damages S, G2 and M most; docetaxel stops mitosis.

A plugin of its own, named beside ``biology``, whose fitted presets take all phases together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import senescape as sn
from senescape.biology import cycle
from senescape.plugins.hookspecs import hookimpl

DRUG = "docetaxel"
EC50 = sn.Param(
    0.005,
    unit="uM",
    low=1e-9,
    name="docetaxel.ec50",
    source="assumed: taxanes block mitosis at a few nM (Jordan 1993 PNAS 90:9552, paclitaxel 8 nM)",
)
SLIP = sn.Param(
    0.5, low=0.0, high=1.0, name="docetaxel.slip", source="assumed: half of blocked cells slip out of mitosis, half die"
)


def sensitivity(cell: Any, env: Any, p: Any) -> Any:
    """How much damage the same drug does, by the phase that a cell's stage lies in."""
    done = (cell.stage + 0.5) / p.stages
    return np.where(done < p.g1_share, p.g1, np.where(done < p.g1_share + p.s_share, p.s, p.g2m))


def blocked(cell: Any, env: Any, p: Any) -> Any:
    """Hazard of reaching mitosis and being blocked there by docetaxel."""
    last = np.where(cell.stage > p.stages - 1.5, 1.0, 0.0)
    return last * cycle.rate(cell, env, p) * sn.hill(env.drug[DRUG], p.ec50, 2)


def slip(cell: Any, env: Any, p: Any) -> Any:
    """Hazard of mitotic slippage: out of mitosis without division, into arrest."""
    return blocked(cell, env, p) * p.slip


def die(cell: Any, env: Any, p: Any) -> Any:
    """Hazard of death in a mitosis that is blocked."""
    return blocked(cell, env, p) * (1.0 - p.slip)


def free(cell: Any, env: Any, p: Any) -> Any:
    """The share of mitoses that are not blocked."""
    return 1.0 - sn.hill(env.drug[DRUG], p.ec50, 2)


def tetraploid(cell: Any, env: Any, p: Any) -> Any:
    """Damage after slippage: four sets of chromosomes signal to p53 as damage does."""
    return cell.damage + p.harm


@hookimpl
def senescape_drugs() -> Sequence[sn.Drug]:
    """Docetaxel."""
    hours = sn.Param(11.1, unit="h", low=0.0, source="Taxotere product label: terminal half-life 11.1 h")
    counted = "amounts are counted in the concentration (uM) that they bring"
    volume = sn.Param(1.0, low=1e-9, source=counted)
    share = sn.Param(1.0, low=0.0, high=1.0, source=counted)
    return [sn.Drug(DRUG, half_life=hours, volume=volume, bioavailability=share, unit="uM")]


@hookimpl
def senescape_modifiers() -> Sequence[sn.Modifier]:
    """Phases act on the uptake of damage; docetaxel takes mitoses away from division and from catastrophe."""
    phase = "assumed: topoisomerase II alpha, which doxorubicin poisons, is scarce in G1 and rises through S to G2"
    length = "assumed: G1 fills half of the cycle, S a third, as in most cultured lines"
    weights = {
        "stages": cycle.STAGES,
        "g1": sn.Param(0.6, low=0.0, source=phase),
        "s": sn.Param(1.3, low=0.0, source=phase),
        "g2m": sn.Param(1.1, low=0.0, source=phase),
        "g1_share": sn.Param(0.5, low=0.0, high=1.0, source=length),
        "s_share": sn.Param(0.33, low=0.0, high=1.0, source=length),
    }
    return [
        sn.Modifier("phase", "uptake", sensitivity, weights),
        sn.Modifier("docetaxel_on_division", "division", free, {"ec50": EC50}),
        sn.Modifier("docetaxel_on_catastrophe", "mitotic_catastrophe", free, {"ec50": EC50}),
    ]


@hookimpl
def senescape_transitions() -> Sequence[sn.Transition]:
    """What becomes of a blocked mitosis."""
    shared = {
        "stages": cycle.STAGES,
        "length": cycle.LENGTH,
        "capacity": cycle.CAPACITY,
        "crowding": cycle.CROWDING,
        "ec50": EC50,
        "slip": SLIP,
    }
    harm = sn.Param(
        1.0, unit="half-points", low=0.0, source="assumed: tetraploid cells arrest through p53 as at the half-point"
    )
    return [
        sn.Transition(
            "slippage",
            "cycling",
            "arrested",
            slip,
            set={"damage": tetraploid},
            mark="p21_reporter",
            params={**shared, "harm": harm},
        ),
        sn.Death("cycling", die, "mitotic_catastrophe", "intrinsic", name="blocked_mitosis", params=shared),
    ]
