"""p53: mutant p53 that a drug refolds, and p53 that is lost in the arrest.

Both change the trait ``tp53`` itself, so that whatever reads it (arrest, priming, rules of other plugins) follows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import senescape as sn

DRUG = "eprenetapopt"
RESTORED, LOST = "p53_restored", "p53_lost"
MARKS = (RESTORED, LOST)
FATES = ("cycling", "arrested", "senescent")


def refold(cell: Any, env: Any, p: Any) -> Any:
    """Hazard that a cell's mutant p53 begins to work. Where p53 was lost in the arrest there is nothing to refold."""
    mutant = (1.0 - cell.tp53) * np.where(cell.mark[LOST], 0.0, 1.0)
    return p.on * mutant * sn.hill(env.drug[DRUG], p.ec50)


def unfold(cell: Any, env: Any, p: Any) -> Any:
    """Hazard that refolded p53 stops working once the drug is gone."""
    return p.off * np.where(cell.mark[RESTORED], 1.0, 0.0) * (1.0 - sn.hill(env.drug[DRUG], p.ec50))


def lose(cell: Any, env: Any, p: Any) -> Any:
    """Hazard of losing p53, by mutation, loss of the other copy, or silencing."""
    return p.k * cell.tp53


def release(cell: Any, env: Any, p: Any) -> Any:
    """Factor on the escape of cells that lost p53 in the arrest: p16 and chromatin are a second lock."""
    lost = np.where(cell.mark[LOST], 1.0, 0.0)
    return 1.0 + lost * p.fold * (1.0 - cell.chromatin_lock)


def drugs() -> list[sn.Drug]:
    """Eprenetapopt (APR-246), which refolds mutant p53."""
    return [
        sn.Drug(
            DRUG,
            half_life=sn.Param(
                4.5, unit="h", low=0.0, source="Lehmann 2012, doi 10.1200/JCO.2011.40.7783: 4 to 5 h in patients"
            ),
            route="infusion",
        )
    ]


def modifiers() -> list[sn.Modifier]:
    """What the loss of p53 does to escape."""
    return [
        sn.Modifier(
            "p53_loss_release",
            of="escape",
            factor=release,
            params={
                "fold": sn.Param(
                    100.0,
                    low=0.0,
                    source="assumed: hundredfold with no lock, none with a full one; senescent cells with little p16 grow "
                    "robustly once p53 is inactivated, those with much do not (Beausejour 2003, doi 10.1093/emboj/cdg417)",
                )
            },
        )
    ]


def transitions() -> list[sn.Transition]:
    """Refolding and unfolding in all fates, and the loss of p53 in arrested and senescent cells."""
    ec50 = sn.Param(
        10.0,
        unit="uM",
        low=1e-9,
        name="p53_refolding.ec50",
        source="assumed: PRIMA-1Met acts on mutant lines at 10 to 30 uM",
    )
    on = sn.Param(0.2, unit="1/h", low=0.0, name="p53_refolding.on", source="assumed: p53 targets respond within hours")
    off = sn.Param(
        0.05, unit="1/h", low=0.0, name="p53_refolding.off", source="assumed: new p53 folds wrongly again in a day"
    )
    loss = sn.Param(
        1e-6,
        unit="1/h",
        low=0.0,
        name="p53_loss.k",
        source="assumed: 2 in 100,000 cells a day, about what dividing cells lose of one gene copy; 0 turns it off",
    )
    refolding = [
        part
        for fate in FATES
        for part in (
            sn.Transition(
                f"p53_refolding_{fate}",
                fate,
                fate,
                refold,
                set={"tp53": 1.0},
                mark=RESTORED,
                params={"on": on, "ec50": ec50},
            ),
            sn.Transition(
                f"p53_unfolding_{fate}",
                fate,
                fate,
                unfold,
                set={"tp53": 0.0},
                unmark=RESTORED,
                params={"off": off, "ec50": ec50},
            ),
        )
    ]
    losing = [
        sn.Transition(f"p53_loss_{fate}", fate, fate, lose, set={"tp53": 0.0}, mark=LOST, params={"k": loss})
        for fate in FATES
        if fate != "cycling"
    ]
    return [*refolding, *losing]
