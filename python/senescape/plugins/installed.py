"""Plugins that installed packages announce in the entry-point group ``senescape.plugins``."""

from __future__ import annotations

import os
from functools import lru_cache
from importlib import metadata

from senescape.errors import PluginError
from senescape.plugins.hookspecs import GROUP

__all__ = ["NO_AUTOLOAD", "announced", "installed_version", "is_clear", "the_announced"]

NO_AUTOLOAD = "SENESCAPE_DISABLE_PLUGIN_AUTOLOAD"
"""Set to 1, it keeps installed plugins from being found; the package's own and module paths still work."""


@lru_cache(maxsize=1)
def _entry_points() -> dict[str, tuple[metadata.EntryPoint, ...]]:
    found: dict[str, list[metadata.EntryPoint]] = {}
    for point in metadata.entry_points(group=GROUP):
        found.setdefault(point.name, []).append(point)
    return {name: tuple(points) for name, points in found.items()}


def announced(all_of_them: bool = False) -> dict[str, tuple[metadata.EntryPoint, ...]]:
    """Find what installed packages announce, by the plugins' names.

    Parameters
    ----------
    all_of_them : bool
        True looks for them even where ``SENESCAPE_DISABLE_PLUGIN_AUTOLOAD`` is 1.
    """
    return {} if os.environ.get(NO_AUTOLOAD) == "1" and not all_of_them else _entry_points()


def is_clear(name: str) -> bool:
    """Tell whether no two packages announce a plugin of this name."""
    return len(announced().get(name, ())) < 2


def the_announced(name: str) -> metadata.EntryPoint:
    """Give the one entry point of a plugin's name.

    Parameters
    ----------
    name : str
        A name that at least one package announces.

    Raises
    ------
    PluginError
        If several do: which of them is found first would depend on the order of folders in ``sys.path``.
    """
    points = announced()[name]
    if len(points) > 1:
        packages = " and ".join(f"{_package(point)} ({point.value})" for point in points)
        # Scenarios name modules with a dot in their path only.
        paths = [repr(point.module) for point in points if "." in point.module and not point.attr]
        instead = f", or name the module that is meant: {' or '.join(paths)}" if paths else ""
        raise PluginError(
            f"several plugins are named {name!r}: the installed packages {packages} announce it; uninstall all but one"
            f"{instead}"
        )
    return points[0]


def installed_version(name: str) -> str:
    """Write the version of the package that announces a plugin; of several packages, all of them."""
    points = announced().get(name, ())
    if len(points) > 1:
        return f"unclear: {', '.join(map(_package, points))}"
    return str(points[0].dist.version) if points and points[0].dist is not None else "unknown"


def _package(point: metadata.EntryPoint) -> str:
    return "a package without a name" if point.dist is None else f"{point.dist.name} {point.dist.version}"
