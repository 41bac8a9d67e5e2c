"""Checkpoint inhibitors: anti-PD-L1, anti-PD-L2, anti-PD-1, anti-Galectin-9 and anti-TIM-3. Needs the plugin ``immunity``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import senescape as sn

ARMS = {
    "anti_pd_l1": ("pd_l1_inhibition",),
    "anti_pd_l2": ("pd_l2_inhibition",),
    # The receptor of both.
    "anti_pd_1": ("pd_l1_inhibition", "pd_l2_inhibition"),
    "anti_galectin9": ("galectin9_inhibition",),
    # The receptor of Galectin-9.
    "anti_tim3": ("galectin9_inhibition",),
}
"""The inhibitions that each antibody takes away."""

HALF_LIVES = {
    "anti_pd_l1": (27.0, "atezolizumab, doi 10.1038/s41598-019-47910-1"),
    "anti_pd_l2": (25.0, "assumed: as other IgG antibodies"),
    "anti_pd_1": (25.8, "pembrolizumab, doi 10.1038/s41598-019-47910-1"),
    "anti_galectin9": (25.0, "assumed: as other IgG antibodies"),
    "anti_tim3": (25.0, "assumed: as other IgG antibodies"),
}
"""Days, and where they come from."""


def blockade(drug: str) -> Any:
    """Write the rule of what an antibody leaves of an inhibition. Two antibodies on one arm multiply (Bliss)."""

    def left(cell: Any, env: Any, p: Any) -> Any:
        return 1.0 - p.effect * sn.hill(env.drug[drug], p.ec50)

    return left


@sn.hookimpl
def senescape_drugs() -> Sequence[sn.Drug]:
    """The antibodies; a dose of 1 gives about the concentration after one clinical dose."""
    return [
        sn.Drug(drug, half_life=sn.Param(24.0 * days, unit="h", low=0.0, source=source), unit="clinical dose")
        for drug, (days, source) in HALF_LIVES.items()
    ]


@sn.hookimpl
def senescape_modifiers() -> Sequence[sn.Modifier]:
    """What each antibody leaves of the arms that it blocks."""

    def params(drug: str) -> dict[str, sn.Param]:
        # One effect and one half-point an antibody, whichever of its arms is looked at.
        return {
            "effect": sn.Param(
                0.95,
                low=0.0,
                high=1.0,
                name=f"{drug}.effect",
                source="assumed: a saturating antibody blocks nearly all",
            ),
            "ec50": sn.Param(
                0.05,
                unit="clinical dose",
                low=1e-9,
                name=f"{drug}.ec50",
                source="Brahmer 2010 doi 10.1200/JCO.2009.26.7609: over 70% of PD-1 held for two months after a dose",
            ),
        }

    return [
        sn.Modifier(f"{drug}_on_{arm.removesuffix('_inhibition')}", arm, blockade(drug), params(drug))
        for drug, arms in ARMS.items()
        for arm in arms
    ]


@sn.hookimpl
def senescape_presets() -> Mapping[str, Path]:
    """Scenarios that use the plugin."""
    return {path.stem: path for path in sorted(Path(__file__).with_name("presets").glob("*.toml"))}
