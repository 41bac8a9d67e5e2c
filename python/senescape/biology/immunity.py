"""The second barrier: death by T cells and NK cells, the ligands that hold them off, and what senescent cells secrete.

A plugin of its own, named beside ``biology`` for tumours in an animal or a patient. Other plugins act on its signals: an antibody
takes a share of an inhibition away, a booster multiplies a killing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import senescape as sn
from senescape.plugins.hookspecs import hookimpl

LIVING = ("cycling", "arrested", "senescent")
LIGANDS = ("pd_l1", "pd_l2", "galectin9")

REFERENCE = sn.Param(
    10_000,
    unit="cells",
    low=1.0,
    name="immunity.reference",
    source="assumed: beyond so many cells killers are spread thin; below, contacts are not what limits killing",
)
RISE = "assumed: of the order of two- to five-fold in senescent cells (Shahbandi 2022 doi 10.1038/s43018-022-00466-y; Chaib 2024)"


def level(ligand: str) -> Any:
    """Write the rule of a ligand's level on a cell: its own, what all ligands share, and more of it the deeper the senescence."""

    def inhibition(cell: Any, env: Any, p: Any) -> Any:
        own = getattr(cell, ligand) * np.exp(p.shared * cell.evasion)
        return p.weight * own * (1.0 + p.rise * cell.depth)

    return inhibition


def pd_l1_inhibition(cell: Any, env: Any, p: Any) -> Any:
    """Inhibition by PD-L1 that CD80 on the same cell does not bind."""
    return level("pd_l1")(cell, env, p) / (1.0 + p.decoy * cell.cd80)


def checkpoint_inhibition(cell: Any, env: Any, p: Any) -> Any:
    """What holds T cells off: redundant ligands add up."""
    return sum(cell.signal[f"{ligand}_inhibition"] for ligand in LIGANDS)


def antigen(cell: Any, env: Any, p: Any) -> Any:
    """How well T cells see a cell, from 0 to 1: presentation, which senescence raises."""
    return sn.hill(cell.mhc1 * (1.0 + p.rise * cell.depth), p.half)


def nk_visibility(cell: Any, env: Any, p: Any) -> Any:
    """How well NK cells see a cell, from 0 to 1."""
    return sn.hill(cell.nkg2d_ligand * (1.0 + p.rise * cell.depth), 1.0)


def t_cell_killing(cell: Any, env: Any, p: Any) -> Any:
    """How a T cell in contact acts, from 0 to about 1: what it sees, helped by CD80, held off by the checkpoints together."""
    help_ = 1.0 + p.costimulation * sn.hill(cell.cd80, 1.0)
    return cell.signal["antigen"] * help_ / (1.0 + (cell.signal["checkpoint_inhibition"] / p.b50) ** 2)


def nk_killing(cell: Any, env: Any, p: Any) -> Any:
    """How an NK cell in contact acts, from 0 to 1."""
    return cell.signal["nk_visibility"]


def reach(env: Any, p: Any) -> Any:
    """The share of cells that a given number of killers reaches: it falls as there are more."""
    return 1.0 / (1.0 + sum(env.count[fate] for fate in LIVING) / p.reference)


def t_cell_death(cell: Any, env: Any, p: Any) -> Any:
    """Hazard of death by T cells."""
    return p.k * env.pool["t_cells"] * reach(env, p) * cell.signal["t_cell_killing"]


def nk_cell_death(cell: Any, env: Any, p: Any) -> Any:
    """Hazard of death by NK cells."""
    return p.k * env.pool["nk_cells"] * reach(env, p) * cell.signal["nk_killing"]


def secretion(cell: Any, env: Any, p: Any) -> Any:
    """What a cell's secretion goes toward: deep arrest secretes, the more with cytoplasmic chromatin that cGAS sees."""
    return cell.depth * (1.0 + p.sting * cell.chromatin_lock)


def sasp_rate(env: Any, p: Any) -> Any:
    """Change of SASP per hour: secreted by senescent cells, cleared. One is what a reference tumour of deep cells keeps up."""
    return p.clearance * (env.sum["senescent"].sasp / p.reference - env.pool["sasp"])


def t_cell_rate(env: Any, p: Any) -> Any:
    """Change of T cells per hour: back to one, drawn in by SASP where antigen is shown (or kept out), and exhausted."""
    living = sum(env.count[fate] for fate in LIVING)
    share = living / (living + 1.0)
    alarm = sn.hill(np.maximum(env.pool["sasp"], 0.0), 1.0) * share
    shown = sn.hill(env.mean["senescent"].mhc1, p.half)
    inhibited = sn.hill(env.mean["senescent"].pd_l1 + env.mean["senescent"].pd_l2, p.b50) * share
    drawn = np.maximum(p.recruitment, 0.0) * alarm * shown
    lost = np.maximum(-p.recruitment, 0.0) * alarm + p.exhaustion * inhibited
    return p.decay * (1.0 - env.pool["t_cells"]) + drawn - lost * env.pool["t_cells"]


def nk_cell_rate(env: Any, p: Any) -> Any:
    """Change of NK cells per hour."""
    alarm = sn.hill(np.maximum(env.pool["sasp"], 0.0), 1.0)
    drawn, kept_out = np.maximum(p.recruitment, 0.0), np.maximum(-p.recruitment, 0.0)
    return p.decay * (1.0 - env.pool["nk_cells"]) + alarm * (drawn - kept_out * env.pool["nk_cells"])


def feeding(cell: Any, env: Any, p: Any) -> Any:
    """What SASP makes of growth: a factor that is 1 without it."""
    return np.maximum(0.0, 1.0 + p.feeding * sn.hill(np.maximum(env.pool["sasp"], 0.0), 1.0))


@hookimpl
def senescape_traits() -> Sequence[sn.Trait]:
    """What immune cells see of a cell, and what it secretes."""
    rho = sn.Param(0.9, low=-1.0, high=1.0, source="assumed: mother-daughter correlation")

    def own(name: str, sigma: float, source: str) -> sn.Trait:
        spread = sn.Param(sigma, low=0.0, source=source)
        median = sn.Param(1.0, low=0.0, source="its unit: the median cell before treatment")
        return sn.Trait(name, sn.LogNormal(median=median, sigma=spread), unit="a.u.", inherit=sn.ar1(rho))

    varied = "assumed: surface proteins vary two-fold between cells of a line"
    return [
        sn.Trait(
            "evasion",
            sn.Normal(
                sn.Param(0.0, source="its unit: standard deviations from the mean cell"),
                sn.Param(1.0, low=0.0, source="its unit: standard deviations from the mean cell"),
            ),
            inherit=sn.ar1(rho),
        ),
        *(own(ligand, 0.5, varied) for ligand in LIGANDS),
        own("cd80", 0.5, varied),
        own("mhc1", 0.5, varied),
        own("nkg2d_ligand", 0.5, varied),
        sn.Trait(
            "sasp",
            sn.Param(
                0.0,
                unit="a.u.",
                low=0.0,
                name="sasp.secreted",
                source="cells secrete nothing before they are senescent",
            ),
            unit="a.u.",
            flow=[
                sn.relax(
                    sn.Param(0.0, unit="a.u.", low=0.0, source="what is not senescent does not secrete"),
                    tau=sn.Param(48.0, unit="h", low=0.1, source="assumed: secretion ends within days"),
                ),
                sn.relax(
                    secretion,
                    tau=sn.Param(96.0, unit="h", low=0.1, source="assumed: the SASP takes days to develop"),
                    fate="senescent",
                    params={
                        "sting": sn.Param(
                            0.5, low=0.0, source="assumed: cGAS/STING raises secretion by half at most (ref 57)"
                        )
                    },
                ),
            ],
        ),
    ]


@hookimpl
def senescape_signals() -> Sequence[sn.Signal]:
    """Inhibition, sight and killing: where antibodies and boosters of other plugins act."""

    def ligand(weight: float, rise: float) -> dict[str, sn.Param]:
        return {
            "weight": sn.Param(weight, low=0.0, source="assumed: equal ligands; B50 is counted in them"),
            "rise": sn.Param(rise, low=0.0, source=RISE),
            "shared": sn.Param(
                0.3,
                low=0.0,
                name="evasion.shared",
                source="assumed: ligands go together (induced by the same cytokines)",
            ),
        }

    decoy = sn.Param(0.2, low=0.0, source="assumed: CD80 binds some PD-L1 in cis (refs 63, 64)")
    return [
        sn.Signal("pd_l1_inhibition", pd_l1_inhibition, {**ligand(1.0, 2.0), "decoy": decoy}),
        sn.Signal("pd_l2_inhibition", level("pd_l2"), ligand(1.0, 3.0)),
        sn.Signal("galectin9_inhibition", level("galectin9"), ligand(1.0, 1.0)),
        sn.Signal("checkpoint_inhibition", checkpoint_inhibition),
        sn.Signal(
            "antigen",
            antigen,
            {
                "half": sn.Param(
                    1.0, unit="a.u.", low=1e-3, name="antigen.half", source="assumed: the median cell is half seen"
                ),
                "rise": sn.Param(
                    2.0, low=0.0, source="assumed: senescence raises presentation about three-fold (refs 28, 29)"
                ),
            },
        ),
        sn.Signal(
            "nk_visibility",
            nk_visibility,
            {"rise": sn.Param(3.0, low=0.0, source="assumed: NKG2D ligands are raised in senescence (refs 20, 60-62)")},
        ),
        sn.Signal(
            "t_cell_killing",
            t_cell_killing,
            {
                "b50": sn.Param(
                    1.0, low=1e-3, name="checkpoint.b50", source="assumed: one ligand at its median halves killing"
                ),
                "costimulation": sn.Param(
                    0.5, low=0.0, source="assumed: CD80 helps T cells by half at most (refs 63, 64)"
                ),
            },
        ),
        sn.Signal("nk_killing", nk_killing),
    ]


@hookimpl
def senescape_immunotherapies() -> Sequence[sn.Immunotherapy]:
    """Deaths by T cells and NK cells, in every living fate."""
    return [
        sn.Immunotherapy(
            "t_cell",
            t_cell_death,
            params={
                "k": sn.Param(
                    0.02,
                    unit="1/h",
                    low=0.0,
                    source="assumed: half a kill a day of a cell in full sight; a CTL makes 2 to 16 (Halle 2016 "
                    "doi 10.1016/j.immuni.2016.01.010)",
                ),
                "reference": REFERENCE,
            },
            source=LIVING,
        ),
        sn.Immunotherapy(
            "nk_cell",
            nk_cell_death,
            params={
                "k": sn.Param(0.002, unit="1/h", low=0.0, source="assumed: a tenth of what T cells do at most"),
                "reference": REFERENCE,
            },
            source=LIVING,
            cause="nk_cell",
        ),
    ]


@hookimpl
def senescape_modifiers() -> Sequence[sn.Modifier]:
    """What SASP makes of growth: nothing unless a scenario says so."""
    off = "off by default: reports differ on whether SASP feeds or stops neighbours"
    return [
        sn.Modifier("sasp_on_growth", "growth", feeding, {"feeding": sn.Param(0.0, low=-1.0, high=10.0, source=off)})
    ]


@hookimpl
def senescape_pools() -> Sequence[sn.Pool]:
    """SASP, T cells and NK cells; cells are counted in what there is before treatment."""
    return [
        sn.Pool(
            "sasp",
            initial=sn.Param(0.0, low=0.0, source="no cell is senescent before treatment"),
            rate=sasp_rate,
            params={
                "clearance": sn.Param(0.05, unit="1/h", low=0.0, source="assumed: cytokines are cleared within a day"),
                "reference": REFERENCE,
            },
        ),
        sn.Pool(
            "t_cells",
            initial=sn.Param(1.0, low=0.0, source="its unit: what the tumour has before treatment"),
            rate=t_cell_rate,
            params={
                "decay": sn.Param(
                    0.0017, unit="1/h", low=0.0, source="Kuznetsov 1994 Bull Math Biol 56:295: 0.0412 a day"
                ),
                "recruitment": sn.Param(
                    0.02,
                    unit="1/h",
                    source="assumed: ten-fold within weeks of a strong SASP; below 0 it keeps T cells out",
                ),
                "exhaustion": sn.Param(0.002, unit="1/h", low=0.0, source="assumed: as fast as their turnover"),
                "half": sn.Param(
                    1.0, unit="a.u.", low=1e-3, name="antigen.half", source="assumed: the median cell is half seen"
                ),
                "b50": sn.Param(
                    1.0, low=1e-3, name="checkpoint.b50", source="assumed: one ligand at its median halves killing"
                ),
            },
        ),
        sn.Pool(
            "nk_cells",
            initial=sn.Param(1.0, low=0.0, source="its unit: what the tumour has before treatment"),
            rate=nk_cell_rate,
            params={
                "decay": sn.Param(0.0017, unit="1/h", low=0.0, source="de Pillis 2005: 0.0412 a day"),
                "recruitment": sn.Param(0.005, unit="1/h", source="assumed: a few-fold within weeks of a strong SASP"),
            },
        ),
    ]


@hookimpl
def senescape_observables() -> Sequence[sn.Observable]:
    """Shares of senescent cells that stain for PD-L1 and PD-L2."""

    def stained(ligand: str) -> sn.Observable:
        cut_off = sn.Param(2.0, unit="a.u.", low=0.0, source="assumed: twice the median before treatment")
        return sn.Observable(
            f"{ligand}_positive",
            "senescent",
            lambda cell, env, p: cell.signal[f"{ligand}_inhibition"] > p.cut_off,
            params={"cut_off": cut_off},
        )

    return [stained("pd_l1"), stained("pd_l2")]
