"""How arrested cells live on: autophagy, engulfment of other cells, starvation where food is scarce, and more BCL-XL.

A plugin of its own, named beside ``biology``. The source states engulfment as a hypothesis (refs 53-55).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import senescape as sn
from senescape.plugins.hookspecs import hookimpl

STOPPED = ("arrested", "senescent")
LIVING = ("cycling", "arrested", "senescent")
PREY = ("cycling", "arrested")
"""Senescent cells are as large as those that would eat them."""
SUPPLY = sn.Param(
    1.0, low=0.0, high=1.0, name="food.supply", source="1 is a well-fed tumour, 0 none; in a dish medium is changed"
)
DENSITY = sn.Param(
    10_000,
    unit="cells",
    low=1.0,
    name="engulfment.density",
    source="assumed: half of all meals are found among so many cells",
)


def fed(cell: Any, env: Any, p: Any) -> Any:
    """Where energy goes: what the surroundings supply, and what the cell recycles of its own."""
    return np.maximum(p.supply, p.recycled * sn.hill(cell.autophagy, 1.0))


def preying(env: Any, p: Any, eaters: Any) -> Any:
    """How often an eater finds prey, or prey is found: mass action, saturating in the number of cells."""
    return p.k * eaters / (eaters + p.density)


def meal(cell: Any, env: Any, p: Any) -> Any:
    """Hazard of a meal: a senescent cell finds another cell or debris, the likelier the more engulfing and hungry it is."""
    food = sum(env.count[fate] for fate in PREY) + env.pool["debris"]
    hunger = np.maximum(0.0, 1.0 - cell.energy)
    return preying(env, p, food) * cell.engulfment * hunger


def eaten(cell: Any, env: Any, p: Any) -> Any:
    """Hazard of being eaten alive: engulfing senescent neighbours, less where debris feeds them."""
    eaters = env.sum["senescent"].engulfment
    hungry = np.maximum(0.0, 1.0 - env.mean["senescent"].energy)
    prey = sum(env.count[fate] for fate in PREY) + env.pool["debris"]
    # Each meal has one prey: what eaters take is shared among all there is to eat.
    return preying(env, p, prey) * eaters * hungry / (prey + 1.0)


def nourished(cell: Any, env: Any, p: Any) -> Any:
    """Energy after a meal."""
    return np.minimum(1.0, cell.energy + p.worth)


def starve(cell: Any, env: Any, p: Any) -> Any:
    """Hazard of starvation: it rises steeply as energy is used up."""
    return p.k * np.exp(-cell.energy / p.e0)


def protection(cell: Any, env: Any, p: Any) -> Any:
    """What recycling and meals add to the guard against apoptosis."""
    return 1.0 + p.autophagy * sn.hill(cell.autophagy, 1.0) + p.meals * cell.meals


def raised(cell: Any, env: Any, p: Any) -> Any:
    """What senescence adds to the guard of BCL-XL: the more, the deeper."""
    return 1.0 + p.rise * cell.depth


def debris_rate(env: Any, p: Any) -> Any:
    """Change of debris per hour, in cells: the dying leave it, neighbours and eaters clear it."""
    dying = p.shed * sum(env.count[fate] for fate in LIVING)
    return dying - p.clearance * env.pool["debris"]


@hookimpl
def senescape_traits() -> Sequence[sn.Trait]:
    """Capacities to eat and to recycle, energy, and a memory of meals."""
    rho = sn.Param(0.9, low=-1.0, high=1.0, source="assumed: mother-daughter correlation")
    spread = sn.Param(0.5, low=0.0, source="assumed: two-fold between cells")

    def capacity(name: str, source: str) -> sn.Trait:
        median = sn.Param(1.0, low=0.0, source=source)
        return sn.Trait(name, sn.LogNormal(median=median, sigma=spread), unit="a.u.", inherit=sn.ar1(rho))

    return [
        capacity("engulfment", "its unit: the median senescent cell; 0 turns it off (ref 54)"),
        capacity("autophagy", "its unit: the median cell; 0 turns it off (refs 53, 55)"),
        sn.Trait(
            "energy",
            sn.Param(1.0, low=0.0, name="energy.start", source="its unit: a fed cell"),
            flow=sn.relax(
                fed,
                tau=sn.Param(72.0, unit="h", low=0.1, source="assumed: reserves last three days"),
                params={
                    "supply": SUPPLY,
                    "recycled": sn.Param(0.4, low=0.0, high=1.0, source="assumed: recycling keeps up less than half"),
                },
            ),
        ),
        sn.Trait(
            "meals",
            sn.Param(0.0, low=0.0, name="meals.start", source="assumed: no meal yet"),
            flow=sn.relax(
                sn.Param(0.0, low=0.0, source="without meals none is remembered"),
                tau=sn.Param(96.0, unit="h", low=0.1, source="assumed: a meal lasts four days"),
            ),
        ),
    ]


@hookimpl
def senescape_pools() -> Sequence[sn.Pool]:
    """Debris of dead cells."""
    return [
        sn.Pool(
            "debris",
            initial=sn.Param(0.0, unit="cells", low=0.0, source="no cell is dead before treatment"),
            rate=debris_rate,
            params={
                "shed": sn.Param(
                    1e-3, unit="1/h", low=0.0, source="assumed: a tumour loses a few per cent of its cells a day"
                ),
                "clearance": sn.Param(0.03, unit="1/h", low=0.0, source="assumed: dead cells are gone in a day"),
            },
        )
    ]


@hookimpl
def senescape_transitions() -> Sequence[sn.Transition]:
    """Meals, cells that are eaten, and starvation."""
    found = sn.Param(
        0.05, unit="1/h", low=0.0, name="engulfment.k", source="assumed: a hungry cell eats about once a day"
    )
    hunt = {"k": found, "density": DENSITY}
    starvation = {
        "k": sn.Param(0.05, unit="1/h", low=0.0, source="assumed: a cell without energy lives for a day"),
        "e0": sn.Param(0.15, low=1e-3, source="assumed: half-full reserves starve one cell in a month"),
    }
    worth = sn.Param(0.5, low=0.0, high=1.0, name="meals.worth", source="assumed: a cell feeds another for days")
    return [
        sn.Transition(
            "meal",
            "senescent",
            "senescent",
            meal,
            set={"energy": nourished, "meals": sn.Param(1.0, low=0.0, source="its unit: a meal just eaten")},
            params={**hunt, "worth": worth},
        ),
        sn.Death(PREY, eaten, "engulfed", "intrinsic", params=hunt),
        sn.Death(STOPPED, starve, "starvation", "intrinsic", params=starvation),
    ]


@hookimpl
def senescape_modifiers() -> Sequence[sn.Modifier]:
    """Recycling, meals and senescence strengthen the guard."""
    rise = sn.Param(
        0.75,
        low=0.0,
        name="bcl_xl.rise",
        source="assumed: BCL-XL rises in senescence (refs 11, 31), by three quarters in the deepest; the presets of cell lines "
        "were fitted without",
    )
    params = {
        "autophagy": sn.Param(0.1, low=0.0, source="assumed: autophagy protects a little (refs 53, 55)"),
        "meals": sn.Param(0.2, low=0.0, source="assumed: a meal protects for days (ref 54)"),
    }
    return [
        sn.Modifier("meals_and_recycling", "bcl_xl_guard", protection, params),
        sn.Modifier("bcl_xl_in_senescence", "bcl_xl_guard", raised, {"rise": rise}),
    ]
