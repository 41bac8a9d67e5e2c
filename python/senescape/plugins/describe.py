"""What a plugin adds, in words: its hooks, parts, formulas as traced, and parameters with units and sources."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from senescape.plugins.assembly import hooks_of
from senescape.plugins.registry import plugin_version
from senescape.rules.formula import formula
from senescape.rules.inputs import reads_of
from senescape.rules.parameter import Param
from senescape.rules.rule import Rule

__all__ = ["PartInfo", "PluginInfo", "describe_plugin"]


@dataclass(frozen=True, slots=True)
class PartInfo:
    """One part that a plugin adds.

    Attributes
    ----------
    kind, name : str
        What it is and what it is called.
    formulas : dict of str to str
        What its rules compute, by what they are: ``{"hazard": "p.kmax * ..."}``.
    parameters : dict of str to Param
        Its parameters by full name.
    """

    kind: str
    name: str
    formulas: dict[str, str]
    parameters: dict[str, Param]


@dataclass(frozen=True, slots=True)
class PluginInfo:
    """What a plugin adds.

    Attributes
    ----------
    name, version, summary : str
        Its name, its package's version, and the first line of its docstring.
    hooks : dict of str to list of PartInfo
        The parts by hook.
    """

    name: str
    version: str
    summary: str
    hooks: dict[str, list[PartInfo]]

    def __str__(self) -> str:
        lines = [f"{self.name} {self.version}", *([self.summary] if self.summary else [])]
        for hook, parts in self.hooks.items():
            lines += ["", hook]
            for part in parts:
                lines.append(f"  {part.kind} {part.name}")
                for what, text in part.formulas.items():
                    first, *others = text.splitlines()
                    lines += [f"    {what} = {first}", *(f"      {line}" for line in others)]
                for name, param in part.parameters.items():
                    unit = "" if param.unit == "1" else f" {param.unit}"
                    lines.append(f"    {name} = {param.value:g}{unit}  ({param.source})")
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """Return the same as numbers, texts, lists and dicts. Ends of ranges that are infinite are left out."""
        finite = {"low": float("-inf"), "high": float("inf")}

        def param(of: Param) -> dict[str, Any]:
            ends = {end: getattr(of, end) for end, none in finite.items() if getattr(of, end) != none}
            return {"value": of.value, "unit": of.unit, **ends, "source": of.source}

        hooks = {
            hook: [
                {
                    "kind": part.kind,
                    "name": part.name,
                    "formulas": part.formulas,
                    "parameters": {name: param(of) for name, of in part.parameters.items()},
                }
                for part in parts
            ]
            for hook, parts in self.hooks.items()
        }
        return {"name": self.name, "version": self.version, "summary": self.summary, "hooks": hooks}


def describe_plugin(name: str) -> PluginInfo:
    """Describe a plugin by what its hooks return.

    Parameters
    ----------
    name : str
        Its name or module path.

    Raises
    ------
    PluginError
        If there is no such plugin, or it is broken.
    """
    module, hooks = hooks_of(name)
    parts = {hook: [_part(each) for each in found] for hook, found in hooks.items()}
    summary = (getattr(module, "__doc__", None) or "").strip().partition("\n")[0]
    return PluginInfo(name, plugin_version(name), summary, parts)


def _part(part: Any) -> PartInfo:
    if isinstance(part, str):
        return PartInfo("", part, {}, {})
    kind = type(part).__name__.lower()
    formulas: dict[str, str] = {}
    parameters: dict[str, Param] = {}

    def rule(what: str, prefix: str, value: Any) -> None:
        if isinstance(value, Rule):
            traced = reads_of(value, f"{kind} {part.name!r}").value if value.traced else None
            formulas[what] = f"{value.name}(...), called and not compiled" if traced is None else formula(traced)
            parameters.update({param.name or f"{prefix}.{name}": param for name, param in value.params.items()})
        elif isinstance(value, Param):
            parameters[value.name or f"{prefix}.{what}"] = value
        elif isinstance(params := getattr(value, "params", None), Mapping) or callable(params):
            found = params() if callable(params) else params
            parameters.update({param.name or f"{prefix}.{what}.{name}": param for name, param in found.items()})

    for what in ("hazard", "rate", "value", "factor", "initial", "rule"):
        rule(what, part.name, getattr(part, what, None))
    for trait, value in getattr(part, "set", {}).items():
        rule(f"set.{trait}", part.name, value)
    inherit = getattr(part, "inherit", None)
    if inherit is not None:
        rule({"ar1": "rho", "scaled": "factor"}.get(inherit.kind, "inherit"), part.name, inherit.value)
    flows = getattr(part, "flow", ())
    for flow in flows:
        where = "" if flow.fates is None else f".{'+'.join(flow.fates)}"
        # As in the document: one flow alone needs no fate in the names of its parameters.
        prefix = part.name if len(flows) == 1 else f"{part.name}{where}"
        if isinstance(flow.target, Param):
            parameters[flow.target.name or f"{prefix}.target"] = flow.target
        else:
            rule(f"target{where}", part.name, flow.target)
        parameters[flow.tau.name or f"{prefix}.tau"] = flow.tau
    parameters.update(
        {param.name or f"{part.name}.{name}": param for name, param in getattr(part, "fields", {}).items()}
    )
    return PartInfo(kind, part.name, formulas, parameters)
