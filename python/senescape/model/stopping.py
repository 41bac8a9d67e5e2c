"""Stop rules: when a replicate ends before its horizon."""

from __future__ import annotations

from collections.abc import Sequence

from senescape._support.validate import number
from senescape.errors import ModelError

__all__ = ["Relapse"]


class Relapse:
    """Stop a replicate when the cells of some fates exceed a number.

    Looked at whenever cells and environment are exchanged: at 0 h, at observations, doses and at least every ``sync`` hours. A
    relapse is dated up to one such epoch late; a shorter ``sync`` makes its time finer.

    Parameters
    ----------
    above : float
        The number of cells above which the tumour has relapsed.
    fates : str or sequence of str, optional
        The fates whose cells count; all by default.
    after : float
        No relapse before this time (h), for example the end of treatment.
    """

    def __init__(self, above: float, fates: str | Sequence[str] | None = None, after: float = 0.0) -> None:
        above = number(above, f"Relapse(above={above!r:.60}): above", "a finite number >= 0", low=0.0)
        after = number(after, f"Relapse(after={after!r:.60}): after", "a finite time (h) >= 0", low=0.0)
        if fates is not None and (not isinstance(fates, str | Sequence) or not fates):
            raise ModelError(f"Relapse(fates={fates!r}) needs the names of fates")
        if isinstance(fates, Sequence) and not isinstance(fates, str):
            for fate in fates:
                if fates.count(fate) > 1:
                    raise ModelError(f"Relapse(fates={fates!r}) names {fate!r} twice")
        self.above = above
        self.fates = (fates,) if isinstance(fates, str) else None if fates is None else tuple(fates)
        self.after = after
