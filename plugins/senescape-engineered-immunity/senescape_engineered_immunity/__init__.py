"""Engineered immunity: uPAR-directed CAR-T cells, an NK boost, an innate-agonist nanoparticle. Needs the plugin ``immunity``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import senescape as sn
from senescape.biology.immunity import LIVING, REFERENCE, reach

BOOST = "clinical dose"


def upar_level(cell: Any, env: Any, p: Any) -> Any:
    """How much uPAR a cell shows: its own, and more of it the deeper the senescence."""
    return cell.upar * (1.0 + p.rise * cell.depth)


def car_t_death(cell: Any, env: Any, p: Any) -> Any:
    """Hazard of death by CAR-T cells: they see uPAR and need no presentation, so no MHC and no checkpoint enters."""
    return p.k * env.pool["car_t"] * reach(env, p) * sn.hill(cell.signal["upar_level"], p.half, 2)


def car_t_rate(env: Any, p: Any) -> Any:
    """Change of CAR-T cells per hour: infused, expanding on senescent cells that they meet, contracting."""
    senescent = env.count["senescent"] / p.reference
    seen = senescent / (1.0 + senescent)
    room = np.maximum(0.0, 1.0 - env.pool["car_t"] / p.ceiling)
    growth = p.expansion * seen * room - p.contraction
    return p.engraftment * env.drug["car_t_infusion"] + growth * env.pool["car_t"]


def boost(drug: str) -> Any:
    """Write the rule of a factor that a drug raises above 1."""

    def factor(cell: Any, env: Any, p: Any) -> Any:
        return 1.0 + p.gain * sn.hill(env.drug[drug], p.ec50)

    return factor


@sn.hookimpl
def senescape_traits() -> Sequence[sn.Trait]:
    """UPAR on the surface."""
    return [
        sn.Trait(
            "upar",
            sn.LogNormal(
                median=sn.Param(0.2, unit="a.u.", low=0.0, source="assumed: little before senescence"),
                sigma=sn.Param(0.5, low=0.0, source="assumed: surface proteins vary two-fold between cells"),
            ),
            unit="a.u.",
            inherit=sn.ar1(sn.Param(0.9, low=-1.0, high=1.0, source="assumed: mother-daughter correlation")),
        )
    ]


@sn.hookimpl
def senescape_drugs() -> Sequence[sn.Drug]:
    """Infused cells before they settle, a cytokine for NK cells, and the nanoparticle."""
    return [
        sn.Drug(
            "car_t_infusion",
            half_life=sn.Param(12.0, unit="h", low=0.0, source="assumed: cells settle in a day"),
            unit=BOOST,
        ),
        sn.Drug(
            "nk_boost",
            half_life=sn.Param(24.0, unit="h", low=0.0, source="assumed: an IL-15 superagonist, about a day"),
            unit=BOOST,
        ),
        sn.Drug(
            "innate_agonist",
            half_life=sn.Param(
                48.0, unit="h", low=0.0, source="assumed: the particle keeps its agonist for days (ref 65)"
            ),
            unit=BOOST,
        ),
    ]


@sn.hookimpl
def senescape_pools() -> Sequence[sn.Pool]:
    """CAR-T cells, counted in what one dose brings."""
    return [
        sn.Pool(
            "car_t",
            initial=0.0,
            rate=car_t_rate,
            params={
                "engraftment": sn.Param(
                    0.0578,
                    unit="1/h",
                    low=0.0,
                    source="ln 2/12 h: what leaves the blood settles, so a dose of 1 brings about 1",
                ),
                "expansion": sn.Param(0.06, unit="1/h", low=0.0, source="assumed: doubling in half a day at most"),
                "contraction": sn.Param(
                    0.004, unit="1/h", low=0.0, source="assumed: a half-life of a week without antigen"
                ),
                "ceiling": sn.Param(100.0, low=1e-3, source="assumed: a hundred-fold expansion at most"),
                "reference": REFERENCE,
            },
        )
    ]


@sn.hookimpl
def senescape_signals() -> Sequence[sn.Signal]:
    """UPAR as CAR-T cells see it."""
    rise = sn.Param(
        6.0, low=0.0, source="assumed: uPAR is raised several-fold in senescence (Amor 2020 Nature 583:127)"
    )
    return [sn.Signal("upar_level", upar_level, {"rise": rise}, unit="a.u.")]


@sn.hookimpl
def senescape_immunotherapies() -> Sequence[sn.Immunotherapy]:
    """Death by CAR-T cells: of senescent cells above all, for they show most uPAR."""
    return [
        sn.Immunotherapy(
            "car_t",
            car_t_death,
            params={
                "k": sn.Param(0.02, unit="1/h", low=0.0, source="assumed: as T cells of the tumour in full sight"),
                "half": sn.Param(1.2, unit="a.u.", low=1e-6, source="assumed: between cycling and senescent levels"),
                "reference": REFERENCE,
            },
            source=LIVING,
            cause="car_t",
        )
    ]


@sn.hookimpl
def senescape_modifiers() -> Sequence[sn.Modifier]:
    """The boost of NK cells, and what the particle does for presentation and for T cells."""

    def params(gain: float, why: str) -> dict[str, sn.Param]:
        return {
            "gain": sn.Param(gain, low=0.0, source=why),
            "ec50": sn.Param(0.3, unit=BOOST, low=1e-9, source="assumed: a third of a clinical dose"),
        }

    return [
        sn.Modifier(
            "nk_boost_on_killing", "nk_killing", boost("nk_boost"), params(4.0, "assumed: five-fold activity at most")
        ),
        sn.Modifier(
            "innate_agonist_on_antigen",
            "antigen",
            boost("innate_agonist"),
            params(1.0, "assumed: presentation doubles at most (ref 65)"),
        ),
        sn.Modifier(
            "innate_agonist_on_recruitment",
            "t_cell",
            boost("innate_agonist"),
            params(2.0, "assumed: three times as many T cells in contact (ref 65)"),
        ),
    ]
