"""Adaptive therapy: a senolytic is given while the senescent burden is high, and withheld while it is low."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import senescape as sn

DRUG = "navitoclax"
"""The senolytic, of the plugin ``senescape-bh3``. See :class:`Adaptive` for another one."""


class Adaptive:
    """Decides at visits; give one to :func:`senescape.register_plugin` for a drug other than navitoclax.

    Parameters
    ----------
    drug : str
        The drug that is ordered.
    fate : str
        The fate whose cells are counted.

    Examples
    --------
    >>> sn.register_plugin("adaptive-fisetin", Adaptive("fisetin"))
    """

    def __init__(self, drug: str = DRUG, fate: str = "senescent") -> None:
        self.drug, self.fate = drug, fate

    @sn.hookimpl
    def senescape_visit_params(self) -> Mapping[str, sn.Param]:
        """Thresholds and the course that is ordered."""
        return {
            "above": sn.Param(
                0.3,
                unit="share of the tumour at the first visit",
                low=0.0,
                source="assumed: a burden that can be imaged",
            ),
            "below": sn.Param(
                0.1,
                unit="share of the tumour at the first visit",
                low=0.0,
                source="assumed: a third of the upper threshold, so that visits do not switch to and fro",
            ),
            "amount": sn.Param(1.0, unit="dose", low=0.0, source="assumed: about 1 uM of navitoclax at the peak"),
            "doses": sn.Param(7.0, low=1.0, source="assumed: daily for the week to the next visit"),
            "interval": sn.Param(
                24.0, unit="h", low=0.1, source="navitoclax is given once a day (Blood 2008;112:2108)"
            ),
        }

    @sn.hookimpl
    def senescape_visit(self, visit: sn.Visit, p: Any) -> None:
        """Give a course once the burden has passed the upper threshold, until it falls below the lower one."""
        first = visit.memory.setdefault("first", max(sum(visit.counts.values()), 1))
        burden = visit.counts[self.fate] / first
        giving = burden > (p.below if visit.memory.get("giving", False) else p.above)
        # What is left of an earlier course is replaced, so that courses never overlap.
        visit.stop(self.drug)
        if giving:
            visit.order(self.drug, amount=float(p.amount), repeat=int(p.doses), interval=float(p.interval))
        visit.memory["giving"] = bool(giving)


_DEFAULT = Adaptive()
senescape_visit_params = _DEFAULT.senescape_visit_params
senescape_visit = _DEFAULT.senescape_visit
