"""The cell cycle as stages, and damage by doxorubicin."""

from __future__ import annotations

from typing import Any

import numpy as np

import senescape as sn

STAGES = sn.Param(12, unit="1", low=1, source="assumed: spread of cycle times near 30% (Erlang of 12 stages)")
LENGTH = sn.Param(
    30.0, unit="h", low=1.0, source="Howard 2022, doi 10.1371/journal.pcbi.1009104: untreated wells, derived"
)
CAPACITY = sn.Param(6e4, unit="cells", low=1.0, source="Howard 2022: counts level off near 55,000 a well, derived")


def rate(cell: Any, env: Any, p: Any) -> Any:
    """Stages a cell passes an hour; it falls to zero as the well fills."""
    total = env.count["cycling"] + env.count["arrested"] + env.count["senescent"]
    return p.stages / p.length * np.maximum(0.0, 1.0 - total / p.capacity)


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


def damage_target(cell: Any, env: Any, p: Any) -> Any:
    """Where damage relaxes to: drug inside the cell, saturating, times the time it takes to repair."""
    inside = env.drug["doxorubicin"] / cell.efflux
    return p.drive * p.repair * sn.hill(inside, p.k, 1)


def traits() -> list[sn.Trait]:
    """Stage, efflux and damage."""
    repair = sn.Param(36.0, unit="h", low=0.1, source="assumed: most breaks are rejoined in a day or two")
    return [
        sn.Trait("stage", initial=sn.Integers(0, 11), inherit=lambda cell, env, p: 0.0 * cell.stage),
        sn.Trait(
            "efflux",
            initial=sn.LogNormal(
                median=1.0,
                sigma=sn.Param(0.35, low=0.0, source="assumed: pump activity varies by a third between cells"),
            ),
            unit="fold",
            inherit=sn.ar1(sn.Param(0.9, source="assumed: mother-daughter correlation")),
        ),
        sn.Trait(
            "damage",
            initial=0.0,
            unit="a.u.",
            flow=sn.relax(
                damage_target,
                tau=repair,
                params={
                    "drive": sn.Param(0.10, unit="1/h", low=0.0, source="assumed: sets the unit of damage"),
                    "repair": repair,
                    "k": sn.Param(
                        0.1, unit="uM", low=1e-6, source="assumed: set by hand against the dose series of Howard 2022"
                    ),
                },
            ),
            inherit=sn.scaled(
                sn.Param(0.7, low=0.0, high=1.0, source="assumed: part of the lesions is lost in mitosis")
            ),
        ),
    ]


def transitions() -> list[sn.Transition]:
    """The cycle's events."""
    shared = {"stages": STAGES, "length": LENGTH, "capacity": CAPACITY}
    ac = {
        "ac": sn.Param(1.2, unit="a.u.", low=1e-6, source="assumed: set by hand against the dose series of Howard 2022")
    }
    return [
        sn.Transition("cycle", "cycling", "cycling", advance, set={"stage": next_stage}, params=shared),
        sn.Division("cycling", divide, params={**shared, **ac}),
        sn.Death("cycling", fail, cause="mitotic_catastrophe", barrier="intrinsic", params={**shared, **ac}),
    ]
