"""Claims as text, as figures and as a page."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from senescape._support.optional import require
from senescape.claims.framework import Check, Finding, Outcome

__all__ = ["draw", "gallery", "summary", "text", "to_json"]


def text(outcome: Outcome) -> str:
    """Write a claim with its checks and its control."""
    claim = outcome.claim
    verdict = "passes" if outcome.passed else "FAILS"
    lines = [f"{claim.number:2d}. {claim.title}: {verdict} ({outcome.seconds:.0f} s, seed {outcome.seed})"]
    lines += [f"      {_line(check)}" for check in outcome.finding.checks]
    if outcome.control is not None:
        word = "fails, as it should" if outcome.control_failed else "PASSES, though it should fail"
        lines.append(f"    control, without {claim.control}: {word}")
        lines += [f"      {_line(check)}" for check in outcome.control.checks]
    return "\n".join(lines)


def _line(check: Check) -> str:
    mark = "ok  " if check.passed else "FAIL"
    found = f"{check.value:.4g}"
    if check.high > check.low:
        found += f" ({check.low:.4g} to {check.high:.4g})"
    return f"{mark} {check.what}: {found}; predicted {check.predicted}"


def summary(outcomes: Sequence[Outcome]) -> str:
    """Say how many passed, and how many controls failed."""
    controls = [outcome for outcome in outcomes if outcome.control is not None]
    passed = sum(outcome.passed for outcome in outcomes)
    failed = sum(outcome.control_failed for outcome in controls)
    return f"{passed} of {len(outcomes)} claims pass; {failed} of {len(controls)} controls fail, as they should"


def to_json(outcome: Outcome) -> dict[str, Any]:
    """Write an outcome as numbers, texts, lists and dicts."""

    def finding(found: Finding) -> dict[str, Any]:
        return {"passed": found.passed, "checks": [_check(check) for check in found.checks]}

    return {
        "number": outcome.claim.number,
        "title": outcome.claim.title,
        "passed": outcome.passed,
        "seed": outcome.seed,
        "seconds": outcome.seconds,
        "finding": finding(outcome.finding),
        "control": None
        if outcome.control is None
        else {"without": outcome.claim.control, "failed": outcome.control_failed, **finding(outcome.control)},
    }


def _check(check: Check) -> dict[str, Any]:
    limits = {"above": check.above, "below": check.below}
    return {
        "what": check.what,
        "predicted": check.predicted,
        "value": check.value,
        "low": check.low,
        "high": check.high,
        **{name: limit for name, limit in limits.items() if math.isfinite(limit)},
        "passed": check.passed,
    }


def draw(outcome: Outcome, folder: Path) -> Path:
    """Draw a claim, beside its control, to a PNG (extra ``plot``).

    Parameters
    ----------
    outcome : Outcome
        What to draw.
    folder : Path
        Where to; it is made if it is not there.

    Returns
    -------
    Path
        The file: ``claim-07.png``.
    """
    require("matplotlib", "plot")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    panels = [("", outcome.finding)]
    if outcome.control is not None:
        panels.append((f"without {outcome.claim.control}", outcome.control))
    figure = Figure(figsize=(5.2 * len(panels), 3.8), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, len(panels), squeeze=False, sharey=True)[0]
    for axis, (title, finding) in zip(axes, panels, strict=True):
        _panel(axis, finding)
        axis.set_title(title or "as claimed", fontsize=10)
    axes[0].set_ylabel(textwrap.fill(outcome.finding.y, 34))
    if any(series.label for series in outcome.finding.series):
        axes[0].legend(fontsize=8, frameon=False)
    figure.suptitle(f"{outcome.claim.number}. {outcome.claim.title}", fontsize=11)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"claim-{outcome.claim.number:02d}.png"
    figure.savefig(path, dpi=110)
    return path


def _panel(axis: Any, finding: Finding) -> None:
    colours: dict[str, str] = {}
    for series in finding.series:
        # "mcf7" and "mcf7, wells" belong together.
        colour = colours.setdefault(series.label.partition(",")[0], f"C{len(colours)}")
        x, y = np.asarray(series.x), np.asarray(series.y, dtype=np.float64)
        error = None if series.error is None else np.asarray(series.error, dtype=np.float64)
        if series.style == "bars":
            axis.bar(x, y, yerr=error, label=series.label, alpha=0.8, capsize=3, width=0.6, color=colour)
        elif series.style == "points":
            axis.errorbar(x, y, yerr=error, fmt="o", ms=4, capsize=3, label=series.label, color=colour)
        else:
            axis.plot(x, y, lw=1.6, label=series.label, color=colour)
            if error is not None:
                axis.fill_between(x, y - error, y + error, alpha=0.2, color=colour, lw=0)
        if x.dtype.kind == "U" and len(x) > 4:
            axis.tick_params("x", rotation=40)
            for text_ in axis.get_xticklabels():
                text_.set_ha("right")
    axis.set_xlabel(textwrap.fill(finding.x, 50))
    if "x" in finding.log:
        axis.set_xscale("log")
    if "y" in finding.log:
        axis.set_yscale("log")
    axis.spines[["top", "right"]].set_visible(False)


def gallery(outcomes: Sequence[Outcome], folder: Path) -> Path:
    """Write all claims with their figures as a page, ``claims.md``.

    Parameters
    ----------
    outcomes : sequence of Outcome
        What was run.
    folder : Path
        Where to; figures go to ``claims/`` in it.
    """
    lines = [
        "# The claims of the source",
        "",
        "Written by `make claims`. The source is Jackson 2025, Cancer Heterog Plast 2(3):0013; numbers in brackets are its",
        "references. Each claim is run with fresh seeds and checked against limits stated beforehand; intervals are 99.9%, and",
        "the whole interval must lie within the limits. The control runs the same without the claim's mechanism, and must fail.",
        "",
        f"**{summary(outcomes)}.**",
    ]
    for outcome in outcomes:
        claim = outcome.claim
        cited = f" [{claim.references}]" if claim.references else ""
        lines += ["", f"## {claim.number}. {claim.title}", "", f"{claim.text}{cited}", ""]
        lines += ["| | measured | found (99.9%) | predicted | |", "| --- | --- | ---: | --- | --- |"]
        lines += [_row("claim", check) for check in outcome.finding.checks]
        if outcome.control is not None:
            lines += [_row(f"without {claim.control}", check) for check in outcome.control.checks]
        image = draw(outcome, folder / "claims")
        lines += ["", f"![{claim.title}](claims/{image.name})"]
    path = folder / "claims.md"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _row(who: str, check: Check) -> str:
    found = f"{check.value:.4g}"
    if check.high > check.low:
        found += f" ({check.low:.4g} to {check.high:.4g})"
    return f"| {who} | {check.what} | {found} | {check.predicted} | {'holds' if check.passed else '**fails**'} |"
