"""Find plugins by name: the package's own, registered objects, and installed packages."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from senescape._support.suggest import did_you_mean
from senescape.errors import PluginError
from senescape.plugins.implementations import check_plugin
from senescape.plugins.imports import check_module
from senescape.plugins.installed import announced, installed_version, is_clear, the_announced
from senescape.rules.source_location import source_line

__all__ = [
    "known_plugins",
    "load_plugin",
    "own_plugins",
    "plugin_version",
    "preset_paths",
    "raised_in",
    "register_plugin",
    "registered",
]

NO_BIOLOGY = "SENESCAPE_DISABLE_BIOLOGY"
"""Set to 1, it takes the package's own plugins away: what is left is an engine that knows no biology."""

_OWN = {
    "biology": "senescape.biology",
    "diapause": "senescape.biology.diapause",
    "immunity": "senescape.biology.immunity",
    "phases": "senescape.biology.phases",
    "readouts": "senescape.biology.readouts",
    "survival": "senescape.biology.survival",
}


_REGISTERED: dict[str, Any] = {}
"""Plugins given as objects, by the names that scenarios use."""


def register_plugin(name: str, plugin: Any) -> None:
    """Make a plugin of an object, for scenarios of this process to name.

    Parameters
    ----------
    name : str
        What scenarios call it: ``plugins = ["biology", name]``.
    plugin : object
        A module, an instance or a namespace with hooks: functions marked by :data:`senescape.hookimpl`. Given again under its
        name, it replaces the one before.

    Raises
    ------
    PluginError
        If the name is no text, or that of an installed plugin; or the object has no hooks.

    Examples
    --------
    >>> import senescape as sn
    >>> class Boost:
    ...     @sn.hookimpl
    ...     def senescape_modifiers(self):
    ...         return [sn.Modifier("boost", of="escape", factor=10.0)]
    >>> sn.register_plugin("boost", Boost())
    >>> sn.Scenario(plugins=("biology", "boost"), initial={"senescent": 100}, until=240).model.modifiers
    (Modifier('boost'),)
    """
    if not isinstance(name, str) or not name:
        raise PluginError(f"a plugin's name is {name!r}; it must be a text")
    if name in _OWN or name in announced(all_of_them=True):
        raise PluginError(f"{name!r} is the name of an installed plugin; choose another")
    check_plugin(plugin, name)
    _REGISTERED[name] = plugin


@contextmanager
def registered(name: str, plugin: Any) -> Iterator[str]:
    """Register a plugin while a block runs; gives its name."""
    register_plugin(name, plugin)
    try:
        yield name
    finally:
        del _REGISTERED[name]


def own_plugins() -> list[str]:
    """Return names of the plugins that come with the package; none where ``SENESCAPE_DISABLE_BIOLOGY`` is 1."""
    return [] if os.environ.get(NO_BIOLOGY) == "1" else sorted(_OWN)


def known_plugins() -> list[str]:
    """Return names of the plugins that scenarios can use: the package's own, the registered and the installed ones."""
    return sorted({*own_plugins(), *_REGISTERED, *(name for name in announced() if name not in _OWN)})


def load_plugin(name: str) -> Any:
    """Return the plugin of a name or a module path.

    Raises
    ------
    PluginError
        If there is no such plugin, several packages announce one of its name, or it raises while it is imported.
    """
    own = own_plugins()
    if name not in own and (name in _OWN or name in _OWN.values()):
        called = next((short for short, module in _OWN.items() if module == name), name)
        if called in own:
            raise PluginError(f"plugin {name!r} comes with the package and is called {called!r}; write that")
        raise PluginError(f"plugin {name!r} is switched off by {NO_BIOLOGY}=1; unset it")
    try:
        if name in own:
            return importlib.import_module(_OWN[name])
        if name in _REGISTERED:
            return _REGISTERED[name]
        if name in announced():
            return the_announced(name).load()
        if "." in name:
            check_module(name)
            return importlib.import_module(name)
    except PluginError:
        raise
    except Exception as error:
        raise PluginError(f"plugin {name!r} cannot be imported: {raised_in(error)}") from error
    raise PluginError(
        f"there is no plugin {name!r}{did_you_mean(name, known_plugins())}; install it, or give the path of its module"
    )


def raised_in(error: Exception) -> str:
    """Return an exception of a plugin's code, with the line that raised it."""
    text = f"{type(error).__name__}: {error}"
    step, place = error.__traceback__, ""
    while step is not None:
        if not step.tb_frame.f_code.co_filename.startswith("<frozen"):
            place = source_line(step.tb_frame.f_code, step.tb_lineno)
        step = step.tb_next
    return text if isinstance(error, SyntaxError) else f"{text}\n  at {place}"


def plugin_version(name: str) -> str:
    """Return the version of the package that a plugin comes from, looked for in the order in which plugins are."""
    if name in _OWN or name in _OWN.values():
        from senescape._core import __version__

        return __version__
    return "unknown" if name in _REGISTERED else installed_version(name)


def preset_paths() -> dict[str, Path]:
    """Return paths of all shipped scenarios by name."""
    out: dict[str, Path] = {}
    shipper: dict[str, str] = {}
    for name in known_plugins():
        if not is_clear(name):
            continue  # what names it is refused; all else must go on
        plugin = load_plugin(name)
        shipped: Any = getattr(plugin, "senescape_presets", dict)()
        if not isinstance(shipped, Mapping) or not all(
            isinstance(key, str) and isinstance(path, str | os.PathLike) for key, path in shipped.items()
        ):
            raise PluginError(
                f"plugin {name!r}: senescape_presets gives {shipped!r:.200}; it must give paths of files by name of preset"
            )
        for key, path in shipped.items():
            if key in shipper:
                raise PluginError(
                    f"the plugins {shipper[key]!r} and {name!r} both ship a preset {key!r}; uninstall one of them"
                )
            out[key], shipper[key] = Path(path), name
    return out
