"""Suggestions for misspelt names."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable

__all__ = ["did_you_mean"]

_MOST = 30
"""Names that are listed whole."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the end of a message about an unknown name: the nearest known one, or all of them, or some of very many.

    Parameters
    ----------
    name : str
        What was asked for.
    known : iterable of str
        What there is.
    """
    names = list(known)
    # Their numbers tell letters apart that look the same, such as the micro sign and the Greek mu.
    if alike := [each for each in names if each != name and _plain(str(each)) == _plain(str(name))]:
        return f" (did you mean {alike[0]!r}, written {alike[0]!a}?)"
    near = difflib.get_close_matches(str(name), names, n=1)
    if near:
        return f" (did you mean {near[0]!r}?)"
    if len(names) > _MOST:
        return f" (it has {len(names)}, such as {', '.join(map(repr, names[:5]))})"
    return f" (it has: {', '.join(map(repr, names))})" if names else " (it has none)"


def _plain(name: str) -> str:
    return unicodedata.normalize("NFKC", name)
