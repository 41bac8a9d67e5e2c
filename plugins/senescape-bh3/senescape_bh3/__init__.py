"""BH3 mimetics as senolytics: navitoclax, A-1331852, venetoclax and S63845, alone and together, and their cost to the patient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import senescape as sn
from senescape.biology import intrinsic
from senescape.biology.intrinsic import margin

DRUGS = ("navitoclax", "a1331852", "venetoclax", "s63845")

EC50 = "assumed: between 0.1 and 1 uM, where senescent cells die and cycling cells do not"


def occupancy(drug: str) -> Any:
    """Write the rule of how much of its targets a drug holds."""

    def effect(cell: Any, env: Any, p: Any) -> Any:
        return sn.hill(env.drug[drug], p.ec50)

    return effect


def free(cell: Any, *drugs: str) -> Any:
    """The share of a target that none of some drugs holds. Drugs act independently (Bliss 1939)."""
    share = 1.0
    for drug in drugs:
        share = share * (1.0 - cell.signal[f"effect_{drug}"])
    return share


def senolysis(cell: Any, env: Any, p: Any) -> Any:
    """Hazard that the drugs add to apoptosis: the guard they leave holds less, by the same sigmoid of the same margin.

    What the biology calls BCL-XL holds for BCL-2 too; `bcl2` says how much of it that is. Two drugs against two parts of the
    guard do more than either because the margin is one.
    """
    bcl2 = cell.bcl2 / (cell.bcl2 + cell.bcl_xl)
    left = (1.0 - bcl2) * free(cell, "navitoclax", "a1331852") + bcl2 * free(cell, "navitoclax", "venetoclax")
    drugged = margin(cell, p, bcl_xl=left, mcl1=free(cell, "s63845"))
    added = 1.0 / (1.0 + np.exp(-drugged / p.s)) - 1.0 / (1.0 + np.exp(-margin(cell, p) / p.s))
    return p.k * np.maximum(0.0, added)


def held(env: Any, p: Any, **drugs: str) -> Any:
    """The share of a target that drugs hold in healthy tissue, each with its own half-point (Bliss)."""
    free = 1.0
    for drug, ec50 in drugs.items():
        free = free * (1.0 - sn.hill(env.drug[drug], p[ec50]))
    return 1.0 - free


def platelet_rate(env: Any, p: Any) -> Any:
    """Change of platelets per hour: they live by BCL-XL, and are made anew."""
    bcl_xl = held(env, p, navitoclax="ec50", a1331852="ec50")
    return (1.0 - env.pool["platelets"]) / p.renewal - p.loss * bcl_xl * env.pool["platelets"]


def toxicity_rate(env: Any, p: Any) -> Any:
    """Change of toxicity per hour: healthy tissue dies where too little is left of its own guard, and recovers.

    Tissue has a guard of several parts, as tumour cells have. One part gone leaves enough; BCL-XL and MCL-1 gone do not.
    """
    left = (
        p.bcl_xl * (1.0 - held(env, p, navitoclax="ec50", a1331852="ec50"))
        + p.mcl1 * (1.0 - held(env, p, s63845="ec50_mcl1"))
        + p.bcl2 * (1.0 - held(env, p, navitoclax="ec50", venetoclax="ec50_bcl2"))
    )
    damage = 1.0 / (1.0 + np.exp((left - p.half) / p.s))
    return (damage - env.pool["toxicity"]) / p.recovery


@sn.hookimpl
def senescape_traits() -> Sequence[sn.Trait]:
    """BCL-2, which breast lines have little of."""
    return [
        sn.Trait(
            "bcl2",
            initial=sn.LogNormal(
                median=sn.Param(0.2, unit="a.u.", low=0.0, source="assumed: a tenth of the guard of breast cells"),
                sigma=sn.Param(0.5, low=0.0, source="assumed: as MCL-1 and BCL-XL vary"),
            ),
            unit="a.u.",
            inherit=sn.ar1(sn.Param(0.9, low=0.0, high=1.0, source="assumed: mother-daughter correlation")),
        )
    ]


@sn.hookimpl
def senescape_drugs() -> Sequence[sn.Drug]:
    """The four drugs. A dose of 1 by mouth gives about 1 uM."""
    return [
        sn.Drug(
            "navitoclax",
            half_life=sn.Param(17.0, unit="h", low=0.0, source="Blood 2008;112:2108: 14 to 20 h"),
            route="oral",
            unit="uM",
        ),
        sn.Drug("a1331852", half_life=sn.Param(8.0, unit="h", low=0.0, source="assumed"), route="oral", unit="uM"),
        sn.Drug("venetoclax", half_life=sn.Param(26.0, unit="h", low=0.0, source="assumed"), route="oral", unit="uM"),
        sn.Drug("s63845", half_life=sn.Param(6.0, unit="h", low=0.0, source="assumed"), unit="uM"),
    ]


@sn.hookimpl
def senescape_signals() -> Sequence[sn.Signal]:
    """The share of its targets that each drug holds: other plugins may modify it."""

    def ec50(value: float, source: str = EC50) -> dict[str, sn.Param]:
        return {"ec50": sn.Param(value, unit="uM", low=1e-9, source=source)}

    return [
        sn.Signal("effect_navitoclax", occupancy("navitoclax"), ec50(0.3)),
        sn.Signal("effect_a1331852", occupancy("a1331852"), ec50(0.05, "assumed: several times as potent on BCL-XL")),
        sn.Signal("effect_venetoclax", occupancy("venetoclax"), ec50(0.1, "assumed: potent on BCL-2")),
        sn.Signal(
            "effect_s63845", occupancy("s63845"), ec50(0.1, "assumed: about 0.1 uM in breast lines that lean on MCL-1")
        ),
    ]


@sn.hookimpl
def senescape_senolytics() -> Sequence[sn.Senolytic]:
    """Death of cells whose guard is taken away: in every fate, but only what is primed has much to lose."""
    return [
        sn.Senolytic(
            "bh3_mimetics",
            senolysis,
            params={"k": intrinsic.K, "induced": intrinsic.INDUCED, "s": intrinsic.STEEPNESS},
            source=["cycling", "arrested", "senescent"],
        )
    ]


@sn.hookimpl
def senescape_pools() -> Sequence[sn.Pool]:
    """Platelets, as a share of normal, and toxicity to other tissue, from 0 to 1: what limits doses."""
    return [
        sn.Pool(
            "platelets",
            initial=1.0,
            rate=platelet_rate,
            params={
                "ec50": sn.Param(0.3, unit="uM", low=1e-9, source="assumed: as in senescent cells"),
                "renewal": sn.Param(96.0, unit="h", low=1.0, source="assumed: most of the loss is made good in 4 d"),
                "loss": sn.Param(
                    0.035,
                    unit="1/h",
                    low=0.0,
                    source="Blood 2008;112:3177: -66 to -70% at 200 to 250 mg a day, lowest at day 3 to 5; set to that",
                ),
            },
        ),
        sn.Pool(
            "toxicity",
            initial=0.0,
            rate=toxicity_rate,
            params={
                "bcl_xl": sn.Param(0.45, low=0.0, high=1.0, source="assumed: tissue leans on BCL-XL and MCL-1 alike"),
                "mcl1": sn.Param(0.45, low=0.0, high=1.0, source="assumed: tissue leans on BCL-XL and MCL-1 alike"),
                "bcl2": sn.Param(0.1, low=0.0, high=1.0, source="assumed: BCL-2 matters in blood, little elsewhere"),
                "ec50": sn.Param(0.3, unit="uM", low=1e-9, source="assumed: as in senescent cells"),
                "ec50_mcl1": sn.Param(0.1, unit="uM", low=1e-9, source="assumed: as in senescent cells"),
                "ec50_bcl2": sn.Param(0.1, unit="uM", low=1e-9, source="assumed: as in senescent cells"),
                "half": sn.Param(
                    0.35,
                    low=0.0,
                    high=1.0,
                    source="assumed: either of BCL-XL and MCL-1 alone is tolerated, both together are not (Jackson 2025)",
                ),
                "s": sn.Param(0.05, low=1e-3, source="assumed: a steep threshold"),
                "recovery": sn.Param(72.0, unit="h", low=1.0, source="assumed: epithelium is renewed in 3 to 5 days"),
            },
        ),
    ]


@sn.hookimpl
def senescape_presets() -> Mapping[str, Path]:
    """Scenarios that use the plugin."""
    return {path.stem: path for path in sorted(Path(__file__).with_name("presets").glob("*.toml"))}
