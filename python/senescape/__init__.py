"""Senescape: how a treated tumour relapses, cell by cell, exact in law.

Start with :class:`Model` and :func:`simulate`, or with a shipped scenario: :func:`load`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from senescape._core import __version__
from senescape._support.moved import install, module_of
from senescape.errors import (
    CheckpointError,
    FrozenError,
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
from senescape.model.distributions import (
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
from senescape.model.drugs import Dose, Drug, Pulse
from senescape.model.model import Model
from senescape.model.observables import Observable
from senescape.model.pools import Pool
from senescape.model.signals import Modifier, Signal
from senescape.model.stopping import Relapse
from senescape.model.traits import Trait, ar1, copy, relax, reset, scaled
from senescape.model.transitions import Death, Division, Escape, Immunotherapy, Senolytic, Transition
from senescape.model.visits import Visit, VisitRule
from senescape.results.ledger import Ledger
from senescape.results.result import Result, open_result
from senescape.rules.expression import hill
from senescape.rules.parameter import Param
from senescape.rules.rule import Rule
from senescape.simulation.simulate import simulate
from senescape.units import days, hours, minutes, weeks

if TYPE_CHECKING:
    from senescape import experiments, testing
    from senescape.plugins.hookspecs import hookimpl
    from senescape.plugins.parameter_table import parameters
    from senescape.plugins.registry import register_plugin
    from senescape.scenarios.cell_tables import Measured, read_cells
    from senescape.scenarios.scenario import Scenario, load, presets
    from senescape.simulation.resume import resume
    from senescape.trials.cohort import Cohort
    from senescape.trials.run_trial import Trial, trial

# Modules that need pydantic or pluggy are read when they are first used, so that the import stays quick.
_LATER = {
    "Scenario": "senescape.scenarios.scenario",
    "load": "senescape.scenarios.scenario",
    "presets": "senescape.scenarios.scenario",
    "hookimpl": "senescape.plugins.hookspecs",
    "Measured": "senescape.scenarios.cell_tables",
    "resume": "senescape.simulation.resume",
    "experiments": "senescape.experiments",
    "read_cells": "senescape.scenarios.cell_tables",
    "parameters": "senescape.plugins.parameter_table",
    "register_plugin": "senescape.plugins.registry",
    "testing": "senescape.testing",
    "Cohort": "senescape.trials.cohort",
    "Trial": "senescape.trials.run_trial",
    "trial": "senescape.trials.run_trial",
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
    "FrozenError",
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


install()


def __getattr__(name: str) -> Any:
    if name in _LATER:
        import importlib

        module = importlib.import_module(_LATER[name])
        # Some names are those of rooms.
        value = module if module.__name__ == f"senescape.{name}" else getattr(module, name)
        globals()[name] = value
        return value
    if (moved := module_of(name)) is not None:
        return moved
    raise AttributeError(f"module 'senescape' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
