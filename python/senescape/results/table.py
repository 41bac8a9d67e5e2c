"""A small table of named NumPy columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from senescape._support.optional import require

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Table"]


class Table(Mapping[str, NDArray[Any]]):
    """Named NumPy columns of one length: ``table["nadir"]``, ``len(table["nadir"])``, ``table.to_pandas()``.

    Parameters
    ----------
    columns : mapping of str to ndarray, each of shape (row,)
        The columns, in order.
    """

    def __init__(self, columns: Mapping[str, NDArray[Any]]) -> None:
        self._columns = dict(columns)

    def __getitem__(self, name: str) -> NDArray[Any]:
        try:
            return self._columns[name]
        except KeyError:
            raise KeyError(f"no column {name!r}; the table has: {', '.join(self._columns)}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    @property
    def columns(self) -> list[str]:
        """Return names of the columns."""
        return list(self._columns)

    @property
    def rows(self) -> int:
        """Return the number of rows."""
        return len(next(iter(self._columns.values()), ()))

    def to_pandas(self) -> pd.DataFrame:
        """Return the same as a pandas DataFrame (extra ``pandas``).

        Raises
        ------
        MissingExtraError
            If pandas is not installed.
        """
        return require("pandas", "pandas").DataFrame(self._columns)

    def __repr__(self) -> str:
        return f"<Table of {self.rows} rows: {', '.join(self._columns)}>"

    def __str__(self) -> str:
        shown = min(self.rows, 10)
        table = [[name, *(_text(column[i]) for i in range(shown))] for name, column in self._columns.items()]
        widths = [max(len(cell) for cell in column) for column in table]
        lines = [
            "  ".join(column[i].rjust(w) for column, w in zip(table, widths, strict=True)) for i in range(shown + 1)
        ]
        if shown < self.rows:
            lines.append(f"... {self.rows - shown:,} more rows")
        return "\n".join(lines)


def _text(value: object) -> str:
    if isinstance(value, float | np.floating):
        return f"{value:.6g}"
    return str(value)
