"""Claims about treatments: what each barrier is worth, orders of drugs, and arrests of other kinds."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from senescape.claims.framework import Finding, Lab, claim, index
from senescape.claims.scenes import DAY, chemotherapy, daily, treated

WITHOUT = {
    "senescape-bh3.effect_navitoclax.ec50": 1e6,
    "anti_pd_1.ec50": 1e6,
    "heterochromatin.ec50": 1e6,
}
"""Drugs that hold nothing."""


@claim(
    17,
    "Hitting any one barrier delays relapse, hitting two does no worse",
    references="35,50",
    control="what the drugs hold",
)
def any_barrier_delays_relapse(lab: Lab, mechanism: bool) -> Finding:
    """A senolytic, an immunotherapy and a stabiliser of the arrest after chemotherapy, alone, in pairs, and in another order.

    Hitting any one barrier delays relapse: a senolytic, a checkpoint inhibitor or a drug that closes the chromatin lock. Hitting
    two does at least as well as the better one. Senescence first and the senolytic second is the better order.
    """
    off = {} if mechanism else WITHOUT
    drugs: dict[str, tuple[dict[str, Any], ...]] = {
        "senolytic": (daily("navitoclax", 2.0, 7 * DAY, 14),),
        "anti-PD-1": ({"drug": "anti_pd_1", "amount": 1.0, "at": 4 * DAY, "repeat": 3, "interval": 14 * DAY},),
        "stabiliser": (daily("demethylase_inhibitor", 2.0, 4 * DAY, 21),),
    }
    arms: dict[str, tuple[dict[str, Any], ...]] = {"chemotherapy": (), **drugs}
    pairs = [("senolytic", "anti-PD-1"), ("senolytic", "stabiliser"), ("anti-PD-1", "stabiliser")]
    arms |= {f"{a} + {b}": drugs[a] + drugs[b] for a, b in pairs}
    plugins = ("immunity", "senescape-bh3", "senescape-checkpoint", "senescape-escape")
    scenario: dict[str, Any] = {
        "until": 60 * DAY,
        "relapse": {"above": 3000, "fates": ("cycling",), "after": 3 * DAY},
        "parameters": {
            **off,
            "pd_l1.initial.median": 2.0,
            "galectin9.initial.median": 0.01,
            "immunity.reference": 3000.0,
            "t_cell.k": 0.01,
            "escape.h0": 0.01,
        },
    }
    made = {name: treated(*plugins, doses=doses, **scenario) for name, doses in arms.items()}
    outcome = lab.trial(made, replicates=lab.replicates(100))
    times = {name: outcome.times(name)[0] / DAY for name in made}
    base = times["chemotherapy"]
    found = Finding(y="relapse-free time (d)")
    for name in drugs:
        found.check(f"delay by {name} alone (d)", "delayed: above 0.5", times[name] - base, above=0.5)
    for a, b in pairs:
        better = a if times[a].mean() > times[b].mean() else b
        gain = times[f"{a} + {b}"] - times[better]
        found.check(f"{a} + {b}, beyond {better} (d)", "no worse: above -2", gain, above=-2.0)
    # Chemotherapy on day 11, and nine days of the senolytic over before it, or begun five days after it.
    late: dict[str, Any] = {"chemo": False, "pulses": (chemotherapy(start=11 * DAY),), "until": 50 * DAY}
    late["relapse"] = {"above": 6000, "fates": ("cycling",), "after": 13 * DAY}
    late["parameters"] = {"escape.h0": 0.01} if mechanism else {"escape.h0": 0.01, "effect_navitoclax.ec50": 1e6}
    late["cells"] = 200
    courses = {"senolytic first": 0.0, "senescence first": 17 * DAY}
    orders = {
        name: treated("senescape-bh3", doses=(daily("navitoclax", 2.0, at, 9),), **late) for name, at in courses.items()
    }
    ordered = lab.trial(orders, replicates=lab.replicates(24))
    gain = (ordered.times("senescence first")[0] - ordered.times("senolytic first")[0]) / DAY
    found.check(
        "senescence first, then the senolytic, beyond the other order (d)", "better: above 0.5", gain, above=0.5
    )
    found.draw("", list(times), [each.mean() for each in times.values()], style="bars")
    return found


def _share(result: Any, fate: str, day: float) -> NDArray[np.float64]:
    at = int(np.searchsorted(result.time, day * DAY))
    cells = result.counts[:, at, index(result.layout.fates, fate)].astype(np.float64)
    share: NDArray[np.float64] = cells / np.maximum(result.counts[:, at].sum(axis=1), 1)
    return share


@claim(19, "A CDK4/6 inhibitor gives senescence without damage, more readily left", control="the hold of CDK4/6")
def senescence_without_damage(lab: Lab, mechanism: bool) -> Finding:
    """Palbociclib for two weeks, and doxorubicin for a day, each followed after it is gone.

    A palbociclib-like drug makes cells senescent without damaging them, and they leave that arrest more readily than one after
    damage. In the control it holds nothing.
    """
    off = {} if mechanism else {"cdk46_hold.ec50": 1e9}
    days = 14
    found = Finding(x="time (d)", y="share of cells senescent")
    kinds: dict[str, dict[str, Any]] = {
        "palbociclib": {"chemo": False, "doses": (daily("palbociclib", 1.0, DAY, days),)},
        "doxorubicin": {"chemo": True},
    }
    # Cells neither die nor fill the dish: only states change.
    calm = {
        **off,
        "apoptosis.k": 0.0,
        "turnover.hazard": 0.0,
        "cycle.length": 60.0,
        "cycle.capacity": 4000.0,
        "escape.h0": 0.005,
    }

    def damage(visit: Any) -> tuple[float, int]:
        cell = visit.cells["senescent"]
        return (float(cell.damage.mean()) if len(cell) else 0.0, len(cell))

    measured: dict[str, list[tuple[float, int]]] = {}
    left: dict[str, NDArray[np.float64]] = {}
    for name, kind in kinds.items():
        scenario = treated("senescape-escape", cells=600, until=40 * DAY, parameters=calm, **kind)
        seen = lab.watch(scenario, [4 * DAY, 15 * DAY, 30 * DAY], damage, replicates=lab.replicates(24))
        measured[name] = [replicate[0] for replicate in seen]
        left[name] = np.array([1 - replicate[2][1] / max(replicate[1][1], 1) for replicate in seen])
        result = lab.simulate(scenario, replicates=2)
        curve = [_share(result, "senescent", day).mean() for day in range(0, 40, 2)]
        found.draw(name, list(range(0, 40, 2)), curve)
    palbociclib, doxorubicin = measured["palbociclib"], measured["doxorubicin"]
    cells = [n for _, n in palbociclib]
    found.check("senescent cells after three days of palbociclib, of 600", "many: above 60", cells, above=60)
    found.check("their damage (half-points)", "none: below 0.01", [x for x, n in palbociclib if n] or [1.0], below=0.01)
    found.check("damage after doxorubicin (half-points)", "some: above 0.5", [x for x, _ in doxorubicin], above=0.5)
    more = left["palbociclib"] - left["doxorubicin"].mean()
    found.check("left the arrest in two weeks, beyond doxorubicin's", "more readily: above 0.05", more, above=0.05)
    return found
