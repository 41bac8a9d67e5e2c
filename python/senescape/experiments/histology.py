"""Virtual histology: shares of cells that stain, with stated cut-offs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from senescape._support.optional import require
from senescape._support.statistics import proportion_interval
from senescape._support.suggest import did_you_mean
from senescape._support.validate import whole_number
from senescape.errors import ModelError
from senescape.experiments.observe import long_table, scenario_given, watch
from senescape.results.table import Table

if TYPE_CHECKING:
    from senescape.model.model import Model
    from senescape.model.visits import Visit
    from senescape.rules.arrays import Cells
    from senescape.scenarios.scenario import Scenario

__all__ = ["PANEL", "Stain", "histology"]


@dataclass(frozen=True, slots=True)
class Stain:
    """When a cell counts as positive.

    Attributes
    ----------
    reads : str or None
        The trait or signal that is stained; None if being in one of `fates` is enough.
    above : float
        The cut-off, in the unit of what is read.
    fates : tuple of str
        Fates that can stain; all if empty.
    source : str
        Where the cut-off comes from.
    """

    reads: str | None
    above: float = 0.0
    fates: tuple[str, ...] = ()
    source: str = "assumed"

    def positive(self, cells: Cells, fate: str) -> NDArray[np.bool_]:
        """Say which cells of a fate stain."""
        n = len(cells)
        if self.fates and fate not in self.fates:
            return np.zeros(n, dtype=bool)
        if self.reads is None:
            return np.ones(n, dtype=bool)
        # Signals first: a level of surface protein includes what senescence induces.
        value = cells.signal[self.reads] if self.reads in _signals(cells) else getattr(cells, self.reads)
        return np.asarray(value) > self.above

    def can(self, model: Model) -> bool:
        """Return whether a model has what is stained."""
        return self.reads is None or self.reads in {each.name for each in (*model.traits, *model.signals)}


def _signals(cells: Cells) -> Sequence[str]:
    return list(cells.signal)


_STOPPED = ("arrested", "senescent")
PANEL: Mapping[str, Stain] = {
    "sa_bgal": Stain("depth", 0.3, _STOPPED, "assumed: visible staining"),
    "p21": Stain("p21", 0.25, (), "assumed: a quarter of what full p53 activity makes"),
    "p16": Stain("depth", 0.6, _STOPPED, "assumed: late, in the deepest arrests (ref 37)"),
    "lamin_b1_loss": Stain("depth", 0.5, _STOPPED, "assumed: lost in deep senescence (refs 37, 74)"),
    "ki67": Stain(None, fates=("cycling",), source="every cell in cycle, none out of it"),
    "pd_l1": Stain("pd_l1_inhibition", 2.0, (), "assumed: twice the median before treatment"),
}
"""The default panel. p21 needs the plugin ``readouts``, PD-L1 needs ``immunity``."""


def histology(
    scenario: Scenario,
    times: Sequence[float],
    panel: Mapping[str, Stain] | None = None,
    *,
    counted: int = 500,
    **settings: Any,
) -> Table:
    """Stain sections of a tumour and count positive cells.

    Parameters
    ----------
    scenario : Scenario
        What to run.
    times : sequence of float
        When sections are taken (h).
    panel : mapping of str to Stain, optional
        What is stained; by default all of :data:`PANEL` that the model has.
    counted : int
        Cells counted in a section, drawn at random from the living; all if there are fewer.
    **settings
        As for :func:`senescape.simulate`.

    Returns
    -------
    Table
        One row for each replicate, time and stain: ``stain``, ``counted``, ``positive``, ``share`` and its 95% interval ``low``
        to ``high`` (Wilson's), which holds the sampling error of a count.

    Raises
    ------
    ModelError
        If the model lacks what a stain reads, or `counted` is not positive.
    MissingExtraError
        If SciPy is not installed (extra ``trials``).
    """
    # Before the run, not at its first visit.
    require("scipy.stats", "trials")
    model = scenario_given(scenario, "histology").model
    counted = whole_number(counted, "counted", 1, 2**63 - 1)
    if panel is None:
        panel = {name: stain for name, stain in PANEL.items() if stain.can(model)}
    known = [each.name for each in (*model.traits, *model.signals)]
    if not isinstance(panel, Mapping):
        raise ModelError(f"panel = {panel!r:.80} must give each stain its name: {{'ki67': sn.experiments.Stain(...)}}")
    for name, stain in panel.items():
        if not isinstance(stain, Stain):
            raise ModelError(f"the stain {name!r} is {stain!r:.80}, no sn.experiments.Stain")
        if not stain.can(model):
            raise ModelError(
                f"the stain {name!r} reads {stain.reads!r}, which the model does not have"
                f"{did_you_mean(str(stain.reads), known)}"
            )
        for fate in stain.fates:
            if fate not in model.fates:
                raise ModelError(f"the stain {name!r} names the fate {fate!r}{did_you_mean(fate, model.fates)}")

    def look(visit: Visit) -> list[dict[str, Any]]:
        living = sum(visit.counts.values())
        # The section is the same for every stain. Which cells it holds depends on the tumour alone, not on threads.
        rng = np.random.default_rng([visit.replicate, visit.number])
        chosen = np.sort(rng.choice(living, min(counted, living), replace=False))
        out = []
        for name, stain in panel.items():
            stained = np.concatenate([stain.positive(visit.cells[fate], fate) for fate in visit.counts])[chosen]
            n, hits = len(stained), int(stained.sum())
            low, high = proportion_interval(hits, n)
            share = hits / n if n else math.nan
            out.append({"stain": name, "counted": n, "positive": hits, "share": share, "low": low, "high": high})
        return out

    seen = watch(scenario, times, look, **settings)
    return long_table(times, seen, ("stain", "counted", "positive", "share", "low", "high"))
