"""The third barrier: arrest after damage, senescence, its depth, and escape from it."""

from __future__ import annotations

from typing import Any

import numpy as np

import senescape as sn

G1 = sn.Param(0.0, low=0.0, source="a cell that leaves an arrest begins a new cycle")


def impulse(cell: Any, p: Any) -> Any:
    """How strongly damage signals, from 0 to 1; damage is counted in half-points of this signal."""
    return sn.hill(cell.damage, 1.0, 2)


def arrest(cell: Any, env: Any, p: Any) -> Any:
    """Hazard of arrest: through p53 and p21, or the weaker route without them."""
    return p.k * (cell.tp53 + p.independent * (1.0 - cell.tp53)) * impulse(cell, p)


def recover(cell: Any, env: Any, p: Any) -> Any:
    """Hazard of return to the cycle once damage is repaired."""
    return p.k * (1.0 - impulse(cell, p)) ** 4


def senesce(cell: Any, env: Any, p: Any) -> Any:
    """Hazard of senescence, the likelier the more damage is left."""
    g = impulse(cell, p)
    return p.k * sn.hill(g, p.g0, 1)


def escape(cell: Any, env: Any, p: Any) -> Any:
    """Hazard of escape: it falls with the depth of the arrest and with damage that is left."""
    return p.h0 * np.exp(-p.gamma * cell.depth) / (1.0 + (cell.damage / p.ae) ** 2)


def ceiling(cell: Any, env: Any, p: Any) -> Any:
    """The depth that an arrest grows toward: the cell's own chromatin lock."""
    return cell.chromatin_lock


_SERIES = (
    "fitted to the dose series of Howard 2022, doi 10.1371/journal.pcbi.1009104; the default is MCF7's, rounded, and the presets "
    "hold each line's"
)


def traits() -> list[sn.Trait]:
    """TP53, chromatin lock and depth."""
    down = sn.Param(36.0, unit="h", low=0.1, source="assumed: marks of arrest fade within days of cycling")
    up = sn.Param(120.0, unit="h", low=0.1, source="assumed: SA-bGal grows over about 5 days (cf. Ashraf 2023)")
    return [
        sn.Trait("tp53", initial=sn.Bernoulli(sn.Param(1.0, low=0.0, high=1.0, source="the line's TP53 status"))),
        sn.Trait(
            "chromatin_lock",
            initial=sn.Beta(
                sn.Param(4.0, low=1e-3, source="assumed: most arrests are deep, some shallow"),
                sn.Param(2.0, low=1e-3, source="assumed: most arrests are deep, some shallow"),
            ),
            inherit=sn.ar1(sn.Param(0.9, low=0.0, high=1.0, source="assumed: mother-daughter correlation")),
        ),
        sn.Trait(
            "depth",
            initial=sn.Param(0.0, low=0.0, high=1.0, source="cells begin out of arrest, unless a scenario says so"),
            flow=[
                sn.relax(
                    sn.Param(0.0, low=0.0, high=1.0, source="assumed: cells out of arrest have no depth"), tau=down
                ),
                sn.relax(ceiling, tau=up, fate=["arrested", "senescent"]),
            ],
        ),
    ]


def transitions() -> list[sn.Transition]:
    """Arrest, return and senescence."""
    return [
        sn.Transition(
            "arrest",
            "cycling",
            "arrested",
            arrest,
            mark="p21_reporter",
            params={
                "k": sn.Param(0.2, unit="1/h", low=0.0, source="assumed: arrest within hours of damage"),
                "independent": sn.Param(0.005, low=0.0, source="assumed: the p53-independent route is weak"),
            },
        ),
        sn.Transition(
            "return",
            "arrested",
            "cycling",
            recover,
            set={"stage": G1},
            params={"k": sn.Param(0.0016, unit="1/h", low=0.0, source=_SERIES)},
        ),
        sn.Transition(
            "senescence",
            "arrested",
            "senescent",
            senesce,
            mark="ever_senescent",
            params={
                "k": sn.Param(0.11, unit="1/h", low=0.0, source=_SERIES),
                "g0": sn.Param(0.3, low=1e-6, source="assumed: a third of the damage signal decides at half the rate"),
            },
        ),
    ]


def escapes() -> list[sn.Escape]:
    """Escape from senescence."""
    return [
        sn.Escape(
            "escape",
            escape,
            set={"stage": G1},
            params={
                "h0": sn.Param(1.7e-4, unit="1/h", low=0.0, source=_SERIES),
                "gamma": sn.Param(6.0, low=0.0, source="assumed: the deepest arrests are 400 times as tight as none"),
                "ae": sn.Param(
                    0.4, unit="half-points", low=1e-6, source="assumed: damage that is left keeps the arrest"
                ),
            },
        )
    ]
