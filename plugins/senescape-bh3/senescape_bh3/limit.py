"""The toxicity limit: at visits, doses of BH3 mimetics stop where platelets or toxicity pass what a patient tolerates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import senescape as sn

from senescape_bh3 import DRUGS


@sn.hookimpl
def senescape_visit_params() -> Mapping[str, sn.Param]:
    """The limits."""
    return {
        "platelets": sn.Param(
            0.2,
            unit="share of normal",
            low=0.0,
            high=1.0,
            source="CTCAE v5: grade 3 below 50e9/L, a fifth of a normal count of 250e9/L",
        ),
        "toxicity": sn.Param(0.5, low=0.0, high=1.0, source="assumed: half of the tissue's guard threshold passed"),
    }


@sn.hookimpl
def senescape_visit(visit: sn.Visit, p: Any) -> None:
    """Stop all of them for good."""
    if visit.env.pool["platelets"] < p.platelets or visit.env.pool["toxicity"] > p.toxicity:
        visit.memory.setdefault("stopped", visit.time)
    # Also what another plugin orders later.
    if "stopped" in visit.memory:
        for drug in DRUGS:
            visit.stop(drug)
