"""Figures of the doxorubicin dose series that the presets are held against.

Howard, Jost, Yankeelov, Brock 2022, PLoS Comput Biol 18(3):e1009104, doi 10.1371/journal.pcbi.1009104. One 24 h exposure; six
wells a dose, about 1,500 cells each at the first image.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["DOSE_SERIES", "ONSET", "DoseCondition"]


@dataclass(frozen=True, slots=True)
class DoseCondition:
    """One dose of a series.

    Attributes
    ----------
    dose : float
        Doxorubicin (nM).
    recovered, wells : int
        Wells that grew back, of how many.
    delay : float or None
        Median delay (h) of the wells that did, as published; None where it was not given.
    treated, last : float
        Start of the exposure and last image (h).
    """

    dose: float
    recovered: int
    wells: int
    delay: float | None
    treated: float
    last: float


def _series(treated: float, *rows: tuple[float, int, float | None, float]) -> tuple[DoseCondition, ...]:
    return tuple(DoseCondition(dose, recovered, 6, delay, treated, last) for dose, recovered, delay, last in rows)


DOSE_SERIES: dict[str, tuple[DoseCondition, ...]] = {
    "mcf7": _series(
        45.42,
        (0.0, 6, 0.0, 276.8),
        (10.0, 6, 0.0, 308.8),
        (20.0, 6, 0.0, 392.8),
        (35.0, 6, 0.0, 573.3),
        (50.0, 6, 131.42, 743.9),
        (75.0, 6, 159.42, 978.0),
        (100.0, 6, 233.42, 978.0),
        (125.0, 3, 175.42, 978.0),
        (150.0, 3, 291.42, 978.0),
        (300.0, 0, None, 978.0),
    ),
    "mda-mb-231": _series(
        42.5,
        (0.0, 6, 0.0, 233.8),
        (25.0, 6, 0.0, 284.9),
        (50.0, 6, 0.0, 401.0),
        (75.0, 6, 0.0, 401.0),
        (100.0, 6, 0.0, 481.0),
        (150.0, 6, 155.35, 561.0),
        (200.0, 6, 189.85, 625.0),
        (300.0, 6, 279.85, 743.0),
        (500.0, 6, 416.5, 739.0),
        (1000.0, 1, 362.5, 739.0),
    ),
    "bt474": _series(
        53.58,
        (0.0, 6, 0.0, 384.0),
        (10.0, 6, 0.0, 402.0),
        (15.0, 6, 0.0, 746.9),
        (20.0, 6, 0.0, 506.9),
        (28.0, 6, 0.0, 572.9),
        (35.0, 6, 0.0, 617.9),
        (43.0, 6, None, 746.9),
        (50.0, 6, None, 746.9),
        (60.0, 6, None, 746.9),
        (120.0, 0, None, 746.9),
    ),
}
"""The dose series by cell line."""

ONSET: dict[str, float] = {"mcf7": 0.59, "mda-mb-231": 1.0, "bt474": 1.0}
"""Where the published delays stand, as a share of the time from treatment to the lowest count (`onset` of
:func:`senescape.experiments.recovery.score`).

In MDA-MB-231 they mark the lowest count. In MCF7, whose wells fall and turn more slowly, they stand at 0.59 of the time to it
(medians of the five doses: 0.67, 0.57, 0.64, 0.52 and 0.53), while the counts still fall. No single definition tried gives both:
the elbow of the fall, the return to a share of it, the nearness to the lowest count, a fit of two slopes.
"""
