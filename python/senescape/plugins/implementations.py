"""The hooks that a plugin has: functions marked by :data:`senescape.hookimpl`, of whatever kind."""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable
from typing import Any

from senescape._support.suggest import did_you_mean
from senescape.errors import PluginError
from senescape.plugins.hookspecs import Hooks, hookimpl
from senescape.plugins.imports import MARK

__all__ = ["HOOKS", "check_plugin", "functions_of"]

HOOKS = tuple(hook for hook in vars(Hooks) if hook.startswith("senescape_"))
"""Names of all hooks."""

_IMPLEMENTED = "senescape_impl"
"""The attribute that the mark leaves."""


class _Functions:
    """The hooks of a plugin as functions that pluggy takes."""


def functions_of(plugin: Any, name: str) -> Any:
    """Give the hooks of a plugin as plain functions, checked.

    pluggy looks at functions and methods only, and silently leaves out a ``functools.partial``, an object with ``__call__``
    and a class method that was marked before it was made one.

    Parameters
    ----------
    plugin : object
        A module, an instance or a namespace.
    name : str
        What scenarios call it, for messages.

    Raises
    ------
    PluginError
        As :func:`check_plugin`.
    """
    out = _Functions()
    for hook, attribute in check_plugin(plugin, name).items():
        function = getattr(plugin, attribute)
        if not (inspect.isroutine(function) and isinstance(getattr(function, _IMPLEMENTED, None), dict)):
            function = hookimpl(_plain(function))
        setattr(out, hook, function)
    return out


def _plain(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any) -> Any:
        return function(*args)

    functools.update_wrapper(call, function, updated=())
    with contextlib.suppress(TypeError, ValueError):
        # A partial may be called with fewer arguments than what it wraps takes.
        signature = inspect.signature(function)
        kept = [p.replace(default=p.empty) for p in signature.parameters.values() if p.kind is not p.KEYWORD_ONLY]
        call.__signature__ = signature.replace(parameters=kept)  # type: ignore[attr-defined]
    return call


def check_plugin(plugin: Any, name: str) -> dict[str, str]:
    """Refuse a plugin that has no hooks, or something marked or named as a hook that would not be called.

    Parameters
    ----------
    plugin : object
        A module, an instance or a namespace.
    name : str
        What scenarios call it, for messages.

    Returns
    -------
    dict of str to str
        The attributes that implement hooks, by hook.

    Raises
    ------
    PluginError
        Saying what is wrong with which attribute.
    """
    attributes = [each for each in dir(plugin) if each.startswith("senescape_") or _mark(plugin, each) is not None]
    if not attributes:
        raise PluginError(f"plugin {name!r}: {plugin!r} has no hooks; {MARK}")
    implemented: dict[str, str] = {}
    for attribute in attributes:
        hook = _check_hook(plugin, attribute, f"plugin {name!r}")
        if hook in implemented:
            raise PluginError(
                f"plugin {name!r}: {implemented[hook]} and {attribute} are both marked as {hook}; make one of them"
            )
        implemented[hook] = attribute
    return implemented


def _check_hook(plugin: Any, attribute: str, owner: str) -> str:
    """Give the hook that an attribute implements."""
    options = _mark(plugin, attribute)
    hook = str((options or {}).get("specname") or attribute)
    if hook not in HOOKS:
        raise PluginError(f"{owner} has {attribute!r}, which is no hook{did_you_mean(hook, HOOKS)}")
    if isinstance(inspect.getattr_static(plugin, attribute, None), property):
        raise PluginError(f"{owner}: {attribute} is a property; make it a method: leave @property out")
    function = getattr(plugin, attribute)
    if not callable(function):
        raise PluginError(
            f"{owner}: {attribute} is {function!r:.100}; it must be a function marked with @sn.hookimpl that returns it"
        )
    if options is None:
        raise PluginError(f"{owner}: {attribute} is not marked; put @sn.hookimpl above it")
    if inspect.isclass(plugin) and _needs_instance(plugin, attribute, hook):
        raise PluginError(
            f"{owner} is the class {plugin.__name__}, whose {attribute} needs an instance: give {plugin.__name__}()"
        )
    if options.get("wrapper") or options.get("hookwrapper"):
        raise PluginError(f"{owner}: {attribute} wraps other plugins' hooks, which is not possible; use sn.Modifier")
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        raise PluginError(f"{owner}: {attribute} must return what it adds; write it without async and yield")
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        if inspect.ismethod(function):
            raise PluginError(
                f"{owner}: {attribute} is a method without self: write def {attribute}(self), or @staticmethod above it"
            ) from None
        return hook  # built in, without a signature: the call tells
    # What a partial was given by name shows as a default, and is meant.
    given = function.keywords if isinstance(function, functools.partial) else {}
    defaulted = [p.name for p in signature.parameters.values() if p.default is not p.empty and p.name not in given]
    if defaulted:
        raise PluginError(
            f"{owner}: {attribute} has arguments with defaults ({', '.join(defaulted)}), "
            "which would never be given; remove them"
        )
    return hook


def _mark(plugin: Any, name: str) -> dict[str, Any] | None:
    """Return the options of an attribute's mark, which may lie on the attribute or on the class method that makes it."""
    # Without running code of the plugin, where possible: a property may do anything.
    raw = inspect.getattr_static(plugin, name, None)
    if raw is None and name in HOOKS:
        raw = getattr(plugin, name, None)
    # Where another decorator stands above the mark, the function within has it.
    for each in (raw, getattr(raw, "__func__", None), getattr(raw, "fget", None), getattr(raw, "func", None)):
        options = None if each is None else inspect.getattr_static(each, _IMPLEMENTED, None)
        if isinstance(options, dict):
            # Another plugin's hook that a module imports under a name of its own is there to be called, not to be a hook.
            alias = name not in HOOKS and str(getattr(each, "__name__", "")) in HOOKS and not options.get("specname")
            return None if alias else options
    return None


def _needs_instance(plugin: type, attribute: str, hook: str) -> bool:
    """Tell whether a class's attribute is a method of its instances: one that takes more than the hook gives."""
    raw = inspect.getattr_static(plugin, attribute)
    if not inspect.isfunction(raw):
        return isinstance(raw, functools.partialmethod)
    given = inspect.signature(getattr(Hooks, hook)).parameters
    return any(p.name not in given or p.name == "self" for p in inspect.signature(raw).parameters.values())
