"""Every parameter of the plugins: value, unit, range and source."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from senescape.errors import PluginError
from senescape.plugins.describe import describe_plugin
from senescape.plugins.registry import own_plugins
from senescape.results.table import Table
from senescape.rules.parameter import Param

__all__ = ["parameters", "to_markdown"]


@dataclass(frozen=True, slots=True)
class _Row:
    plugin: str
    name: str
    param: Param
    parts: tuple[str, ...]

    @property
    def assumed(self) -> bool:
        return self.param.source.startswith("assumed")


def parameters(*plugins: str) -> Table:
    """List the parameters of plugins, with their defaults and where these come from.

    Parameters
    ----------
    *plugins : str
        Names or module paths; all plugins that come with the package by default.

    Returns
    -------
    Table
        One row a parameter: ``plugin``, ``name`` (as in ``--set`` and TOML), ``value``, ``unit``, ``low`` and ``high`` (the range
        that is accepted), ``assumed`` (whether no source gives the value), ``source`` (or why the value is plausible), and
        ``used_by`` (the parts that read it).

    Raises
    ------
    PluginError
        If there is no such plugin, or it is broken.

    Examples
    --------
    >>> import senescape as sn
    >>> table = sn.parameters("biology")
    >>> at = list(table["name"]).index("cycle.length")
    >>> float(table["value"][at]), str(table["unit"][at])
    (29.8, 'h')
    """
    rows = list(_rows(plugins or own_plugins()))
    return Table(
        {
            "plugin": np.array([row.plugin for row in rows], dtype=str),
            "name": np.array([row.name for row in rows], dtype=str),
            "value": np.array([row.param.value for row in rows], dtype=np.float64),
            "unit": np.array([row.param.unit for row in rows], dtype=str),
            "low": np.array([row.param.low for row in rows], dtype=np.float64),
            "high": np.array([row.param.high for row in rows], dtype=np.float64),
            "assumed": np.array([row.assumed for row in rows], dtype=bool),
            "source": np.array([row.param.source for row in rows], dtype=str),
            "used_by": np.array([", ".join(row.parts) for row in rows], dtype=str),
        }
    )


def _rows(plugins: Sequence[str]) -> Iterator[_Row]:
    for plugin in plugins:
        if not isinstance(plugin, str):
            raise PluginError(f"a plugin's name is {plugin!r}; it must be a text")
        params: dict[str, Param] = {}
        users: dict[str, list[str]] = {}
        for parts in describe_plugin(plugin).hooks.values():
            for part in parts:
                for name, param in part.parameters.items():
                    params.setdefault(name, param)
                    used = users.setdefault(name, [])
                    if part.name not in used:
                        used.append(part.name)
        for name in sorted(params):
            yield _Row(plugin, name, params[name], tuple(users[name]))


def to_markdown(plugins: Sequence[str] = ()) -> str:
    """Write the parameters as the page ``docs/parameters.md``."""
    lines = [
        "# Parameters",
        "",
        "Written by `make parameters` from the code; in Python, `sn.parameters()`. A scenario changes a value under",
        "`[parameters]`, the command line with `--set`. *Range* is what is accepted. A source that begins with",
        '"assumed" is no measurement: it says why the value is plausible. The presets of cell lines hold fitted',
        "values, [fit.md](fit.md).",
    ]
    for plugin in plugins or own_plugins():
        rows = list(_rows([plugin]))
        if not rows:
            continue
        lines += ["", f"## `{plugin}`", "", "| parameter | default | unit | range | used by | source |"]
        lines.append("| --- | ---: | --- | --- | --- | --- |")
        for row in rows:
            param = row.param
            unit = "" if param.unit == "1" else param.unit
            used = ", ".join(row.parts)
            lines.append(
                f"| `{row.name}` | {param.value:g} | {unit} | {_range(param)} | {used} | {param.source.replace('|', '/')} |"
            )
    return "\n".join(lines) + "\n"


def _range(param: Param) -> str:
    match math.isfinite(param.low), math.isfinite(param.high):
        case True, True:
            return f"{param.low:g} to {param.high:g}"
        case True, False:
            return f"from {param.low:g}"
        case False, True:
            return f"to {param.high:g}"
    return "any"


def _main() -> None:
    """Write the page of parameters."""
    import argparse
    from pathlib import Path

    parser = argparse.ArgumentParser(prog="python -m senescape.plugins.parameter_table", description=_main.__doc__)
    parser.add_argument("path", type=Path)
    parser.parse_args().path.write_text(to_markdown(), encoding="utf-8")


if __name__ == "__main__":
    _main()
