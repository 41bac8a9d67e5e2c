"""Plugins: their hooks, how they are found and checked, and the models that they make."""

from senescape.plugins.assembly import assemble, hooks_of
from senescape.plugins.registry import (
    known_plugins,
    load_plugin,
    own_plugins,
    plugin_version,
    preset_paths,
    register_plugin,
    registered,
)

__all__ = [
    "assemble",
    "hooks_of",
    "known_plugins",
    "load_plugin",
    "own_plugins",
    "plugin_version",
    "preset_paths",
    "register_plugin",
    "registered",
]
