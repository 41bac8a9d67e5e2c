"""Senescape: how a treated tumour relapses, cell by cell, exact in law.

Start with :class:`Model` and :func:`simulate`, or with a shipped scenario: :func:`load`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from senescape._core import __version__
from senescape.distributions import (
    Bernoulli,
    Beta,
    Constant,
    Exponential,
    Gamma,
    Integers,
    LogNormal,
    Normal,
    Uniform,
)
from senescape.drugs import Dose, Drug, Pulse
from senescape.errors import (
    CheckpointError,
    MemoryLimitError,
    MissingExtraError,
    ModelError,
    PluginError,
    ResultError,
    RuleError,
    ScenarioError,
    SenescapeError,
    SimulationError,
    TraceError,
    UnitError,
)
from senescape.expr import hill
from senescape.ledger import Ledger
from senescape.model import Model
from senescape.observables import Observable
from senescape.pools import Pool
from senescape.results import Result, open_result
from senescape.rules import Param, Rule
from senescape.run import Relapse
from senescape.signals import Modifier, Signal
from senescape.simulate import simulate
from senescape.traits import Trait, ar1, copy, relax, reset, scaled
from senescape.transitions import Death, Division, Escape, Immunotherapy, Senolytic, Transition
from senescape.units import days, hours, minutes, weeks
from senescape.visits import Visit, VisitRule

if TYPE_CHECKING:
    from senescape import experiments, testing
    from senescape.cohort import Cohort
    from senescape.hookspecs import hookimpl
    from senescape.measured import Measured, read_cells
    from senescape.parameter_table import parameters
    from senescape.plugins import register_plugin
    from senescape.resuming import resume
    from senescape.scenario import Scenario, load, presets
    from senescape.trials import Trial, trial

# Modules that need pydantic or pluggy are read when they are first used, so that the import stays quick.
_LATER = {
    "Scenario": "senescape.scenario",
    "load": "senescape.scenario",
    "presets": "senescape.scenario",
    "hookimpl": "senescape.hookspecs",
    "Measured": "senescape.measured",
    "resume": "senescape.resuming",
    "experiments": "senescape.experiments",
    "read_cells": "senescape.measured",
    "parameters": "senescape.parameter_table",
    "register_plugin": "senescape.plugins",
    "testing": "senescape.testing",
    "Cohort": "senescape.cohort",
    "Trial": "senescape.trials",
    "trial": "senescape.trials",
}

__all__ = [
    "Bernoulli",
    "Beta",
    "CheckpointError",
    "Cohort",
    "Constant",
    "Death",
    "Division",
    "Dose",
    "Drug",
    "Escape",
    "Exponential",
    "Gamma",
    "Immunotherapy",
    "Integers",
    "Ledger",
    "LogNormal",
    "Measured",
    "MemoryLimitError",
    "MissingExtraError",
    "Model",
    "ModelError",
    "Modifier",
    "Normal",
    "Observable",
    "Param",
    "PluginError",
    "Pool",
    "Pulse",
    "Relapse",
    "Result",
    "ResultError",
    "Rule",
    "RuleError",
    "Scenario",
    "ScenarioError",
    "Senolytic",
    "SenescapeError",
    "Signal",
    "SimulationError",
    "TraceError",
    "Trait",
    "Transition",
    "Trial",
    "Uniform",
    "UnitError",
    "Visit",
    "VisitRule",
    "__version__",
    "ar1",
    "copy",
    "days",
    "experiments",
    "hill",
    "hookimpl",
    "hours",
    "load",
    "minutes",
    "open_result",
    "parameters",
    "presets",
    "read_cells",
    "register_plugin",
    "relax",
    "reset",
    "resume",
    "scaled",
    "simulate",
    "testing",
    "trial",
    "weeks",
]


def __getattr__(name: str) -> Any:
    if name in _LATER:
        import importlib

        module = importlib.import_module(_LATER[name])
        value = getattr(module, name, module)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'senescape' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
