"""A dict that does not change."""

from __future__ import annotations

from typing import Any, NoReturn, TypeVar

from senescape.errors import FrozenError

__all__ = ["FrozenDict"]

K = TypeVar("K")
V = TypeVar("V")


class FrozenDict(dict[K, V]):
    """A dict that does not change once it is made: what was computed from it stays true.

    Read, compare, copy, pickle and write it as JSON like any dict; ``{**it, "key": value}`` makes a dict with other values.
    """

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise FrozenError("this mapping does not change; make another: {**old, 'name': value}")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[type[FrozenDict[K, V]], tuple[dict[K, V]]]:
        return type(self), (dict(self),)

    def __copy__(self) -> FrozenDict[K, V]:
        return self

    def copy(self) -> dict[K, V]:
        """Return a dict of the same, which may change."""
        return dict(self)
