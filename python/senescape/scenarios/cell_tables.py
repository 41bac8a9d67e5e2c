"""Initial tumours from real cells: traits from a table of single-cell measurements."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from senescape._support.suggest import did_you_mean
from senescape.errors import ModelError, ScenarioError
from senescape.model.distributions import Bernoulli, Beta, Exponential, Gamma, LogNormal
from senescape.model.model import Model
from senescape.model.traits import Trait
from senescape.plugins.assembly import assemble
from senescape.rules.parameter import Param
from senescape.scenarios.cell_readers import chosen, numbers, read_columns

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CellTable", "Founders", "Measured", "assemble_measured", "read_cells"]

_TRANSFORMS: dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "none": lambda x: x,
    "log1p": np.log1p,
    "expm1": np.expm1,
    "exp2": np.exp2,
    "arcsinh": np.arcsinh,
}

_UNITS: dict[str, Callable[[NDArray[np.float64]], Any]] = {"median": np.median, "mean": np.mean, "max": np.max}

Finite = Annotated[float, Field(allow_inf_nan=False, strict=True)]


class Measured(BaseModel):
    """How a trait is read off measurements.

    In this order: columns are averaged, transformed, values that are missing are dealt with, then scaled, multiplied by `times`,
    and clipped.

    Attributes
    ----------
    column : str or tuple of str
        A gene, marker or annotation. Several are averaged, as for a signature.
    transform : {"none", "log1p", "expm1", "exp2", "arcsinh"}
        Applied to each column: ``"expm1"`` undoes the logarithm that expression is usually stored in.
    scale : {"none", "median", "mean", "max", "rank"}
        Divide by the median, mean or greatest value over the cells used; or replace a value by its rank as a share in (0, 1).
    times : float
        Factor after scaling: with ``scale="median"`` what the median cell has in the trait's unit.
    missing : {"refuse", "drop", "median"} or float
        What a missing value means: an error, a cell that is left out, the median of the others, or this number.
    low, high : float, optional
        Values beyond are moved to the end.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    column: Annotated[str, Field(min_length=1)] | Annotated[tuple[str, ...], Field(min_length=1)]
    transform: Literal["none", "log1p", "expm1", "exp2", "arcsinh"] = "none"
    scale: Literal["none", "median", "mean", "max", "rank"] = "none"
    times: Finite = 1.0
    missing: Literal["refuse", "drop", "median"] | Finite = "refuse"
    low: Finite | None = None
    high: Finite | None = None

    @model_validator(mode="after")
    def _ends_in_order(self) -> Measured:
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"low = {self.low:g} is above high = {self.high:g}")
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """Return its columns."""
        return (self.column,) if isinstance(self.column, str) else self.column


class CellTable(BaseModel):
    """A table of cells and what its columns mean for a model: ``[cells]`` of a scenario.

    Attributes
    ----------
    file : str
        An AnnData file (``.h5ad``), or a table with a row a cell: ``.parquet``, ``.csv``, ``.tsv``. In a scenario's file it is
        relative to that file.
    traits : dict of str to Measured
        How each trait is read; a text alone is the column, as it stands.
    where : dict
        Cells that are used: annotations with the value, or list of values, that they must have. A text chooses a group of that
        name, a number what reads as that number; a cell that lacks a value is never chosen.
    layer : str
        Of an AnnData file: ``"X"``, ``"raw"``, or the name of a layer.
    seed : int
        Which cells become founders, where the table has more or fewer than the tumour.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: Annotated[str, Field(min_length=1)]
    traits: Annotated[dict[str, Measured], Field(min_length=1)]
    where: dict[str, str | bool | int | float | tuple[str | bool | int | float, ...]] = {}
    layer: str = "X"
    seed: Annotated[int, Field(ge=0, lt=2**63, strict=True)] = 0

    @field_validator("traits", mode="before")
    @classmethod
    def _bare_columns(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        return {name: {"column": each} if isinstance(each, str) else each for name, each in value.items()}

    def read(self) -> dict[str, NDArray[np.float32]]:
        """Return values of each trait for every cell of the table that is used.

        Raises
        ------
        ScenarioError
            If the file or a column is not there, or a value cannot be one of a trait.
        MissingExtraError
            If the file's kind needs a library that is not installed.
        """
        path = Path(self.file)
        wanted = [*dict.fromkeys(column for each in self.traits.values() for column in each.columns)]
        place = f"cells: {path}"
        table = read_columns(path, place, wanted, [*self.where], self.layer)
        frame = table.values[chosen(table.groups, self.where, place)]
        columns = {name: _values(frame, name, each, place) for name, each in self.traits.items()}
        kept = ~np.isnan(np.column_stack([*columns.values()])).any(axis=1)
        if not kept.any():
            raise ScenarioError(f"{place}: no cell is left; {len(frame):,} were read, each lacks a value")
        cells = frame.index.to_numpy()[kept]
        return {
            name: _scaled(columns[name][kept], cells, name, each, place).astype(np.float32)
            for name, each in self.traits.items()
        }

    def founders(self, n: int) -> Founders:
        """Draw founders from the table.

        Parameters
        ----------
        n : int
            How many. If the table has as many cells, each becomes one, in order. Otherwise cells are drawn at random by `seed`,
            all values of a cell together: none twice while there are others.

        Returns
        -------
        Founders
        """
        columns = self.read()
        rows = len(next(iter(columns.values())))
        if rows == n:
            order = np.arange(n)
        else:
            rng = np.random.default_rng(self.seed)
            order = np.concatenate([rng.permutation(rows) for _ in range(-(-n // rows))] or [np.arange(0)])[:n]
        digest = hashlib.sha256()
        with Path(self.file).open("rb") as file:
            while part := file.read(1 << 20):
                digest.update(part)
        return Founders({name: column[order] for name, column in columns.items()}, rows, digest.hexdigest())


@dataclass(frozen=True, slots=True)
class Founders:
    """Founders drawn from a table.

    Attributes
    ----------
    columns : dict of str to ndarray of float32, shape (founder,)
        Values by trait.
    rows : int
        Cells of the table that could be drawn.
    sha256 : str
        Of the file.
    """

    columns: dict[str, NDArray[np.float32]]
    rows: int
    sha256: str


def read_cells(
    file: str | PathLike[str],
    traits: Mapping[str, str | Measured | Mapping[str, Any]],
    *,
    where: Mapping[str, Any] | None = None,
    layer: str = "X",
) -> dict[str, NDArray[np.float32]]:
    """Read traits off a table of single-cell measurements.

    Parameters
    ----------
    file : str or path-like
        An AnnData file (``.h5ad``), ``.parquet``, ``.csv`` or ``.tsv``.
    traits : mapping of str to str, Measured or mapping
        How each trait is read; a text is the name of its column.
    where : mapping, optional
        Annotations with the value, or list of values, that cells must have.
    layer : str
        Of an AnnData file: ``"X"``, ``"raw"``, or the name of a layer.

    Returns
    -------
    dict of str to ndarray of float32, shape (cell,)
        For ``sn.Trait(name, initial=...)``: a row's values stay together.

    Raises
    ------
    ScenarioError
        If the file or a column is not there, or a value cannot be read.
    MissingExtraError
        If the library that reads the file is not installed (extra ``cells``).

    Examples
    --------
    ``sn.read_cells("cells.h5ad", {"mcl1": sn.Measured(column="MCL1", transform="expm1", scale="median", times=0.9)})``
    gives the MCL-1 of each cell, 0.9 in the median one; docs/cells.md runs one whole.
    """
    if not isinstance(traits, Mapping):
        raise ScenarioError(f"read_cells: traits is {traits!r:.80}; give the column of each trait: {{'mcl1': 'MCL1'}}")
    try:
        table = CellTable.model_validate(
            {"file": str(file), "traits": dict(traits), "where": dict(where or {}), "layer": layer}
        )
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
        raise ScenarioError("read_cells:\n  " + "\n  ".join(lines)) from None
    return table.read()


def _values(frame: pd.DataFrame, trait: str, how: Measured, place: str) -> NDArray[np.float64]:
    """Average the transformed columns; NaN marks cells to be left out."""
    total = np.zeros(len(frame))
    for name in how.columns:
        column = numbers(frame[name], place, f"column {name!r}, read for the trait {trait!r},")
        with np.errstate(all="ignore"):
            total += np.asarray(_TRANSFORMS[how.transform](column))
        if (bad := np.flatnonzero(~np.isnan(column) & ~np.isfinite(total))).size:
            cell = frame.index[bad[0]]
            raise ScenarioError(
                f"{place}: {name!r} of cell {str(cell)!r} is {column[bad[0]]:g}, which transform={how.transform!r} makes no "
                f"finite number of; the trait {trait!r} needs one"
            )
    total /= len(how.columns)
    lacking = np.isnan(total)
    if not lacking.any():
        return total
    match how.missing:
        case "refuse":
            raise ScenarioError(
                f"{place}: {' + '.join(how.columns)}, read for the trait {trait!r}, is missing in {lacking.sum():,} of "
                f"{len(total):,} cells, first in {str(frame.index[lacking.argmax()])!r}; say what that means: missing = 'drop', "
                "'median' or a number"
            )
        case "drop":
            return total
        case "median":
            if lacking.all():
                raise ScenarioError(f"{place}: {' + '.join(how.columns)} is missing in every cell")
            return np.where(lacking, np.nanmedian(total), total)
        case number:
            return np.where(lacking, float(number), total)


def _scaled(
    values: NDArray[np.float64], cells: NDArray[Any], trait: str, how: Measured, place: str
) -> NDArray[np.float64]:
    if how.scale == "rank":
        # Ties share the mean of their ranks.
        _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
        values = ((np.cumsum(counts) - counts / 2) / len(values))[inverse]
    elif how.scale != "none":
        with np.errstate(over="ignore"):
            unit = float(_UNITS[how.scale](values))
        if not 0 < unit < np.inf:
            raise ScenarioError(
                f"{place}: the {how.scale} of {' + '.join(how.columns)}, read for the trait {trait!r}, is {unit:g}; values "
                "cannot be divided by it: use scale = 'mean' where most cells have none, 'rank', or transform = 'expm1' where "
                "values are logarithms"
            )
        values = values / unit
    values = (
        np.clip(values * how.times, how.low, how.high) if (how.low, how.high) != (None, None) else values * how.times
    )
    beyond = np.abs(values) > np.finfo(np.float32).max
    if beyond.any():
        at = int(beyond.argmax())
        raise ScenarioError(
            f"{place}: the trait {trait!r} of cell {str(cells[at])!r} is {values[at]:g}, beyond single precision"
        )
    return values


def assemble_measured(names: Sequence[str], measured: Mapping[str, NDArray[np.float32]]) -> tuple[Model, set[str]]:
    """Return the model that some plugins make together, with measured founders.

    Parameters
    ----------
    names : sequence of str
        The plugins.
    measured : mapping of str to ndarray of float32, shape (founder,)
        First values of traits, instead of the plugins' own.

    Returns
    -------
    model : Model
    replaced : set of str
        The parameters that the model does without, by full name.

    Raises
    ------
    ModelError
        If there is no such trait, or a value is not one that the trait can have.
    """
    own = assemble(names)
    traits = {trait.name: trait for trait in own.traits}
    for name, column in measured.items():
        if name not in traits:
            raise ModelError(
                f"cells: no plugin of {', '.join(names)} has a trait {name!r}{did_you_mean(name, list(traits))}"
            )
        low, high = _range(traits[name])
        if (bad := np.flatnonzero((column < low) | (column > high))).size:
            raise ModelError(
                f"cells: the trait {name!r} is {column[bad[0]]:g} in a cell; it must lie between {low:g} and {high:g}: "
                "transform or scale what was measured, or clip it (low, high)"
            )
    model = assemble(names, measured)
    return model, set(own.parameters) - set(model.parameters)


def _range(trait: Trait) -> tuple[float, float]:
    """Return values that a trait's first value can have, by what its plugin draws it from."""
    match trait.initial:
        case LogNormal() | Gamma() | Exponential():
            return 0.0, math.inf
        case Beta() | Bernoulli():
            return 0.0, 1.0
        case Param() as number:
            return number.low, number.high
    return -math.inf, math.inf
