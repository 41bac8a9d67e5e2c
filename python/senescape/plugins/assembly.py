"""Find plugins, check them, and gather what they add."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pluggy
from numpy.typing import NDArray

from senescape.errors import ModelError, PluginError
from senescape.model.drugs import Drug
from senescape.model.model import Model
from senescape.model.observables import Observable
from senescape.model.pools import Pool
from senescape.model.signals import Modifier, Signal
from senescape.model.traits import Trait
from senescape.model.transitions import Escape, Immunotherapy, Senolytic, Transition
from senescape.model.visits import VisitRule
from senescape.plugins.hookspecs import Hooks
from senescape.plugins.implementations import functions_of
from senescape.plugins.registry import known_plugins, load_plugin, raised_in

__all__ = ["assemble", "hooks_of"]

_KINDS: dict[str, type] = {
    "senescape_fates": str,
    "senescape_marks": str,
    "senescape_traits": Trait,
    "senescape_drugs": Drug,
    "senescape_pools": Pool,
    "senescape_signals": Signal,
    "senescape_modifiers": Modifier,
    "senescape_transitions": Transition,
    "senescape_senolytics": Senolytic,
    "senescape_immunotherapies": Immunotherapy,
    "senescape_escapes": Escape,
    "senescape_observables": Observable,
}
"""What the list that each hook returns holds."""


def _manager(names: Sequence[str]) -> pluggy.PluginManager:
    manager = pluggy.PluginManager("senescape")
    manager.add_hookspecs(Hooks)
    taken: dict[int, str] = {}
    for name in names:
        plugin = load_plugin(name)
        if id(plugin) in taken:
            raise PluginError(f"{taken[id(plugin)]!r} and {name!r} are the same plugin; name it once")
        taken[id(plugin)] = name
        try:
            manager.register(functions_of(plugin, name), name)
        except (pluggy.PluginValidationError, ValueError) as error:
            raise PluginError(f"plugin {name!r}: {error}") from error
    return manager


def _gather(manager: pluggy.PluginManager, hook: str) -> list[tuple[str, Any]]:
    """Return what all plugins return for a hook, with the plugins' names, in the order in which they were named."""
    out: list[tuple[str, Any]] = []
    for implementation in getattr(manager.hook, hook).get_hookimpls():
        name = implementation.plugin_name
        try:
            parts = implementation.function()
        except Exception as error:
            raise PluginError(f"plugin {name!r}: {hook} raised {raised_in(error)}") from error
        if isinstance(parts, str) or not isinstance(parts, Sequence):
            raise PluginError(f"plugin {name!r}: {hook} returned {type(parts).__name__}; it must return a list")
        kind = _KINDS[hook]
        for part in parts:
            if not isinstance(part, kind):
                what = "texts" if kind is str else f"sn.{kind.__name__} objects"
                raise PluginError(f"plugin {name!r}: {hook} returned a list with {part!r} in it; it must hold {what}")
        out.extend((name, part) for part in parts)
    return out


def hooks_of(name: str) -> tuple[Any, dict[str, list[Any]]]:
    """Give a plugin and what it returns for each hook that it has.

    Raises
    ------
    PluginError
        If there is no such plugin, or it is broken.
    """
    manager = _manager([name])
    found: dict[str, list[Any]] = {hook: [part for _, part in _gather(manager, hook)] for hook in _KINDS}
    found["senescape_visit"] = list(_visit_rules(manager))
    return load_plugin(name), {hook: parts for hook, parts in found.items() if parts}


def assemble(names: Sequence[str], measured: Mapping[str, NDArray[np.float32]] | None = None) -> Model:
    """Return the model that some plugins make together.

    Parts stand in the order of the plugins' names: the order of `names` changes nothing.

    Parameters
    ----------
    names : sequence of str
        The plugins.
    measured : mapping of str to ndarray of float32, shape (founder,), optional
        First values of traits, instead of the plugins' own.

    Raises
    ------
    PluginError
        If a plugin is missing or broken, or two of them add things of one name.
    ModelError
        If the parts do not fit together.
    """
    manager = _manager(sorted(names))

    owned: dict[str, set[str]] = {name: set() for name in names}

    def parts(*hooks: str) -> list[Any]:
        owner: dict[str, str] = {}
        out = []
        for hook in hooks:
            for plugin, part in _gather(manager, hook):
                name = part if isinstance(part, str) else getattr(part, "name", repr(part))
                if name in owner and not (isinstance(part, str) or owner[name] == plugin):
                    raise PluginError(
                        f"the plugins {owner[name]!r} and {plugin!r} both add {name!r} ({hook}); use one of them, or rename"
                    )
                if isinstance(part, str) and name in owner:
                    continue  # two plugins may name the same fate or mark: they mean the same one
                owner[name] = plugin
                owned[plugin].add(name)
                out.append(part)
        return out

    visits = _visit_rules(manager)
    for rule in visits:
        owned[rule.name.removesuffix(".visit")].add(rule.name)
    pieces = {
        "fates": parts("senescape_fates"),
        "traits": parts("senescape_traits"),
        "drugs": parts("senescape_drugs"),
        "pools": parts("senescape_pools"),
        "marks": parts("senescape_marks"),
        "signals": parts("senescape_signals"),
        "modifiers": parts("senescape_modifiers"),
        "transitions": parts(
            "senescape_transitions", "senescape_senolytics", "senescape_immunotherapies", "senescape_escapes"
        ),
        "observables": parts("senescape_observables"),
    }
    if measured:
        pieces["traits"] = [
            trait
            if trait.name not in measured
            else Trait(trait.name, measured[trait.name], trait.unit, trait.flow, trait.inherit)
            for trait in pieces["traits"]
        ]
    try:
        model = Model(**pieces, visits=visits, barriers=BARRIERS_FIRST)
    except ModelError as error:
        error.plugin = next((plugin for plugin, parts in owned.items() if error.part in parts), "")
        error.hint = _provider_of(error.missing, names)
        raise
    # Parameters are addressed by plugin too: <plugin>.<part>.<parameter>.
    model.__dict__["_plugins"] = {plugin: frozenset(parts) for plugin, parts in owned.items()}
    return model


def _visit_rules(manager: pluggy.PluginManager) -> list[VisitRule]:
    """Return what plugins do at visits, with the parameters that they declare."""
    declared = {each.plugin_name: each.function for each in manager.hook.senescape_visit_params.get_hookimpls()}
    rules = []
    for each in manager.hook.senescape_visit.get_hookimpls():
        name, function = each.plugin_name, each.function
        params: Any = {}
        if name in declared:
            try:
                params = declared.pop(name)()
            except Exception as error:
                raise PluginError(f"plugin {name!r}: senescape_visit_params raised {raised_in(error)}") from error
            if not isinstance(params, Mapping):
                raise PluginError(
                    f"plugin {name!r}: senescape_visit_params returned {type(params).__name__}; it must return a mapping"
                )
        # Like pluggy, hand over the arguments that the function takes.
        wanted = inspect.signature(function).parameters
        if "p" not in wanted:
            function = _without_params(function)
        try:
            rules.append(VisitRule(f"{name}.visit", function, params))
        except ModelError as error:
            raise PluginError(f"plugin {name!r}: {error}") from error
    if declared:
        raise PluginError(
            f"plugin {next(iter(declared))!r} has senescape_visit_params, but no senescape_visit to use them"
        )
    return rules


def _without_params(function: Callable[..., object]) -> Callable[..., object]:
    takes = inspect.signature(function).parameters

    @functools.wraps(function)
    def call(visit: Any, p: Any) -> object:
        return function(visit) if takes else function()

    # What it takes itself, not what it wraps.
    call.__signature__ = inspect.signature(lambda visit, p: None)  # type: ignore[attr-defined]
    return call


def _provider_of(missing: str, names: Sequence[str]) -> str:
    """Say which plugin, not named by the scenario, adds what is missing."""
    for plugin in known_plugins() if missing else ():
        if plugin in names:
            continue
        try:
            _, hooks = hooks_of(plugin)
        except PluginError:
            continue
        added = {part if isinstance(part, str) else part.name for parts in hooks.values() for part in parts}
        if missing in added:
            both = ", ".join(map(repr, [*names, plugin]))
            return f"the plugin {plugin!r} adds {missing!r}: name it too, plugins = [{both}]"
    return ""


BARRIERS_FIRST: tuple[str, ...] = ("intrinsic", "immune", "arrest")
"""The three barriers, in the order in which a senescent cell meets them."""
