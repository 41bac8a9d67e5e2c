"""Lineage: what a reporter says beside the true ancestry, and barcodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from senescape._support.suggest import did_you_mean
from senescape.errors import ModelError
from senescape.experiments.observe import long_table, scenario_given, watch
from senescape.results.table import Table

if TYPE_CHECKING:
    from senescape.model.visits import Visit
    from senescape.scenarios.scenario import Scenario

__all__ = ["barcodes", "reporter"]


def reporter(
    scenario: Scenario,
    times: Sequence[float],
    *,
    mark: str = "p21_reporter",
    truth: str = "ever_senescent",
    fate: str = "cycling",
    **settings: Any,
) -> Table:
    """Trace lineage with a reporter, and say by how much it is wrong.

    A Cdkn1a-Cre-like reporter marks cells when p21 stops them, before they are senescent, if they ever are.

    Parameters
    ----------
    scenario : Scenario
        What to run.
    times : sequence of float
        When cells are collected (h).
    mark, truth : str
        Marks: what the reporter shows, and what it is meant to show.
    fate : str
        The cells whose origin is asked.
    **settings
        As for :func:`senescape.simulate`.

    Returns
    -------
    Table
        One row for each replicate and time: ``marked`` (share of all living cells), ``called`` and ``true`` (shares of the cells
        of `fate` by the reporter and in truth; NaN without cells), ``overstated`` (the difference) and ``missed`` (share of
        the cells of `fate` that are true and not called).

    Raises
    ------
    ModelError
        If the model has no such mark or fate.

    References
    ----------
    Jackson 2025, Cancer Heterog Plast 2(3):0013, ref 70.
    """
    model = scenario_given(scenario, "reporter").model
    for name in (mark, truth):
        if name not in model.marks:
            raise ModelError(f"the model has no mark {name!r}{did_you_mean(name, model.marks)}")
    if fate not in model.fates:
        raise ModelError(f"the model has no fate {fate!r}{did_you_mean(fate, model.fates)}")

    def look(visit: Visit) -> list[dict[str, float]]:
        marked = sum(float(visit.cells[name].mark[mark].sum()) for name in visit.counts)
        living = sum(visit.counts.values())
        of = visit.cells[fate]
        called, true = (np.asarray(of.mark[name], dtype=bool) for name in (mark, truth))
        if not len(of):
            shares = dict.fromkeys(("called", "true", "overstated", "missed"), float("nan"))
        else:
            shares = {
                "called": float(called.mean()),
                "true": float(true.mean()),
                "overstated": float(called.mean() - true.mean()),
                "missed": float((true & ~called).mean()),
            }
        return [{"marked": marked / living if living else float("nan"), **shares}]

    return long_table(
        times, watch(scenario, times, look, **settings), ("marked", "called", "true", "overstated", "missed")
    )


def barcodes(
    scenario: Scenario, times: Sequence[float], *, fates: str | Sequence[str] | None = None, **settings: Any
) -> Table:
    """Count clones as sequenced barcodes would: every founder has one.

    Parameters
    ----------
    scenario : Scenario
        What to run.
    times : sequence of float
        When cells are collected (h).
    fates : str or sequence of str, optional
        The cells that are sequenced; all by default.
    **settings
        As for :func:`senescape.simulate`.

    Returns
    -------
    Table
        One row for each replicate and time: ``cells``, ``clones``, ``largest`` (share of the largest clone), ``effective`` (the
        exponential of Shannon's entropy: as many clones of one size are as diverse), and ``founders_of_most`` (the least number
        of founders that nine tenths of the cells descend from).

    Raises
    ------
    ModelError
        If the model has no such fate, or a trait named ``clone``.
    """
    model = scenario_given(scenario, "barcodes").model
    if any(trait.name == "clone" for trait in model.traits):
        raise ModelError("the model's trait 'clone' hides the founder that each cell descends from; rename the trait")
    names = (fates,) if isinstance(fates, str) else tuple(model.fates if fates is None else fates)
    for fate in names:
        if fate not in model.fates:
            raise ModelError(f"the model has no fate {fate!r}{did_you_mean(fate, model.fates)}")

    def look(visit: Visit) -> list[dict[str, float]]:
        clones = np.concatenate([visit.cells[name].clone for name in names])
        sizes = np.sort(np.unique(clones, return_counts=True)[1])[::-1]
        if not len(sizes):
            return [{"cells": 0, "clones": 0, "largest": np.nan, "effective": 0.0, "founders_of_most": 0}]
        share = sizes / sizes.sum()
        return [
            {
                "cells": len(clones),
                "clones": len(sizes),
                "largest": float(share[0]),
                "effective": float(np.exp(-(share * np.log(share)).sum())),
                "founders_of_most": 1 + int(np.searchsorted(np.cumsum(share), 0.9)),
            }
        ]

    return long_table(
        times, watch(scenario, times, look, **settings), ("cells", "clones", "largest", "effective", "founders_of_most")
    )
