"""Scenarios that several claims start from."""

from __future__ import annotations

from typing import Any

from senescape.scenarios.scenario import Scenario

__all__ = ["DAY", "IN_VIVO", "chemotherapy", "daily", "treated"]

DAY = 24.0

IN_VIVO: dict[str, float] = {
    # As in the sketch that the model grew from: damage is repaired in days, what cells then lean on is the depth of the arrest
    # and their guard. Priming comes up to what a typical guard just holds.
    "cycle.length": 36.0,
    "cycle.capacity": 1e6,
    "cycle.crowding": 1.0,
    "damage.repair": 72.0,
    "damage.c50": 0.05,
    "efflux.sigma": 0.3,
    "mitotic_catastrophe.ac": 2.0,
    "arrest.k": 0.5,
    "return.k": 0.002,
    "senescence.k": 0.03,
    "escape.h0": 0.02,
    "escape.gamma": 8.0,
    "apoptosis.k": 0.1,
    "apoptosis.induced": 1.6,
    "apoptosis.s": 0.08,
    "turnover.hazard": 3e-4,
}
"""Parameters of a tumour cell in vivo, for claims that do not depend on a fitted line."""


def chemotherapy(concentration: float = 0.25, start: float = DAY) -> dict[str, Any]:
    """One exposure to doxorubicin (uM) of a day."""
    return {"drug": "doxorubicin", "concentration": concentration, "start": start, "duration": DAY}


def daily(drug: str, amount: float, first: float, days: int) -> dict[str, Any]:
    """A dose a day."""
    return {"drug": drug, "amount": amount, "at": first, "repeat": days, "interval": DAY}


def treated(*plugins: str, cells: int = 1000, until: float = 20 * DAY, chemo: bool = True, **more: Any) -> Scenario:
    """Cycling cells, an exposure to doxorubicin on the first day, and whatever is given besides."""
    parameters = {**IN_VIVO, **more.pop("parameters", {})}
    settings = {"every": DAY, "sync": 12.0, "initial": {"cycling": cells}, "max_cells": 2_000_000, **more}
    pulses = (chemotherapy(),) if chemo else ()
    return Scenario.model_validate(
        {"plugins": ("biology", *plugins), "until": until, "pulses": pulses, "parameters": parameters, **settings}
    )
