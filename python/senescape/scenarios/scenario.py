"""Scenarios: one validated description of tumour, treatment, plugins, horizon and end points."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from senescape._support.archive import DamagedError, regular
from senescape._support.frozen_dict import FrozenDict
from senescape._support.suggest import did_you_mean
from senescape._support.validate import NotANumberError, as_number
from senescape.errors import ScenarioError
from senescape.model.drugs import Dose, Pulse
from senescape.model.model import Model
from senescape.model.stopping import Relapse
from senescape.plugins.assembly import assemble
from senescape.plugins.registry import plugin_version, preset_paths
from senescape.scenarios.cell_tables import CellTable, Founders, Measured, assemble_measured

__all__ = ["DoseSpec", "PulseSpec", "RelapseSpec", "Scenario", "load", "presets"]

_HOURS = {"min": 1 / 60, "h": 1.0, "d": 24.0, "day": 24.0, "days": 24.0, "wk": 168.0, "week": 168.0, "weeks": 168.0}
_TIME = re.compile(r"\s*([-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?)\s*([A-Za-z]+)\s*")
_LARGEST_FILE = 2**20
_LONGEST_KEY = 16
_MOST_BASES = 16
_MOST_DOSES = 20_000
_MOST_ERRORS = 20

_KEYS = re.compile(r"""(?:"[^"\n]*"|'[^'\n]*'|[\w-]+)[ \t]*(\.)?[ \t]*|[^\w"'\n-]+|["'\n]""")
"""A part of a key, with the point before the next part; or something that is not a part."""


def _number(value: Any) -> Any:
    if isinstance(value, bool):
        # Python would count with it.
        raise ValueError("a number is needed, neither true nor false")
    if isinstance(value, int | float | str):
        return value
    try:
        return as_number(value)
    except NotANumberError as reason:
        raise ValueError(f"a number is needed{reason}") from None


def _whole(value: Any) -> Any:
    number = _number(value)
    # pydantic takes whole numbers of Python only.
    return int(number) if isinstance(number, float) and number.is_integer() else number


def _time(value: Any) -> Any:
    if not isinstance(value, str):
        return _number(value)
    match = _TIME.fullmatch(value)
    if match is None or match[2] not in _HOURS:
        units = ", ".join(_HOURS)
        raise ValueError(f"{value!r} is not a time; write a number of hours, or a number with a unit ({units}): '5 d'")
    return float(match[1]) * _HOURS[match[2]]


Time = Annotated[float, BeforeValidator(_time), Field(ge=0, allow_inf_nan=False)]
"""A time in hours, or a text with a unit such as ``"5 d"``."""

Span = Annotated[float, BeforeValidator(_time), Field(gt=0, allow_inf_nan=False)]
"""A time that is longer than none."""

Amount = Annotated[float, BeforeValidator(_number), Field(ge=0, allow_inf_nan=False)]
Number = Annotated[float, BeforeValidator(_number)]
Whole = Annotated[int, BeforeValidator(_whole)]


def _printable(text: str) -> str:
    if any(not (c.isprintable() or c in "\n\t") for c in text):
        raise ValueError("it holds characters that cannot be printed")
    return text


Text = Annotated[str, AfterValidator(_printable)]
"""A text for people: a terminal that shows it does nothing else."""


def _flat(values: Any) -> Any:
    """Join the keys of tables within tables: in TOML, ``escape.h0 = 0.01`` makes a table ``escape`` with a key ``h0``."""
    if not isinstance(values, Mapping) or not any(isinstance(value, Mapping) for value in values.values()):
        return values
    out: dict[str, Any] = {}
    for name, value in values.items():
        inner = _flat(value)
        for key, each in (
            {f"{name}.{k}": v for k, v in inner.items()}.items() if isinstance(inner, Mapping) else [(name, value)]
        ):
            if key in out:
                raise ValueError(f"{key!r} is given twice")
            out[key] = each
    return out


def _dose_spec(value: Any) -> Any:
    if isinstance(value, Dose):
        return {name: getattr(value, name) for name in ("drug", "amount", "at", "route", "duration")}
    return value


def _pulse_spec(value: Any) -> Any:
    if isinstance(value, Pulse):
        return {name: getattr(value, name) for name in ("drug", "concentration", "start", "duration")}
    return value


def _relapse_spec(value: Any) -> Any:
    return {"above": value.above, "fates": value.fates, "after": value.after} if isinstance(value, Relapse) else value


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DoseSpec(_Part):
    """A dose: see :class:`senescape.Dose`. `repeat` and `interval` give it several times."""

    drug: str
    amount: Amount
    at: Time
    route: Literal["bolus", "infusion", "oral"] | None = None
    duration: Time | None = None
    repeat: Annotated[Whole, Field(ge=1, le=_MOST_DOSES)] = 1
    interval: Time = 24.0

    def doses(self) -> list[Dose]:
        """Return all doses meant."""
        times = [self.at + i * self.interval for i in range(self.repeat)]
        return [Dose(self.drug, self.amount, at, self.route, self.duration) for at in times]


class PulseSpec(_Part):
    """A rectangular exposure: see :class:`senescape.Pulse`. `repeat` and `interval` (start to start) give it several times."""

    drug: str
    concentration: Amount
    start: Time
    duration: Time
    repeat: Annotated[Whole, Field(ge=1, le=_MOST_DOSES)] = 1
    interval: Time = 72.0

    def pulses(self) -> list[Pulse]:
        """Return all pulses meant."""
        starts = [self.start + i * self.interval for i in range(self.repeat)]
        return [Pulse(self.drug, self.concentration, start, self.duration) for start in starts]


class RelapseSpec(_Part):
    """When a replicate has relapsed and ends: see :class:`senescape.Relapse`."""

    above: Amount
    fates: tuple[str, ...] | None = None
    after: Time = 0.0


class Scenario(_Part):
    """One validated description of what to simulate.

    Attributes
    ----------
    name, description : str
        For people.
    plugins : tuple of str
        The plugins whose parts make the model; a plugin takes part only if it is named here.
    initial : dict of str to int
        Founders in each fate.
    cells : CellTable, optional
        Measurements that founders' traits come from, instead of the distributions of the plugins: their parameters, such as
        ``mcl1.initial.median``, then have no effect. Every replicate has the same founders.
    parameters : dict of str to float
        Values by full name, instead of the plugins' defaults.
    doses, pulses : tuple
        The treatment.
    until, every, sync : float
        Horizon, interval of observations and longest epoch (h); texts with units such as ``"40 d"`` are read too.
    max_cells : int
        The cell cap.
    relapse : RelapseSpec, optional
        A stop rule.
    visits : float or tuple of float, optional
        Visits to the clinic: every so many hours from 0 on, or their times.

    Raises
    ------
    ScenarioError
        From :meth:`from_toml` and :func:`load`, if something is not valid; the message names the place and the fix.
    """

    name: Text = "unnamed"
    description: Text = ""
    plugins: tuple[Text, ...] = ("biology",)
    initial: Annotated[dict[str, Annotated[Whole, Field(ge=0, le=2**32 - 1)]], AfterValidator(FrozenDict)]
    cells: CellTable | None = None
    parameters: Annotated[dict[str, Number], BeforeValidator(_flat), AfterValidator(FrozenDict)] = Field(
        default_factory=FrozenDict
    )
    doses: tuple[Annotated[DoseSpec, BeforeValidator(_dose_spec)], ...] = ()
    pulses: tuple[Annotated[PulseSpec, BeforeValidator(_pulse_spec)], ...] = ()
    until: Span
    every: Span | None = None
    sync: Span = 24.0
    max_cells: Annotated[Whole, Field(ge=1, le=2**32 - 1)] = 10_000_000
    relapse: Annotated[RelapseSpec | None, BeforeValidator(_relapse_spec)] = None
    visits: Span | tuple[Time, ...] | None = None

    @model_validator(mode="after")
    def _plugins_differ(self) -> Scenario:
        if len(set(self.plugins)) != len(self.plugins):
            raise ValueError(f"plugins names one twice: {', '.join(self.plugins)}")
        return self

    @model_validator(mode="after")
    def _doses_are_few(self) -> Scenario:
        given = sum(each.repeat for each in self.doses) + sum(each.repeat for each in self.pulses)
        if given > _MOST_DOSES:
            raise ValueError(f"doses and pulses are given {given:,} times; at most {_MOST_DOSES:,} are possible")
        return self

    @classmethod
    def from_toml(cls, text: str, place: str = "the scenario") -> Scenario:
        """Read a scenario from TOML text; `place` is for messages, and where files that it names are looked for.

        A text may build on another scenario, ``base = "mcf7-doxorubicin"``, a preset or a file: its keys win over those of the
        base, parameters one by one.

        To read it runs no code. To make its model runs that of the plugins that it names, which are yours: installed, registered,
        or modules on the path of this Python that were written to be plugins.
        """
        if not isinstance(text, str):
            raise ScenarioError(f"from_toml: {text!r:.80} is no text; a file is read by sn.load(path)")
        try:
            return cls.model_validate(_read(text, place, ()))
        except ValidationError as error:
            raise ScenarioError(_explain(error, place)) from None

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """Return the JSON Schema of scenario files, for editors."""
        return cls.model_json_schema()

    @cached_property
    def model(self) -> Model:
        """Return the model that the plugins make, with this scenario's parameters."""
        if self.founders is None:
            return assemble(self.plugins).with_params(self.parameters)
        model, replaced = assemble_measured(self.plugins, self.founders.columns)
        return model.with_params({name: value for name, value in self.parameters.items() if name not in replaced})

    @cached_property
    def founders(self) -> Founders | None:
        """Return the founders that were drawn from measurements, if there are any."""
        return None if self.cells is None else self.cells.founders(sum(self.initial.values()))

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy with some fields changed, which are checked as in a new scenario.

        Parameters
        ----------
        update : mapping, optional
            New values by field; doses, pulses and a relapse rule may be :class:`~senescape.Dose`,
            :class:`~senescape.Pulse` and :class:`~senescape.Relapse` objects.
        deep : bool
            Has no effect: nothing in a scenario changes.

        Raises
        ------
        ScenarioError
            If there is no such field, or a value is not valid.
        """
        fields = {name: getattr(self, name) for name in self.model_fields_set}
        try:
            return type(self).model_validate({**fields, **(update or {})})
        except ValidationError as error:
            raise ScenarioError(_explain(error, "the changed scenario")) from None

    def __getstate__(self) -> dict[Any, Any]:
        # What is computed on use is computed again where the scenario arrives: models hold code, which may not travel.
        state = super().__getstate__()
        fields = {name: value for name, value in state["__dict__"].items() if name in type(self).model_fields}
        return {**state, "__dict__": fields}

    def __copy__(self) -> Self:
        return self.model_copy()

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        return self.model_copy()

    def with_params(self, values: Mapping[str, float]) -> Scenario:
        """Return the same scenario with some parameter values changed."""
        if not isinstance(values, Mapping):
            raise ScenarioError(f"with_params: {values!r:.80} gives no values by name: {{'escape.h0': 0.01}}")
        other = self.model_copy(update={"parameters": {**self.parameters, **values}})
        # Where the model had been made, nothing needs to be traced again.
        if "model" in self.__dict__ and self.cells is None:
            other.__dict__["model"] = self.model.with_params(values)
        return other

    def settings(self, **given: Any) -> dict[str, Any]:
        """Return arguments of :func:`senescape.simulate`; what is given wins."""
        doses: list[Dose | Pulse] = [dose for spec in self.doses for dose in spec.doses()]
        doses += [pulse for spec in self.pulses for pulse in spec.pulses()]
        rule = self.relapse
        return {
            "initial": self.initial,
            "until": self.until,
            "every": self.every,
            "observe": None,
            "doses": doses,
            "sync": self.sync,
            "max_cells": self.max_cells,
            "relapse": None if rule is None else Relapse(rule.above, rule.fates, rule.after),
            "visits": self.visits,
            **given,
        }

    def plugin_versions(self) -> dict[str, str]:
        """Return versions of the plugins by name."""
        return {name: plugin_version(name) for name in self.plugins}


def _read(text: str, place: str, above: tuple[str, ...]) -> dict[str, Any]:
    """Return what a TOML text says, with what it builds on."""
    if len(above) > _MOST_BASES:
        raise ScenarioError(f"{place} is not valid:\n  base: over {_MOST_BASES} scenarios build on each other")
    if _longest_key(text) > _LONGEST_KEY:
        # The reader would take memory that grows with the square of it.
        raise ScenarioError(f"{place} is not valid:\n  a key has over {_LONGEST_KEY} parts")
    try:
        data = tomllib.loads(text)
    except RecursionError:
        raise ScenarioError(f"{place} is not valid:\n  lists or tables lie too deep in each other") from None
    except ValueError as error:
        raise ScenarioError(f"{place} is not TOML: {error}") from error
    cells = data.get("cells")
    if isinstance(cells, dict) and isinstance(cells.get("file"), str):
        cells["file"] = str(Path(place).parent / cells["file"])
    base = data.pop("base", None)
    if base is None:
        return data
    if not isinstance(base, str):
        raise ScenarioError(
            f"{place} is not valid:\n  base: {base!r} must be the name of a preset or the path of a file"
        )
    path = preset_paths().get(base, Path(place).parent / base)
    if str(path) in (*above, place):
        raise ScenarioError(f"{place} is not valid:\n  base: scenarios build on each other in a circle, by {base!r}")
    below = _read(_text(path, base), str(path), (*above, place))
    try:
        parameters = [_flat(each.get("parameters", {})) for each in (below, data)]
    except ValueError as error:
        raise ScenarioError(f"{place} is not valid:\n  parameters: {error}") from None
    if not all(isinstance(each, dict) for each in parameters):
        # What is wrong with it is said where all fields are checked.
        return {**below, **data}
    return {**below, **data, **({"parameters": parameters[0] | parameters[1]} if any(parameters) else {})}


def _longest_key(text: str) -> int:
    """Return how many parts the longest dotted key has, at most."""
    longest = parts = 1
    for found in _KEYS.finditer(text):
        parts = parts + 1 if found[1] else 1
        longest = max(longest, parts)
    return longest


def _text(path: Path, name: str) -> str:
    """Return the text of a scenario's file."""
    try:
        with regular(path) as file:
            content = file.read(_LARGEST_FILE + 1)
        if len(content) > _LARGEST_FILE:
            raise ScenarioError(f"{path} is larger than {_LARGEST_FILE // 2**20} MiB; a scenario is a short text")
        # Some editors begin a file with a byte-order mark.
        return content.decode("utf-8-sig")
    except FileNotFoundError:
        # A file needs no plugin but those that it names: one that is broken must not stand in the way.
        hint = "" if name.endswith(".toml") else did_you_mean(name, preset_paths())
        raise ScenarioError(f"there is no preset and no file {name!r}{hint}") from None
    except UnicodeDecodeError:
        raise ScenarioError(f"{path} is not a text in UTF-8") from None
    except DamagedError as error:
        raise ScenarioError(f"{path} is no scenario: {error}") from None
    except OSError as error:
        raise ScenarioError(f"{path} cannot be read: {error.strerror}") from error


def load(name: str | PathLike[str]) -> Scenario:
    """Return a shipped scenario by name, or one from a TOML file.

    Parameters
    ----------
    name : str or path-like
        The name of a preset (see :func:`presets`) or the path of a file.

    Returns
    -------
    Scenario

    Raises
    ------
    ScenarioError
        If there is no such preset or file, or it is not valid.

    Examples
    --------
    >>> load("mcf7-doxorubicin").initial
    {'cycling': 1500}
    """
    if not isinstance(name, str | PathLike):
        raise ScenarioError(f"load({name!r}): give a preset's name or the path of a file")
    # A file needs no plugin but those that it names: one that is broken and not named must not stand in its way.
    shipped = preset_paths() if isinstance(name, str) and not name.endswith(".toml") else {}
    path = shipped.get(str(name), Path(name))
    return Scenario.from_toml(_text(path, str(name)), str(path))


def presets() -> dict[str, str]:
    """Return shipped scenarios: their descriptions by name."""
    return {name: load(path).description for name, path in sorted(preset_paths().items())}


def _explain(error: ValidationError, place: str) -> str:
    lines = []
    if error.error_count() > _MOST_ERRORS:
        lines.append(f"{error.error_count():,} things, the first {_MOST_ERRORS} of them:")
    for each in error.errors(include_url=False)[:_MOST_ERRORS]:
        # The checks that a value may pass one of are not where it stands.
        where = ".".join(str(part) for part in each["loc"] if "[" not in str(part)) or "the whole"
        if each["type"] == "extra_forbidden":
            known = _known_keys(each["loc"])
            lines.append(f"{where}: there is no such key{did_you_mean(str(each['loc'][-1]), known)}")
        else:
            lines.append(f"{where}: {each['msg']} (found {each.get('input')!r})"[:500])
    return f"{place} is not valid:\n  " + "\n  ".join(lines)


def _known_keys(location: tuple[int | str, ...]) -> list[str]:
    part: dict[str, type[BaseModel]] = {
        "doses": DoseSpec,
        "pulses": PulseSpec,
        "relapse": RelapseSpec,
        "cells": CellTable,
    }
    if location[:2] == ("cells", "traits"):
        return list(Measured.model_fields)
    return list(part.get(str(location[0]), Scenario).model_fields if len(location) > 1 else Scenario.model_fields)
