"""Modules that scenarios name as plugins by their path: looked at before they are imported.

A scenario may come from a stranger. The modules that it can have imported are those that speak of senescape, as plugins do; to
import any other, only because a text says so, could do anything.
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec, PathFinder
from typing import Any

from senescape.errors import PluginError

__all__ = ["MARK", "check_module"]

MARK = "mark functions named senescape_... with @sn.hookimpl"
"""The advice to a plugin without hooks."""


def check_module(name: str) -> None:
    """Refuse a module that is not there, or cannot hold a hook, without running its code.

    One that is imported already has run, and is not looked at.

    Parameters
    ----------
    name : str
        Its path, such as ``"my_package.senolytic"``.

    Raises
    ------
    PluginError
        If it is to be refused.
    """
    if name in sys.modules:
        return
    if not all(part.isidentifier() for part in name.split(".")):
        raise PluginError(f"there is no plugin {name!r}: it is neither the name of one nor the path of a module")
    found = _found(name)
    if found is None:
        raise PluginError(
            f"there is no plugin {name!r}: no such module is on the path of this Python (the current folder is not looked at; "
            f"install it, put its folder on PYTHONPATH, or import it before)"
        )
    source = getattr(found.loader, "get_source", lambda name: None)(name)
    if source is None:
        raise PluginError(f"plugin {name!r}: its module has no source to look for hooks in; import {name} before")
    if "senescape" not in source:
        raise PluginError(f"plugin {name!r}: its module has no hooks, and is not imported; {MARK}")


def _found(name: str) -> ModuleSpec | None:
    """Return where a module is, looked for part by part: the usual way imports the packages that it lies in."""
    # The current folder may be the one that a stranger's files were unpacked to.
    path: Any = [entry for entry in sys.path if entry]
    found: ModuleSpec | None = None
    parts = name.split(".")
    for i in range(len(parts)):
        found = None
        for finder in sys.meta_path:
            find = getattr(finder, "find_spec", None)
            if find is None:
                continue
            found = find(".".join(parts[: i + 1]), path if i or finder is PathFinder else None)
            if found is not None:
                break
        if found is None:
            return None
        path = found.submodule_search_locations
        if path is None and i + 1 < len(parts):
            return None
    return found
