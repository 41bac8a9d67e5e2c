"""Cells and environments made of NumPy arrays, on which a rule runs as it stands.

They hold what the stand-ins of :mod:`senescape.rules.tracer` stand for, answer to the same names, and refuse the same mistakes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, NoReturn, TypeVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from senescape._support.suggest import did_you_mean
from senescape.errors import RuleError

__all__ = ["Cells", "Environment", "Items", "Lazy", "Values"]

_T = TypeVar("_T")


def _fixed(value: ArrayLike, dtype: DTypeLike | None = None) -> NDArray[Any]:
    """Return a view that a rule cannot write into: ``cell.x += 1`` would change the cell for every later rule."""
    view = np.asarray(value, dtype=dtype).view()
    view.flags.writeable = False
    return view


class _MissingError(RuleError, AttributeError):
    """A name is not there: to ``hasattr`` the answer no, to all else an error."""


class Lazy(Mapping[str, Any]):
    """Named values, each made when it is first asked for.

    Parameters
    ----------
    makers : mapping of str to callable
        What makes each value, by name.
    """

    __slots__ = ("_made", "_makers")

    def __init__(self, makers: Mapping[str, Callable[[], Any]]) -> None:
        self._makers = makers
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            self._made[name] = self._makers[name]()
        return self._made[name]

    def __contains__(self, name: object) -> bool:
        return name in self._makers  # without making it

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)


class Values:
    """Named values read as attributes or items; what ``p`` and ``env.mean[fate]`` are.

    Parameters
    ----------
    values : mapping of str to object
        By name.
    what : str
        What messages call it.
    kind : str
        What messages call one value.
    """

    __slots__ = ("_kind", "_values", "_what")

    def __init__(self, values: Mapping[str, Any], what: str = "p", kind: str = "parameter") -> None:
        object.__setattr__(self, "_values", values if isinstance(values, Lazy) else dict(values))
        object.__setattr__(self, "_what", what)
        object.__setattr__(self, "_kind", kind)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        values: Mapping[str, Any] = object.__getattribute__(self, "_values")
        if name not in values:
            raise _MissingError(f"{self._what}.{name}: there is no {self._kind} {name!r}{did_you_mean(name, values)}")
        return values[name]

    def __getitem__(self, name: str) -> Any:
        return getattr(self, name)

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise RuleError(f"the rule assigns to {self._what}.{name}; a rule only computes")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self._values)})"


class Items(Generic[_T]):
    """Named values read as ``[name]``; what ``env.drug`` and ``cell.mark`` are.

    Parameters
    ----------
    values : mapping of str to object
        By name.
    what : str
        What messages call it.
    kind : str
        What messages call one value.
    """

    __slots__ = ("_kind", "_values", "_what")

    def __init__(self, values: Mapping[str, _T], what: str, kind: str) -> None:
        self._values = values if isinstance(values, Lazy) else dict(values)
        self._what, self._kind = what, kind

    def __getitem__(self, name: str) -> _T:
        if name not in self._values:
            raise RuleError(f"{self._what}[{name!r}]: there is no such {self._kind}{did_you_mean(name, self._values)}")
        return self._values[name]

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        raise _MissingError(f"{self._what}.{name} is written as an attribute; write {self._what}[{name!r}]")

    def __setitem__(self, name: str, value: object) -> NoReturn:
        raise RuleError(f"the rule assigns to {self._what}[{name!r}]; a rule only computes")

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"{self._what}[{', '.join(self._values)}]"


class Cells(Values):
    """Cells as columns: ``cell.<trait>``, ``cell.age``, ``cell.mark[name]``, ``cell.signal[name]``.

    Parameters
    ----------
    traits : mapping of str to array-like, shape (cell,)
        Traits by name.
    age : array-like, shape (cell,)
        Hours since each cell entered its fate.
    marks : mapping of str to array-like of bool, shape (cell,)
        Marks by name.
    signals : mapping of str to array-like, shape (cell,)
        Signals by name.
    dtype : dtype
        What traits, ages and signals are kept as. The engine computes with float32, up to rounding the same.

    Examples
    --------
    >>> cell = Cells({"depth": [0.5, 2.0]}, age=[1.0, 30.0], marks={"ever_senescent": [False, True]})
    >>> np.where(cell.mark["ever_senescent"], cell.depth, 0.0).tolist()
    [0.0, 2.0]
    """

    __slots__ = ()

    def __init__(
        self,
        traits: Mapping[str, ArrayLike] | None = None,
        age: ArrayLike = 0.0,
        marks: Mapping[str, ArrayLike] | None = None,
        signals: Mapping[str, ArrayLike] | None = None,
        dtype: DTypeLike = np.float64,
    ) -> None:
        columns: dict[str, Any] = {name: _fixed(value, dtype) for name, value in (traits or {}).items()}
        columns["age"] = _fixed(age, dtype)
        flags = {name: _fixed(value, np.bool_) for name, value in (marks or {}).items()}
        columns["mark"] = Items(flags, "cell.mark", "mark")
        values = {name: _fixed(value, dtype) for name, value in (signals or {}).items()}
        columns["signal"] = Items(values, "cell.signal", "signal")
        super().__init__(columns, "cell", "trait")


class Environment(Values):
    """What all cells see: ``env.time``, ``env.drug[name]``, ``env.pool[name]``, ``env.count[fate]`` and so on.

    Parameters
    ----------
    time : float or array-like
        Hours since the start.
    drug, pool : mapping of str to array-like
        Concentrations and pools by name.
    count : mapping of str to array-like
        Numbers of cells by fate.
    sum, mean : mapping of str to mapping of str to array-like
        Sums and means of traits, by fate and trait.
    dtype : dtype
        What values are kept as.

    Examples
    --------
    >>> env = Environment(time=24.0, drug={"navitoclax": 0.3}, mean={"senescent": {"depth": 1.5}})
    >>> float(env.drug["navitoclax"] + env.mean["senescent"].depth)
    1.8
    """

    __slots__ = ()

    def __init__(
        self,
        time: ArrayLike = 0.0,
        drug: Mapping[str, ArrayLike] | None = None,
        pool: Mapping[str, ArrayLike] | None = None,
        count: Mapping[str, ArrayLike] | None = None,
        sum: Mapping[str, Mapping[str, ArrayLike]] | None = None,
        mean: Mapping[str, Mapping[str, ArrayLike]] | None = None,
        dtype: DTypeLike = np.float64,
    ) -> None:
        def numbers(values: Mapping[str, ArrayLike] | None) -> dict[str, NDArray[Any]]:
            return {name: _fixed(value, dtype) for name, value in (values or {}).items()}

        def over(what: str, fates: Mapping[str, Mapping[str, ArrayLike]] | None) -> Items[Values]:
            given = (fates or {}).items()
            traits = {fate: Values(numbers(values), f"{what}[{fate!r}]", "trait") for fate, values in given}
            return Items(traits, what, "fate")

        super().__init__(
            {
                "time": _fixed(time, dtype),
                "drug": Items(numbers(drug), "env.drug", "drug"),
                "pool": Items(numbers(pool), "env.pool", "pool"),
                "count": Items(numbers(count), "env.count", "fate"),
                "sum": over("env.sum", sum),
                "mean": over("env.mean", mean),
            },
            "env",
            "value",
        )
