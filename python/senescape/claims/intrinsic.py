"""Claims about the first barrier: priming, the guard of the BCL-2 family, and drugs against it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from senescape.claims.framework import Finding, Lab, claim, index
from senescape.claims.scenes import DAY, daily, treated
from senescape.results.result import Result


def _left(result: Result, fate: str, day: float) -> NDArray[np.float64]:
    """Cells of a fate on a day, by replicate."""
    at = int(np.searchsorted(result.time, day * DAY))
    return result.counts[:, at, index(result.layout.fates, fate)].astype(np.float64)


def _died(result: Result, cause: str) -> NDArray[np.float64]:
    return result.deaths[:, -1, index(result.layout.causes, cause)].astype(np.float64)


@claim(3, "Apoptosis is a sigmoid of priming over the guard", references="48,49", control="priming by p53")
def unprimed_cells_arrest_primed_cells_die(lab: Lab, mechanism: bool) -> Finding:
    """The same damage to cells that differ in how far priming comes up to their guard.

    Under the same drive of p53, cells that priming does not bring up to their guard arrest, and cells that it does die. The share
    that dies is a sigmoid of the distance, with a steep middle and flat ends.
    """
    induced = np.array([0.4, 0.8, 1.2, 1.6, 2.0, 2.4, 2.8, 3.2])
    # A guard of 2 in every cell: what differs is priming alone.
    alike = {"mcl1.initial.median": 0.8, "mcl1.initial.sigma": 1e-6, "bcl_xl.initial.sigma": 1e-6, "efflux.sigma": 1e-6}
    died = []
    for each in induced:
        drive = {**alike, "apoptosis.induced": each if mechanism else 0.0}
        result = lab.simulate(treated(cells=400, until=18 * DAY, parameters=drive), replicates=lab.replicates(6))
        dead, held = _died(result, "apoptosis"), _left(result, "senescent", 17)
        # Of the cells that the damage stopped: some founders divided before.
        died.append(dead / (dead + held))
    share = np.array([each.mean() for each in died])
    found = Finding(x="priming that p53 induces, of a guard of 2 (a.u.)", y="share of stopped cells")
    found.check("share that dies, priming at 0.4 of the guard", "they arrest: below 0.05", died[1], below=0.05)
    found.check("share that dies, priming at 1.6 of the guard", "they die: above 0.8", died[-1], above=0.8)
    # Of a straight line between the ends each step would take a seventh.
    steepest = float(np.diff(share).max() / max(share[-1] - share[0], 1e-9))
    found.check_value("largest of seven steps, share of the whole rise", "a sigmoid: above 0.35", steepest, above=0.35)
    found.draw("die by apoptosis", induced, share, style="points")
    found.draw("senescent at day 17", induced, 1 - share, style="points")
    return found


NO_BINDING = {"senescape-bh3.effect_navitoclax.ec50": 1e6}


@claim(4, "A BCL-XL inhibitor removes a part and delays relapse", references="11,31,32,52", control="binding of BCL-XL")
def senolytic_removes_a_part(lab: Lab, mechanism: bool) -> Finding:
    """Navitoclax after chemotherapy, against chemotherapy alone in the same tumours.

    A BCL-XL inhibitor after chemotherapy removes a fraction of the senescent cells, delays relapse without abolishing it and
    hardly touches cycling cells. Sensitivity builds up over days after chemotherapy. The survivors are high in MCL-1.
    """
    off = {} if mechanism else NO_BINDING
    plugin = "senescape-bh3"
    course = (daily("navitoclax", 2.0, 9 * DAY, 10),)
    found = Finding(x="days after chemotherapy at which a dose is given", y="stopped cells removed in a day")

    relapse: dict[str, Any] = {
        "relapse": {"above": 3000, "fates": ("cycling",), "after": 3 * DAY},
        "until": 120 * DAY,
        "parameters": off,
    }
    alone, with_drug = treated(plugin, **relapse), treated(plugin, doses=course, **relapse)
    outcome = lab.trial({"chemotherapy": alone, "senolytic": with_drug}, replicates=lab.replicates(24))
    before, after = (_left(outcome.result(arm), "senescent", 19) for arm in outcome.arms)
    kill = 1 - after / np.maximum(before, 1)
    found.check(
        "share of senescent cells removed by ten days of navitoclax", "a part: 0.3 to 0.95", kill, above=0.3, below=0.95
    )
    a, b = outcome.times("senolytic"), outcome.times("chemotherapy")
    found.check("delay of relapse (d)", "delayed: above 0.5", (a[0] - b[0]) / DAY, above=0.5)
    found.check_share(
        "share that relapses after all", "not abolished: above 0.5", int(a[1].sum()), len(a[1]), above=0.5
    )

    still: dict[str, Any] = {"chemo": False, "until": 5 * DAY, "parameters": {**off, "cycle.length": 1e9}}
    pair = [
        lab.simulate(treated(plugin, doses=doses, **still), replicates=lab.replicates(8))
        for doses in ((), (daily("navitoclax", 2.0, DAY, 4),))
    ]
    lost = 1 - _left(pair[1], "cycling", 5) / _left(pair[0], "cycling", 5).mean()
    found.check("share of cycling cells removed by four days of navitoclax", "hardly: below 0.1", lost, below=0.1)

    days = [0, 1, 3, 6, 10]
    kills = []
    for day in days:
        doses = (daily("navitoclax", 2.0, (2 + day) * DAY, 1),)
        arms = {
            name: treated(plugin, until=(3 + day) * DAY, parameters=off, doses=given, relapse={"above": 1e9})
            for name, given in (("none", ()), ("drug", doses))
        }
        pairs = lab.trial(arms, replicates=lab.replicates(8))
        left = sum(_left(pairs.result("none"), fate, 3 + day) for fate in ("arrested", "senescent"))
        kills.append(_died(pairs.result("drug"), "senolysis") / np.maximum(left, 1))
    gain = kills[-1] - kills[0].mean()
    found.check(
        "removed by one dose at day 10 above that at day 0, in a day", "it builds up: above 0.1", gain, above=0.1
    )
    found.draw("one dose of navitoclax", days, [each.mean() for each in kills], style="points")

    def mcl1(visit: Any) -> float:
        return float(np.log(visit.cells["senescent"].mcl1).mean()) if visit.counts["senescent"] else float("nan")

    seen = [
        lab.watch(
            treated(plugin, until=20 * DAY, parameters=off, doses=doses), [19 * DAY], mcl1, replicates=lab.replicates(8)
        )
        for doses in ((), course)
    ]
    logs = [np.array([replicate[0] for replicate in each], dtype=np.float64) for each in seen]
    found.check(
        "log MCL-1 of survivors above that without the drug",
        "MCL-1-high: above 0.2",
        logs[1] - logs[0].mean(),
        above=0.2,
    )
    return found


@claim(
    5,
    "BCL-XL and MCL-1 inhibitors together kill more, and only together pass the limit",
    references="11",
    control="MCL-1 in the guard",
)
def two_inhibitors_share_one_guard(lab: Lab, mechanism: bool) -> Finding:
    """A BCL-XL inhibitor, an MCL-1 inhibitor, and both, in the same tumours.

    Adding an MCL-1 inhibitor to a BCL-XL inhibitor kills more than either, and more than both would if they acted independently,
    because the guard is one. Only the combination passes what a patient tolerates. In the control cells have no MCL-1 to lose.
    """
    mcl1 = {} if mechanism else {"mcl1.initial.median": 1e-3, "apoptosis.induced": 0.7}
    arms = {"none": (), "navitoclax": ("navitoclax",), "S63845": ("s63845",), "both": ("navitoclax", "s63845")}
    scenarios = {
        name: treated(
            "senescape-bh3",
            until=20 * DAY,
            # A guard that most cells keep when either half of it is held.
            parameters={"mcl1.initial.median": 1.6, "mcl1.initial.sigma": 0.3, "bcl_xl.initial.median": 1.6, **mcl1},
            doses=tuple(daily(drug, 1.5, 9 * DAY, 8) for drug in drugs),
            relapse={"above": 1e9},
        )
        for name, drugs in arms.items()
    }
    outcome = lab.trial(scenarios, replicates=lab.replicates(12))
    left = {name: _left(outcome.result(name), "senescent", 18) for name in arms}
    kill = {name: 1 - left[name] / np.maximum(left["none"], 1) for name in arms if name != "none"}
    independent = 1 - (1 - kill["navitoclax"]) * (1 - kill["S63845"])
    found = Finding(y="senescent cells removed")
    found.check(
        "removed by both beyond the better one",
        "more: above 0.1",
        kill["both"] - np.maximum(kill["navitoclax"], kill["S63845"]),
        above=0.1,
    )
    found.check(
        "removed by both beyond independent action", "synergy: above 0.05", kill["both"] - independent, above=0.05
    )
    pools = outcome.result("both").layout.pools
    worst = {name: outcome.result(name).pools[:, :, index(pools, "toxicity")].max(axis=1) for name in kill}
    for name in ("navitoclax", "S63845"):
        found.check(f"highest toxicity of {name}", "tolerated: below 0.5", worst[name][:1], below=0.5)
    found.check("highest toxicity of both", "beyond the limit: above 0.5", worst["both"][:1], above=0.5)
    found.draw("", list(kill), [each.mean() for each in kill.values()], style="bars")
    return found


LEVELS = {
    "BCL-XL-high": {"bcl_xl.initial.median": 2.4, "mcl1.initial.median": 0.4, "bcl2.initial.median": 0.1},
    "MCL-1-high": {"bcl_xl.initial.median": 0.6, "mcl1.initial.median": 2.2, "bcl2.initial.median": 0.1},
    "BCL-2-high": {"bcl_xl.initial.median": 2.4, "mcl1.initial.median": 0.4, "bcl2.initial.median": 20.0},
}


@claim(6, "Lines rank BH3 mimetics differently", references="11,51", control="levels that differ between lines")
def lines_rank_mimetics_differently(lab: Lab, mechanism: bool) -> Finding:
    """Three BH3 mimetics in three lines that differ in what they lean on.

    Which BH3 mimetic kills most of a line's senescent cells follows from its levels of BCL-2, BCL-XL and MCL-1, so lines rank
    them differently. In the control all lines have the same levels.
    """
    drugs = {"A-1331852": "a1331852", "venetoclax": "venetoclax", "S63845": "s63845"}
    found = Finding(y="senescent cells removed")
    best = {"BCL-XL-high": "A-1331852", "MCL-1-high": "S63845", "BCL-2-high": "venetoclax"}
    for line, own in LEVELS.items():
        levels = (
            own if mechanism else {"bcl_xl.initial.median": 1.2, "mcl1.initial.median": 1.2, "bcl2.initial.median": 1.2}
        )
        common: dict[str, Any] = {"until": 18 * DAY, "relapse": {"above": 1e9}}
        parameters = {**levels, "mcl1.initial.sigma": 0.3}
        arms = {"none": treated("senescape-bh3", parameters=parameters, **common)}
        for name, drug in drugs.items():
            arms[name] = treated(
                "senescape-bh3", parameters=parameters, doses=(daily(drug, 1.0, 9 * DAY, 6),), **common
            )
        outcome = lab.trial(arms, replicates=lab.replicates(8))
        none = np.maximum(_left(outcome.result("none"), "senescent", 16), 1)
        kill = {name: 1 - _left(outcome.result(name), "senescent", 16) / none for name in drugs}
        wanted = best[line]
        others = np.max([each for name, each in kill.items() if name != wanted], axis=0)
        found.check(
            f"{line}: removed by {wanted} beyond the next best",
            "best there: above 0.1",
            kill[wanted] - others,
            above=0.1,
        )
        found.draw(line, list(drugs), [each.mean() for each in kill.values()], style="points")
    return found


@claim(7, "Engulfment and autophagy keep senescent cells alive in want", references="53-55", control="both capacities")
def eating_keeps_senescent_cells_alive(lab: Lab, mechanism: bool) -> Finding:
    """Senescent cells with and without engulfment and autophagy, from ample food to little.

    Cells that eat others and recycle themselves survive longer, the more so the scarcer the food. The source states it as a
    hypothesis. In the control neither group can do either.
    """
    able = 1.0 if mechanism else 1e-6
    supplies = [1.0, 0.14, 0.1]
    gains = {}
    found = Finding(x="food supply", y="senescent cells at day 18, of those without the capacities")
    for supply in supplies:
        arms = {}
        for name, level in (("without", 1e-6), ("with", able)):
            parameters = {
                "food.supply": supply,
                "engulfment.initial.median": level,
                "autophagy.initial.median": level,
                # The same death by apoptosis in both: what is asked is who starves.
                "starvation.k": 0.02,
            }
            arms[name] = treated("survival", cells=2000, until=19 * DAY, parameters=parameters, relapse={"above": 1e9})
        outcome = lab.trial(arms, replicates=lab.replicates(12))
        with_, without = (_left(outcome.result(name), "senescent", 18) for name in ("with", "without"))
        gains[supply] = (with_ + 1) / (without.mean() + 1)
    found.check("survival with both, of that without, food scarce", "raised: above 1.5", gains[0.1], above=1.5)
    for scarce, ample in ((0.14, 1.0), (0.1, 0.14)):
        more = gains[scarce] / gains[ample].mean()
        what = f"gain at a supply of {scarce:g}, of that at {ample:g}"
        found.check(what, "the more, the scarcer: above 1.1", more, above=1.1)
    found.draw("", supplies, [gains[supply].mean() for supply in supplies], style="points")
    return found
