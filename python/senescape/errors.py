"""Every error of the package. Each message names the thing, where it stands, and the fix."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from senescape.results.result import Result

__all__ = [
    "CheckpointError",
    "MemoryLimitError",
    "MissingExtraError",
    "ModelError",
    "PluginError",
    "ResultError",
    "RuleError",
    "ScenarioError",
    "SenescapeError",
    "SimulationError",
    "TraceError",
    "UnitError",
]


class SenescapeError(Exception):
    """The root of all errors of the package."""


class ModelError(SenescapeError):
    """A model, or an argument of a run, is not valid."""


class UnitError(ModelError):
    """A time is not a finite number."""


class RuleError(ModelError):
    """A rule or its parameters are not valid, or a rule asks arrays for something they do not hold."""


class TraceError(RuleError):
    """A rule cannot be traced; the message shows its line and the rewrite."""


class ScenarioError(SenescapeError):
    """A scenario file or object is not valid."""


class PluginError(SenescapeError):
    """A plugin cannot be loaded, or two of them clash."""


class SimulationError(SenescapeError):
    """A run failed.

    Attributes
    ----------
    partial : Result or None
        The replicates that had finished.
    """

    partial: Result | None = None


class CheckpointError(SenescapeError):
    """A checkpoint cannot be written, or cannot be gone on from."""


class MemoryLimitError(SimulationError):
    """Cells take more memory than `max_memory` allows; ``partial`` is the Result of the replicates finished before."""


class ResultError(SenescapeError):
    """A result cannot be written or read."""


class MissingExtraError(SenescapeError, ImportError):
    """An optional dependency is missing; the message names the extra that brings it."""
