"""Old import paths of modules that live in rooms now, so that code written for them goes on working."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

__all__ = ["install", "module_of"]

_PACKAGE = "senescape."

_ROOMS = {
    "arrays": "rules.arrays",
    "cell_readers": "scenarios.cell_readers",
    "checkpoint": "simulation.checkpoint",
    "cohort": "trials.cohort",
    "describe": "plugins.describe",
    "distributions": "model.distributions",
    "document": "model.compile",
    "drugs": "model.drugs",
    "engine": "simulation.engine",
    "evaluate": "rules.evaluator",
    "experiments.replating": "experiments.rechallenge",
    "experiments.volume": "experiments.response",
    "experiments.watching": "experiments.observe",
    "expr": "rules.expression",
    "extras": "_support.optional",
    "formula": "rules.formula",
    "frozen": "model.immutable",
    "hints": "rules.rewrites",
    "hookspecs": "plugins.hookspecs",
    "implementations": "plugins.implementations",
    "installed": "plugins.installed",
    "layout": "results.axes",
    "ledger": "results.ledger",
    "measured": "scenarios.cell_tables",
    "memory": "_support.memory",
    "modules": "plugins.imports",
    "names": "_support.names",
    "observables": "model.observables",
    "operations": "rules.operations",
    "outside": "simulation.callbacks",
    "parameter_table": "plugins.parameter_table",
    "pools": "model.pools",
    "profile": "results.profile",
    "progress": "_support.progress",
    "provenance": "simulation.provenance",
    "reading": "_support.archive",
    "recovery": "experiments.recovery",
    "reference": "testing.reference",
    "resuming": "simulation.resume",
    "run": "simulation.run_document",
    "scaffold": "plugins.scaffold",
    "scenario": "scenarios.scenario",
    "signals": "model.signals",
    "source": "rules.source_location",
    "suggest": "_support.suggest",
    "survival": "trials.survival",
    "table": "results.table",
    "testing.effect": "testing.transition",
    "testing.points": "testing.sampling",
    "testing.reads": "rules.inputs",
    "trace": "rules.tracer",
    "traits": "model.traits",
    "transitions": "model.transitions",
    "visits": "model.visits",
    "watchdog": "simulation.watchdog",
    "writing": "_support.atomic",
}
"""Where each module lives now, by its old name."""


class _Moved(MetaPathFinder, Loader):
    """Import a module by its old name: the very module, not a copy."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        known = name.startswith(_PACKAGE) and name.removeprefix(_PACKAGE) in _ROOMS
        return ModuleSpec(name, self) if known else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(_PACKAGE + _ROOMS[spec.name.removeprefix(_PACKAGE)])
        # The import system writes the spec that it looked for into the module; it is put back in exec_module.
        self._own = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._own


def module_of(name: str) -> ModuleType | None:
    """Return the module of an old name, such as ``scenario``; None where there was none."""
    return importlib.import_module(_PACKAGE + _ROOMS[name]) if name in _ROOMS else None


def install() -> None:
    """Let modules be imported by their old names."""
    if not any(isinstance(finder, _Moved) for finder in sys.meta_path):
        sys.meta_path.append(_Moved())
        # The import system would put the module in the place of the function of this name.
        sys.modules[_PACKAGE + "simulate"] = importlib.import_module("senescape.simulation.simulate")
