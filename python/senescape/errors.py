"""Every error of the package. Each message names the thing, where it stands, and the fix."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from senescape.results.result import Result

__all__ = [
    "CheckpointError",
    "FrozenError",
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
    """The root of all errors of the package.

    Parameters
    ----------
    what : str
        What is wrong.
    owner : str
        The thing that it is about, such as ``"transition 'escape': hazard"``.
    fix : str
        What to do about it.
    at : str
        The line of code where it stands.
    plugin : str
        The plugin that the thing comes from.
    part : str
        The name of the part of a model that it is about.
    missing : str
        A name that something reads and that is not there.

    Attributes
    ----------
    what, owner, fix, at, plugin, part, missing : str
        As given. The message is made of the first five.
    note, hint : str
        Lines at the end of the message: what else there is to know, and what may help.
    """

    def __init__(
        self,
        what: str = "",
        *,
        owner: str = "",
        fix: str = "",
        at: str = "",
        plugin: str = "",
        part: str = "",
        missing: str = "",
    ) -> None:
        super().__init__(what)
        self.what, self.owner, self.fix, self.at, self.plugin = what, owner, fix, at, plugin
        self.part, self.missing = part, missing
        self.note = self.hint = ""

    def __str__(self) -> str:
        text = f"{self.owner}: {self.what}" if self.owner else self.what
        if self.at:
            text += f"\n  at {self.at}"
        if self.fix:
            text += f"\n  fix: {self.fix}" if self.at else f"; {self.fix}"
        if self.note:
            text += f"\n  note: {self.note}"
        if self.plugin:
            text += f"\n  in the plugin {self.plugin!r}"
        return f"{text}\n  {self.hint}" if self.hint else text


@contextmanager
def about(part: str) -> Iterator[None]:
    """Let errors within a block know the part of a model that they are about."""
    try:
        yield
    except SenescapeError as error:
        error.part = error.part or part
        raise


class ModelError(SenescapeError, ValueError):
    """A model, or an argument of a run, is not valid."""


class FrozenError(SenescapeError, TypeError, AttributeError):
    """Something that does not change was to be changed."""


class UnitError(ModelError):
    """A time is not a finite number."""


class RuleError(ModelError):
    """A rule or its parameters are not valid, or a rule asks arrays for something they do not hold."""


class TraceError(RuleError):
    """A rule cannot be traced; the message shows its line and the rewrite."""


class ScenarioError(SenescapeError, ValueError):
    """A scenario file or object is not valid."""


class PluginError(SenescapeError, ValueError):
    """A plugin cannot be loaded, or two of them clash."""


class SimulationError(SenescapeError, RuntimeError):
    """A run failed.

    Attributes
    ----------
    partial : Result or None
        The replicates that had finished.
    """

    partial: Result | None = None


class CheckpointError(SenescapeError, ValueError):
    """A checkpoint cannot be written, or cannot be gone on from."""


class MemoryLimitError(SimulationError, MemoryError):
    """Cells take more memory than `max_memory` allows; ``partial`` is the Result of the replicates finished before."""


class ResultError(SenescapeError, ValueError):
    """A result cannot be written or read."""


class MissingExtraError(SenescapeError, ImportError):
    """An optional dependency is missing; the message names the extra that brings it."""
