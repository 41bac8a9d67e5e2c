"""Objects that do not change once they are made."""

from __future__ import annotations

from typing import Any, NoReturn, Self

from senescape.errors import FrozenError

__all__ = ["Frozen"]


class Frozen:
    """The root of a model's parts: slots, written once by ``__init__`` through :meth:`_put`.

    A dataclass would do, but its constructor takes what it keeps; these take numbers, functions and single names and keep
    parameters, rules and tuples.
    """

    __slots__ = ()

    name: str

    def _put(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def _with(self, **changed: Any) -> Self:
        """Give a copy with some slots changed."""
        other = object.__new__(type(self))
        other._put(**self.__getstate__())
        other._put(**changed)
        return other

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise FrozenError(f"{self!r} does not change; make another one to set {name}")

    def __delattr__(self, name: str) -> NoReturn:
        raise FrozenError(f"{self!r} does not change")

    def __getstate__(self) -> dict[str, Any]:
        names = [name for kind in type(self).__mro__ for name in getattr(kind, "__slots__", ())]
        return {name: getattr(self, name) for name in names}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._put(**state)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"
