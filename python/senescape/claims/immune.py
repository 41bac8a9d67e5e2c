"""Claims about the second barrier: who is seen, who is held off, and what takes the brakes away."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from senescape.claims.framework import Finding, Lab, claim, index
from senescape.claims.scenes import DAY, treated
from senescape.results.result import Result
from senescape.scenarios.scenario import Scenario

LIGANDS = ("pd_l1", "pd_l2", "galectin9")
BARE = {f"{name}.initial.median": 1e-3 for name in LIGANDS}
ARMED = {f"{name}.initial.median": 4.0 for name in LIGANDS}
STILL: dict[str, float] = {
    # Nothing but immune cells acts: what they do can be counted.
    "apoptosis.k": 0.0,
    "turnover.hazard": 0.0,
    "escape.h0": 0.0,
    "cycle.length": 1e9,
    "depth.initial": 0.6,
    "depth.tau": 0.5,
}


def standing(
    *plugins: str,
    until: float,
    cells: dict[str, int] | None = None,
    parameters: dict[str, float] | None = None,
    **more: Any,
) -> Scenario:
    """Cells that stand still but for immune cells."""
    return treated(
        "immunity",
        *plugins,
        until=until,
        chemo=False,
        initial=cells or {"senescent": 2000},
        parameters={**STILL, **(parameters or {})},
        **more,
    )


def _killed(result: Result, cause: str) -> NDArray[np.float64]:
    return result.deaths[:, -1, index(result.layout.causes, cause)].astype(np.float64)


def _events(result: Result, name: str) -> NDArray[np.float64]:
    return result.events[:, -1, index([t.name for t in result.layout.transitions], name)].astype(np.float64)


@claim(
    8,
    "Senescent cells are cleared first, unless they hold immune cells off",
    references="10,16,28-30",
    control="the senescent surface",
)
def cleared_unless_they_evade(lab: Lab, mechanism: bool) -> Finding:
    """Senescent and cycling cells side by side, with and without inhibitory ligands.

    With evasion off, what senescent cells secrete and show (antigen presentation, NKG2D ligands) has them cleared faster than
    cycling cells. With PD-L1, PD-L2 and Galectin-9 high they evade. In the control senescence changes nothing on the surface.
    """
    flat = (
        {}
        if mechanism
        else {"antigen.rise": 0.0, "nk_visibility.rise": 0.0, **{f"{name}_inhibition.rise": 0.0 for name in LIGANDS}}
    )
    both = {"senescent": 2000, "cycling": 2000}
    found = Finding(y="killed in two days, of 2,000")
    dead = {}
    for label, ligands in (("evasion off", BARE), ("evasion on", ARMED)):
        scenario = standing(until=2 * DAY, cells=both, parameters={**ligands, **flat})
        result = lab.simulate(scenario, replicates=lab.replicates(12))
        fates = ("senescent", "cycling")
        dead[label] = {fate: _events(result, f"t_cell[{fate}]") + _events(result, f"nk_cell[{fate}]") for fate in fates}
        if label == "evasion on":
            by_t = _events(result, "t_cell[senescent]")
        else:
            seen_by_t = _events(result, "t_cell[senescent]")
        found.draw(label, list(fates), [each.mean() for each in dead[label].values()], style="points")
    off = dead["evasion off"]
    ratio = off["senescent"] / np.maximum(off["cycling"], 1)
    found.check("killed senescent cells, of killed cycling ones, evasion off", "faster: above 1.1", ratio, above=1.1)
    held = by_t / np.maximum(seen_by_t.mean(), 1)
    found.check("killed by T cells with evasion, of those without", "they evade: below 0.2", held, below=0.2)
    return found


@claim(
    9,
    "One antibody suffices against one ligand, several are needed against several",
    references="10,64",
    control="antigen presentation",
)
def redundancy_of_checkpoints(lab: Lab, mechanism: bool) -> Finding:
    """Antibodies alone and together against one dominant and several equal ligands.

    Checkpoint blockade does nothing where no antigen is presented. One antibody suffices against one dominant ligand; under
    redundancy several are needed; anti-PD-L2 helps where PD-L2 is what senescence induces. The control shows no antigen.
    """
    sight = {} if mechanism else {"mhc1.initial.median": 1e-6}
    plugin = "senescape-checkpoint"

    def killed(drugs: tuple[str, ...], **medians: float) -> NDArray[np.float64]:
        ligands = {f"{name}.initial.median": medians.get(name, 0.01) for name in LIGANDS}
        doses = tuple({"drug": drug, "amount": 1.0, "at": 0.0} for drug in drugs)
        scenario = standing(plugin, until=4 * DAY, parameters={**ligands, "evasion.shared": 0.0, **sight}, doses=doses)
        return _killed(lab.simulate(scenario, replicates=lab.replicates(10)), "t_cell")

    one = {"pd_l1": 4.0}
    three = {"pd_l1": 3.0, "pd_l2": 3.0, "galectin9": 3.0}
    all_ = ("anti_pd_l1", "anti_pd_l2", "anti_tim3")
    found = Finding(y="killed by T cells in four days, of 2,000")
    alone, single = killed((), **one), killed(("anti_pd_l1",), **one)
    most = killed(all_, **one).mean()
    gain = (single - alone.mean()) / max(most - alone.mean(), 1.0)
    found.check("one dominant ligand: gain by its antibody, of that by all", "suffices: above 0.8", gain, above=0.8)
    base, first, both, everything = (killed(all_[:n], **three) for n in range(4))
    whole = max(everything.mean() - base.mean(), 1.0)
    found.check(
        "three ligands: gain by one antibody, of that by three",
        "not enough: below 0.25",
        (first - base.mean()) / whole,
        below=0.25,
    )
    found.check(
        "three ligands: gain by three antibodies (cells)", "needed: above 300", everything - base.mean(), above=300.0
    )
    pd_l2 = killed(("anti_pd_l2",), pd_l2=4.0) - killed((), pd_l2=4.0).mean()
    found.check("PD-L2 dominant: gain by anti-PD-L2 (cells)", "helps: above 300", pd_l2, above=300.0)
    found.draw(
        "three equal ligands", [0, 1, 2, 3], [each.mean() for each in (base, first, both, everything)], style="points"
    )
    found.draw("one dominant ligand", [0, 1, 3], [alone.mean(), single.mean(), most], style="points")
    found.x = "antibodies"
    return found


@claim(
    10,
    "A booster helps senescence control the tumour, and the sign of SASP decides",
    references="65",
    control="coupling of SASP",
)
def booster_and_sign(lab: Lab, mechanism: bool) -> Finding:
    """Senescent tumours with a booster of immunogenicity, and with SASP that draws T cells in or keeps them out.

    A booster of immunogenicity combines with senescence to control the tumour. SASP can also feed regrowth and suppression: the
    outcome flips with the sign of those couplings. In the control SASP is coupled to nothing.
    """
    coupling = 0.06 if mechanism else 0.0
    feeding = 3.0 if mechanism else 0.0
    found = Finding(y="cells alive after 30 days")

    def left(recruitment: float, fed: float, boost: bool) -> NDArray[np.float64]:
        doses = (
            ({"drug": "innate_agonist", "amount": 3.0, "at": 3 * DAY, "repeat": 8, "interval": 3 * DAY},)
            if boost
            else ()
        )
        scenario = treated(
            "immunity",
            "senescape-engineered-immunity",
            cells=4000,
            until=30 * DAY,
            doses=doses,
            max_cells=3_000_000,
            parameters={
                "t_cells.recruitment": recruitment,
                "sasp_on_growth.feeding": fed,
                "immunity.reference": 2000.0,
                "cycle.capacity": 3e4,
                "cycle.length": 60.0,
                "escape.h0": 0.005,
            },
        )
        result = lab.simulate(scenario, replicates=lab.replicates(8))
        alive: NDArray[np.float64] = result.counts[:, -1].sum(axis=1).astype(np.float64)
        return alive

    plain, boosted = left(coupling, 0.0, False), left(coupling, 0.0, True)
    fed = left(-coupling, feeding, False)
    found.check(
        "cells with the booster, of those without", "control: below 0.7", boosted / max(plain.mean(), 1.0), below=0.7
    )
    flips = fed / max(plain.mean(), 1.0)
    found.check(
        "cells with SASP that feeds and suppresses, of SASP that calls T cells", "flips: above 2", flips, above=2.0
    )
    found.draw(
        "",
        ["calls T cells", "and booster", "feeds, suppresses"],
        [plain.mean(), boosted.mean(), fed.mean()],
        style="bars",
    )
    return found
