"""What made a result: enough to make it again."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from senescape import _core

if TYPE_CHECKING:
    from senescape.model.model import Model
    from senescape.scenarios.scenario import Scenario

__all__ = ["provenance"]


def provenance(model: Model, run: Mapping[str, Any], scenario: Scenario | None, text: str) -> dict[str, Any]:
    """Describe a run.

    Parameters
    ----------
    model : Model
        The model that ran.
    run : mapping
        The run document.
    scenario : Scenario or None
        Where the model came from.
    text : str
        The model's document.

    Returns
    -------
    dict
        JSON-able: ``model`` (SHA-256 of its document), ``rules`` (SHA-256 by what they belong to), ``slow_rules``
        (hazards that were called, not compiled), ``parameters``, ``run``,
        ``scenario`` and ``plugins`` (versions by name) if there was one, ``cells`` (rows and SHA-256 of the table that founders
        came from) if there was one, ``versions``.
    """
    settings = {key: value for key, value in run.items() if key not in ("observe", "params", "threads")}
    out: dict[str, Any] = {
        "model": hashlib.sha256(text.encode()).hexdigest(),
        "rules": model.rule_hashes(),
        "slow_rules": [rule.name for rule in model.slow_rules],
        "parameters": {name: float(value) for name, value in zip(model.parameters, run["params"], strict=True)},
        "run": settings,
        "versions": {
            "senescape": _core.__version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
        },
    }
    if scenario is not None:
        out["scenario"] = json.loads(scenario.model_dump_json())
        out["plugins"] = scenario.plugin_versions()
        if scenario.founders is not None:
            out["cells"] = {"rows": scenario.founders.rows, "sha256": scenario.founders.sha256}
    return out
