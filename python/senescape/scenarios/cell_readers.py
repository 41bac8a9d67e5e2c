"""Readers of tables of cells: AnnData, Parquet, CSV and TSV."""

from __future__ import annotations

import re
import unicodedata
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from senescape._support.optional import require
from senescape._support.suggest import did_you_mean
from senescape.errors import ScenarioError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["EXTRA", "CellColumns", "chosen", "numbers", "read_columns"]

EXTRA = "cells"
_READERS = (".h5ad", ".parquet", ".csv", ".tsv")
_SEPARATORS = {";": "semicolons", "\t": "tabs", ",": "commas", "|": "bars", " ": "spaces"}


@dataclass(frozen=True, slots=True)
class CellColumns:
    """The columns that were asked for, with a row for each cell.

    Attributes
    ----------
    values : pandas.DataFrame
        Columns that traits are read from, indexed by the cells' names.
    groups : pandas.DataFrame
        Annotations that cells are chosen by. Those of a text file are texts as they stand in the file.
    """

    values: pd.DataFrame
    groups: pd.DataFrame


def read_columns(path: Path, place: str, wanted: Sequence[str], where: Sequence[str], layer: str) -> CellColumns:
    """Read columns of a table of cells.

    Parameters
    ----------
    path : Path
        The file.
    place : str
        What messages call it.
    wanted, where : sequence of str
        Names of the columns for traits, and of those that cells are chosen by.
    layer : str
        Of an AnnData file: ``"X"``, ``"raw"``, or the name of a layer.

    Raises
    ------
    ScenarioError
        If the file cannot be read, has no cells, or lacks a column.
    MissingExtraError
        If the library that reads the file is not installed.
    """
    kind = path.suffix.lower()
    try:
        there, folder = path.is_file(), path.is_dir()
    except OSError as error:
        raise ScenarioError(f"{place} cannot be read: {error.strerror}") from error
    if folder:
        raise ScenarioError(
            f"{place} is a folder; give one file. The parts of a partitioned table become one by "
            "pandas.read_parquet(folder).to_parquet('cells.parquet')"
        )
    if kind not in _READERS:
        raise ScenarioError(f"{place} ends in {kind!r}; what can be read ends in {', '.join(_READERS)}")
    if not there:
        raise ScenarioError(f"{place}: there is no such file")
    if kind != ".h5ad" and layer != "X":
        raise ScenarioError(f"{place}: layer={layer!r} is for AnnData files (.h5ad)")
    pandas = require("pandas", EXTRA)
    read = {".h5ad": _read_h5ad, ".parquet": _read_parquet}.get(kind, _read_text)
    try:
        found = read(pandas, path, list(dict.fromkeys(wanted)), list(dict.fromkeys(where)), layer, place)
    except (ScenarioError, ImportError):
        raise
    except Exception as error:  # Each library has errors of its own for files that are damaged.
        raise ScenarioError(f"{place} cannot be read: {type(error).__name__}: {error}") from error
    if not len(found.values):
        raise ScenarioError(f"{place} has no cells")
    return found


def _same(text: str) -> str:
    """Return the form in which texts that look the same are the same: é may be written as one letter or as two."""
    return unicodedata.normalize("NFC", text)


def _position(name: str, names: Sequence[str], place: str, things: str = "columns") -> int | None:
    """Return where a name stands among others; None if it is not there.

    Raises
    ------
    ScenarioError
        If it stands there more than once.
    """
    exact = [i for i, each in enumerate(names) if each == name]
    at = exact or [i for i, each in enumerate(names) if _same(each) == _same(name)]
    if len(at) > 1:
        raise ScenarioError(f"{place}: {name!r} is the name of several {things}; make names unique")
    return at[0] if at else None


def _lacking(name: str, known: Sequence[str], place: str, why: str = "") -> ScenarioError:
    return ScenarioError(f"{place} has no column {name!r}{why or did_you_mean(name, known)}")


def _read_text(
    pandas: Any, path: Path, wanted: Sequence[str], where: Sequence[str], layer: str, place: str
) -> CellColumns:
    sep = "\t" if path.suffix.lower() == ".tsv" else ","
    first = pandas.read_csv(path, sep=sep, header=None, nrows=1, dtype=str, keep_default_na=False, index_col=False)
    names = first.iloc[0].tolist()
    at: dict[str, int] = {}
    for name in (*wanted, *where):
        found = _position(name, names, place)
        if found is None:
            raise _lacking(name, [each for each in names if each], place, _misread(name, names, sep, path.suffix))
        at[name] = found
    # Columns go by number: pandas gives names of its own to columns without one and to the second of two that share one.
    numbered = {"sep": sep, "index_col": False, "header": 0, "names": range(len(names))}
    with warnings.catch_warnings():
        warnings.simplefilter("error", pandas.errors.ParserWarning)
        try:
            values = pandas.read_csv(path, **numbered)
        except pandas.errors.ParserWarning:
            comments = ", and take out lines that begin with '#'" if names[0].startswith("#") else ""
            raise ScenarioError(
                f"{place}: rows have more values than the first line has names; give each column a name{comments}, and "
                "write numbers with a decimal point"
            ) from None
    values = values[[at[name] for name in wanted]].set_axis(list(wanted), axis=1)
    if not where:
        return CellColumns(values, pandas.DataFrame(index=values.index))
    # Groups may be called None, NA or 01: only an empty field lacks a value.
    columns = sorted({at[name] for name in where})
    texts = pandas.read_csv(path, **numbered, usecols=columns, dtype=str, keep_default_na=False)
    texts = texts[[at[name] for name in where]].set_axis(list(where), axis=1)
    return CellColumns(values, texts.where(texts.notna() & (texts != "")))


def _misread(name: str, names: Sequence[str], sep: str, kind: str) -> str:
    """Say why a first line that does not have a name may have been read wrongly; empty if nothing speaks for it."""
    line = sep.join(names)
    if line.startswith("#"):
        return f": the first line is {line[:60]!r}; take comments out, names of columns must stand on the first line"
    for other, called in _SEPARATORS.items():
        if other != sep and name in (each.strip().strip('"') for each in line.split(other)):
            return (
                f": the first line is {line[:60]!r}, where {called} separate the names; {kind} needs {_SEPARATORS[sep]} "
                "between values, and numbers with a decimal point: save the table so"
            )
    return ""


def _read_parquet(
    pandas: Any, path: Path, wanted: Sequence[str], where: Sequence[str], layer: str, place: str
) -> CellColumns:
    require("pyarrow", EXTRA)
    frame = pandas.read_parquet(path)
    names = [str(name) for name in frame.columns]
    index = _index_names(frame.index)

    def column(name: str) -> Any:
        if (at := _position(name, names, place)) is not None:
            return frame.iloc[:, at].array
        if (at := _position(name, index, place)) is not None:
            return frame.index.get_level_values(at).array
        raise _lacking(name, [*names, *filter(None, index)], place)

    return _columns(pandas, column, column, wanted, where, frame.index)


def _index_names(index: Any) -> list[str]:
    """Return the names of an index, which a table has beside its columns; an empty text where a level has none."""
    return ["" if name is None else str(name) for name in index.names]


def _columns(
    pandas: Any,
    value: Callable[[str], Any],
    group: Callable[[str], Any],
    wanted: Sequence[str],
    where: Sequence[str],
    index: Any,
) -> CellColumns:
    """Put columns together by position: names of cells may be there twice."""
    return CellColumns(
        pandas.DataFrame({name: value(name) for name in wanted}, index=index),
        pandas.DataFrame({name: group(name) for name in where}, index=index),
    )


def _read_h5ad(
    pandas: Any, path: Path, wanted: Sequence[str], where: Sequence[str], layer: str, place: str
) -> CellColumns:
    with warnings.catch_warnings():
        # Of old formats, which are read all the same, and of names that are there twice, which matter only where one is read.
        warnings.simplefilter("ignore")
        cells = require("anndata", EXTRA).read_h5ad(path)
    if layer == "raw" and cells.raw is None:
        raise ScenarioError(f"{place} has no raw counts; use layer='X' or one of: {', '.join(cells.layers) or 'none'}")
    if layer not in ("X", "raw") and layer not in cells.layers:
        raise ScenarioError(
            f"{place} has no layer {layer!r}{did_you_mean(layer, [*cells.layers, 'X', 'raw'])}; "
            f"it has: {', '.join(['X', *(['raw'] if cells.raw is not None else []), *cells.layers])}"
        )
    matrix = cells.raw.X if layer == "raw" else cells.X if layer == "X" else cells.layers[layer]
    # A file may hold annotations alone.
    genes = [] if matrix is None else [str(name) for name in (cells.raw if layer == "raw" else cells).var_names]
    notes = [str(name) for name in cells.obs.columns]
    index = _index_names(cells.obs.index)

    def gene(name: str) -> Any | None:
        at = _position(name, genes, place, "variables")
        if at is None:
            return None
        source = matrix[:, at]
        dense = source.toarray() if hasattr(source, "toarray") else source
        return np.asarray(dense, dtype=np.float64).ravel()

    def note(name: str) -> Any | None:
        if (at := _position(name, notes, place, "annotations")) is not None:
            return cells.obs.iloc[:, at].array
        if (at := _position(name, index, place)) is not None:
            return cells.obs.index.get_level_values(at).array
        return None

    def lacking(name: str) -> ScenarioError:
        others = [] if cells.raw is None or layer == "raw" else [("raw", cells.raw.var_names)]
        others += [("X", cells.var_names)] if layer == "raw" else []
        for other, names in others:
            if _position(name, [str(each) for each in names], place, "variables") is not None:
                return _lacking(name, [], place, f" in layer {layer!r}; it is in {other!r}: give layer = {other!r}")
        return _lacking(name, [*genes, *notes, *filter(None, index)], place)

    def value(name: str) -> Any:
        measured, annotated = gene(name), note(name)
        if measured is not None and annotated is not None:
            raise ScenarioError(
                f"{place}: {name!r} is the name of a variable and of an annotation; rename one of them before saving"
            )
        if measured is None and annotated is None:
            raise lacking(name)
        return annotated if measured is None else measured

    def group(name: str) -> Any:
        # Cells are chosen by annotation, even where a gene has the same name.
        for found in (note(name), gene(name)):
            if found is not None:
                return found
        raise lacking(name)

    return _columns(pandas, value, group, wanted, where, cells.obs_names)


def chosen(groups: pd.DataFrame, where: Mapping[str, Any], place: str) -> NDArray[np.bool_]:
    """Say which cells have the values that are asked for.

    Parameters
    ----------
    groups : pandas.DataFrame
        The annotations.
    where : mapping
        For each annotation the value, or tuple of values, that a cell must have.
    place : str
        What messages call the table.

    Raises
    ------
    ScenarioError
        If no cell has them.
    """
    kept = np.ones(len(groups), dtype=bool)
    for name, value in where.items():
        asked = value if isinstance(value, tuple) else (value,)
        try:
            codes, found = groups[name].factorize()
        except TypeError:
            raise ScenarioError(
                f"{place}: cells cannot be chosen by {name!r}, whose values are lists; choose by a column of texts or numbers"
            ) from None
        # An index of pandas hands floats out in double precision.
        seen = np.asarray(found) if getattr(found.dtype, "kind", "O") == "f" else found
        # Cells that lack a value have the code -1, which stands for the last entry.
        matching = np.array([*(any(_equal(each, one) for one in asked) for each in seen), False])
        within = kept & matching[codes]
        if not within.any():
            there = sorted({_written(each) for each in seen[np.unique(codes[kept & (codes >= 0)])]})
            more = f", and {len(there) - 8:,} others" if len(there) > 8 else ""
            raise ScenarioError(
                f"{place}: no cell has {name} = {' or '.join(map(_written, asked))}; "
                + (f"there are: {', '.join(there[:8])}{more}" if there else "every cell lacks a value")
            )
        kept = within
    return kept


def _written(value: Any) -> str:
    value = value.item() if isinstance(value, np.generic) else value
    return repr(value) if isinstance(value, str) and (not value or value != value.strip()) else str(value)[:80]


def _equal(found: Any, asked: str | bool | int | float) -> bool:
    """Say if a value of a table is the one that is asked for.

    Categories are often texts even where they look like numbers, and a gap makes whole numbers fractions: a number is compared
    with what a text reads as, a text with how a number is written.
    """
    if isinstance(asked, str):
        if isinstance(found, str):
            return _same(found) == _same(asked)
        if isinstance(found, bool | np.bool_):
            return asked in (str(found), str(found).lower())
        forms = {str(found), str(found).removesuffix(" 00:00:00")}
        if isinstance(found, int | np.integer):
            forms.add(f"{int(found)}.0")
        elif isinstance(found, float | np.floating) and float(found).is_integer():
            forms.add(str(int(found)))
        return asked in forms
    if isinstance(found, str):
        number = _number(found)
        return number is not None and number == asked
    if isinstance(found, np.floating) and abs(asked) <= np.finfo(found.dtype).max:
        # 0.1 in single precision is another number than in double precision.
        return bool(found == found.dtype.type(asked))
    return bool(found == asked)


_NUMBER = re.compile(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*", re.ASCII)


def _number(text: str) -> bool | int | float | None:
    """Return what pandas would read a text as, if that is a number or a truth value."""
    if text in ("True", "TRUE", "true", "False", "FALSE", "false"):
        return text.lower() == "true"
    if not _NUMBER.fullmatch(text):
        return None
    return int(text) if text.strip().lstrip("+-").isdigit() and len(text) < 4000 else float(text)


def numbers(column: pd.Series, place: str, what: str) -> NDArray[np.float64]:
    """Make numbers of a column; NaN where a value is missing.

    Parameters
    ----------
    column : pandas.Series
        Of any dtype.
    place, what : str
        What messages call the table and the column.

    Raises
    ------
    ScenarioError
        Showing the first value that is no number.
    """
    out = np.full(len(column), np.nan)
    present = np.asarray(column.notna(), dtype=bool)
    values = column.array[present]
    try:
        if getattr(column.dtype, "kind", "O") == "c":
            raise TypeError
        out[present] = np.asarray(values.astype(np.float64))
    except (TypeError, ValueError):
        first = next((value for value in values if not _is_number(value)), values[0])
        raise ScenarioError(f"{place}: {what} has {str(first)!r}, which is no number{_decimal(first)}") from None
    return out


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def _decimal(value: Any) -> str:
    """Return what to do about a number that is written with a comma."""
    if isinstance(value, str) and re.fullmatch(r"\s*[-+]?[\d.]*,\d+([eE][-+]?\d+)?\s*", value, re.ASCII):
        return "; write numbers with a decimal point and without separators of thousands"
    return ""
