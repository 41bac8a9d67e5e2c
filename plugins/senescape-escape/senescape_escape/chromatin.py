"""The chromatin lock: an opener, which loosens it while it is there, and a stabiliser, which tightens it for good."""

from __future__ import annotations

from typing import Any

import numpy as np
import senescape as sn

OPENER = "hdac_inhibitor"
STABILISER = "demethylase_inhibitor"


def acetylated(cell: Any, env: Any, p: Any) -> Any:
    """Where acetylation relaxes to: the share of deacetylases that the opener holds."""
    return sn.hill(env.drug[OPENER], p.ec50)


def loosen(cell: Any, env: Any, p: Any) -> Any:
    """Factor on escape: open chromatin takes away part of what depth holds, so the deepest arrests gain most."""
    return np.exp(p.loosening * cell.acetylation * cell.depth)


def compact(cell: Any, env: Any, p: Any) -> Any:
    """Hazard of one more step of heterochromatin (H3K9me3), which no demethylase takes back."""
    return p.k * sn.hill(env.drug[STABILISER], p.ec50)


def tighter(cell: Any, env: Any, p: Any) -> Any:
    """The lock after a step: a share of what is still open is closed."""
    return cell.chromatin_lock + p.step * (1.0 - cell.chromatin_lock)


def traits() -> list[sn.Trait]:
    """Histone acetylation, as a share of the most."""
    return [
        sn.Trait(
            "acetylation",
            initial=0.0,
            unit="share of the most",
            flow=sn.relax(
                acetylated,
                tau=sn.Param(6.0, unit="h", low=0.1, source="assumed: acetylation comes and goes within hours"),
                params={
                    "ec50": sn.Param(0.5, unit="uM", low=1e-9, source="assumed: vorinostat acts at about 1 uM in cells")
                },
            ),
        )
    ]


def drugs() -> list[sn.Drug]:
    """The opener (an HDAC inhibitor such as vorinostat) and the stabiliser (an inhibitor of H3K9 demethylases)."""
    return [
        sn.Drug(
            OPENER,
            half_life=sn.Param(2.0, unit="h", low=0.0, source="vorinostat, drug reference page: about 2 h"),
            route="oral",
        ),
        sn.Drug(
            STABILISER,
            half_life=sn.Param(24.0, unit="h", low=0.0, source="assumed: given once a day"),
            route="oral",
        ),
    ]


def modifiers() -> list[sn.Modifier]:
    """What the opener does to escape."""
    return [
        sn.Modifier(
            "chromatin_opener",
            of="escape",
            factor=loosen,
            params={
                "loosening": sn.Param(
                    3.0,
                    low=0.0,
                    high=20.0,
                    source="assumed: full acetylation takes away half of the hold of depth (half of escape.gamma)",
                )
            },
        )
    ]


def transitions() -> list[sn.Transition]:
    """What the stabiliser does to the lock of arrested and senescent cells. Depth follows the lock by the biology's own flow."""
    shared = {
        "k": sn.Param(
            1 / 24,
            unit="1/h",
            low=0.0,
            name="heterochromatin.k",
            source="assumed: a step a day; inhibitors of H3K9 demethylases restore senescence within days "
            "(cf. Yu 2018, doi 10.1016/j.ccell.2018.01.002)",
        ),
        "ec50": sn.Param(0.5, unit="uM", low=1e-9, name="heterochromatin.ec50", source="assumed"),
        "step": sn.Param(
            0.2,
            low=0.0,
            high=1.0,
            name="heterochromatin.step",
            source="assumed: a fifth of what is open, so that a week closes most of it",
        ),
    }
    return [
        sn.Transition(f"heterochromatin_{fate}", fate, fate, compact, set={"chromatin_lock": tighter}, params=shared)
        for fate in ("arrested", "senescent")
    ]
