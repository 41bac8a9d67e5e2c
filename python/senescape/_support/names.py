"""Names of a model's parts: how they are spelled, and where they stand."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import overload

from senescape.errors import ModelError

__all__ = ["MOST_LISTED", "MOST_PAIRS", "Listing", "check_spelling"]

MOST_LISTED = 10_000
"""Things of one kind that the engine takes: fates, traits, parameters and so on."""

MOST_PAIRS = 1_000_000
"""Fates times what there is for each of them, that the engine takes."""


def check_spelling(name: str, what: str) -> None:
    """Refuse a name that Python's own names could not match.

    Python reads ``cell.µM``, with the micro sign of the keyboard, as ``cell.μM``, with the Greek letter: names in its source
    take their NFKC form. Names in quotes stay as they are. Refusing other forms everywhere leaves one spelling for each name.

    Parameters
    ----------
    name : str
        The name.
    what : str
        What has it, for the message.

    Raises
    ------
    ModelError
        If the name is not its own NFKC form.
    """
    right = unicodedata.normalize("NFKC", name)
    if right == name:
        return
    shown, wanted = _differing(name, right)
    raise ModelError(
        f"{what} is named {name!r} with {shown}; Python writes such names with {wanted}, which looks the same and is another "
        f"name. Rename it to {right!r} (copied from here), or use plain letters"
    )


def _differing(name: str, right: str) -> tuple[str, str]:
    """Return the characters in which two spellings of a name differ, by code point and Unicode name."""
    start = 0
    while start < min(len(name), len(right)) and name[start] == right[start]:
        start += 1
    end = 0
    while end < min(len(name), len(right)) - start and name[-1 - end] == right[-1 - end]:
        end += 1
    if unicodedata.combining(name[start : start + 1] or " "):
        start -= 1  # an accent of its own belongs to the letter before it
    return _points(name[start : len(name) - end]), _points(right[start : len(right) - end])


def _points(text: str) -> str:
    return " + ".join(f"U+{ord(each):04X} {unicodedata.name(each, '')}".rstrip() for each in text) or "nothing"


class Listing(Sequence[str]):
    """Names in order, of which each is found at once, however many there are.

    Parameters
    ----------
    names : iterable of str
        The names, each once.
    """

    __slots__ = ("_names", "_places")

    def __init__(self, names: Iterable[str]) -> None:
        self._names = tuple(names)
        self._places = {name: i for i, name in enumerate(self._names)}

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...

    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        return self._names[index]

    def __len__(self) -> int:
        return len(self._names)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name in self._places

    def index(self, name: str, *_: int) -> int:
        """Give the place of a name."""
        return self._places[name]
