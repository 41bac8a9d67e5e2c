"""The cell cycle as stages, and damage by doxorubicin."""

from __future__ import annotations

from typing import Any

import numpy as np

import senescape as sn

_WELLS = "fitted to untreated wells of Howard 2022, doi 10.1371/journal.pcbi.1009104 (MCF7)"
_SERIES = (
    "fitted to the dose series of Howard 2022, doi 10.1371/journal.pcbi.1009104; the default is MCF7's, rounded, and the presets "
    "hold each line's"
)

STAGES = sn.Param(
    12, unit="1", low=1, name="cycle.stages", source="assumed: spread of cycle times near 30% (Erlang of 12 stages)"
)
LENGTH = sn.Param(29.8, unit="h", low=1.0, name="cycle.length", source=_WELLS)
CAPACITY = sn.Param(5.27e4, unit="cells", low=1.0, name="cycle.capacity", source=_WELLS)
CROWDING = sn.Param(1.4, unit="1", low=0.1, name="cycle.crowding", source=_WELLS)
REPAIR = sn.Param(
    310.0,
    unit="h",
    low=0.1,
    name="damage.repair",
    source=f"{_SERIES}. Lasting damage is meant, which holds the arrest for weeks, not breaks that are rejoined in a day",
)


def rate(cell: Any, env: Any, p: Any) -> Any:
    """Stages a cell passes an hour; it falls to zero as the well fills."""
    total = env.count["cycling"] + env.count["arrested"] + env.count["senescent"]
    room = np.maximum(0.0, 1.0 - np.power(total / p.capacity, p.crowding))
    return p.stages / p.length * room * cell.signal["growth"]


def advance(cell: Any, env: Any, p: Any) -> Any:
    """Hazard of passing to the next stage."""
    return np.where(cell.stage < p.stages - 1.5, 1.0, 0.0) * rate(cell, env, p)


def catastrophe_share(cell: Any, p: Any) -> Any:
    """The share of mitoses that end in catastrophe."""
    return sn.hill(cell.damage, p.ac, 3)


def divide(cell: Any, env: Any, p: Any) -> Any:
    """Hazard of division: the last stage's end, unless mitosis fails."""
    last = np.where(cell.stage > p.stages - 1.5, 1.0, 0.0)
    return last * rate(cell, env, p) * (1.0 - catastrophe_share(cell, p))


def fail(cell: Any, env: Any, p: Any) -> Any:
    """Hazard of mitotic catastrophe: the last stage's end, where mitosis fails."""
    last = np.where(cell.stage > p.stages - 1.5, 1.0, 0.0)
    return last * rate(cell, env, p) * catastrophe_share(cell, p)


def next_stage(cell: Any, env: Any, p: Any) -> Any:
    """The stage after this one."""
    return cell.stage + 1.0


def first_stage(cell: Any, env: Any, p: Any) -> Any:
    """The stage a founder starts in.

    Young cells outnumber old ones in a growing culture: the density of the share x of the cycle done is proportional to 2^-x,
    drawn here by inversion.
    """
    return np.floor(-np.log2(1.0 - 0.5 * cell.seeded) * p.stages)


def damage_target(cell: Any, env: Any, p: Any) -> Any:
    """Where damage relaxes to under the drug: uptake that saturates, divided by efflux.

    Written by what can be read off the wells: `c50`, the concentration that brings a cell with an efflux of 1 to a damage of 1 in
    24 h.
    """
    drug = env.drug["doxorubicin"]
    uptake = drug / (1.0 + drug / p.c_sat)
    needed = p.c50 / (1.0 + p.c50 / p.c_sat) * (1.0 - np.exp(-24.0 / p.repair))
    return uptake / needed / cell.efflux * cell.signal["uptake"]


def signals() -> list[sn.Signal]:
    """Where other plugins act on the cycle and on damage: factors, 1 as long as none does."""
    return [
        sn.Signal("growth", lambda cell, env, p: 1.0),
        sn.Signal("uptake", lambda cell, env, p: 1.0),
    ]


def traits() -> list[sn.Trait]:
    """Stage, efflux and damage."""
    return [
        sn.Trait(
            "seeded",
            initial=sn.Uniform(
                sn.Param(0.0, low=0.0, high=1.0, source="a share of the cycle: all of it"),
                sn.Param(1.0, low=0.0, high=1.0, source="a share of the cycle: all of it"),
            ),
        ),
        sn.Trait(
            "stage",
            initial=sn.Rule(first_stage, {"stages": STAGES}),
            inherit=lambda cell, env, p: 0.0 * cell.stage,
        ),
        sn.Trait(
            "efflux",
            initial=sn.LogNormal(
                median=sn.Param(1.0, unit="fold", low=0.0, source="its unit: the median cell of the line"),
                sigma=sn.Param(0.54, low=0.0, name="efflux.sigma", source=_SERIES),
            ),
            unit="fold",
            inherit=sn.ar1(sn.Param(0.9, low=-1.0, high=1.0, source="assumed: mother-daughter correlation")),
        ),
        sn.Trait(
            "damage",
            initial=sn.Param(0.0, unit="half-points", low=0.0, name="damage.initial", source="cells begin undamaged"),
            unit="half-points of the damage signal",
            # Both daughters keep it: nothing in the wells asks for a part that is lost in mitosis.
            flow=sn.relax(
                damage_target,
                tau=REPAIR,
                params={
                    "c50": sn.Param(0.043, unit="uM", low=1e-6, source=_SERIES),
                    "c_sat": sn.Param(
                        1.0,
                        unit="uM",
                        low=1e-3,
                        source="assumed: uptake saturates at about 1 uM, the highest dose given",
                    ),
                    "repair": REPAIR,
                },
            ),
        ),
    ]


def transitions() -> list[sn.Transition]:
    """The cycle's events."""
    shared = {"stages": STAGES, "length": LENGTH, "capacity": CAPACITY, "crowding": CROWDING}
    mitosis = {
        **shared,
        "ac": sn.Param(2.5, unit="half-points", low=1e-6, name="mitotic_catastrophe.ac", source=_SERIES),
    }
    return [
        sn.Transition("cycle", "cycling", "cycling", advance, set={"stage": next_stage}, params=shared),
        sn.Division("cycling", divide, params=mitosis),
        sn.Death("cycling", fail, cause="mitotic_catastrophe", barrier="intrinsic", params=mitosis),
    ]
