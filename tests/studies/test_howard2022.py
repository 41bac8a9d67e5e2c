"""The fit's own parts: growth from untreated wells, simulated wells, the report."""

from pathlib import Path

import numpy as np
import pytest
import senescape as sn
from scipy.integrate import odeint
from senescape.biology.observed import DoseCondition

STUDY = Path(__file__).resolve().parents[2] / "studies" / "howard2022"


@pytest.fixture
def fits(monkeypatch):
    monkeypatch.syspath_prepend(str(STUDY))
    import growth
    import report
    import wells

    return growth, report, wells


def condition(dose=100.0, recovered=6, delay=100.0):
    return DoseCondition(dose, recovered, 6, delay, 40.0, 300.0)


def test_growth_is_found_again(fits):
    growth, _, wells = fits
    time = np.arange(0.0, 300.0, 12.0)
    speed = 12 * (2 ** (1 / 12) - 1) / 30.0
    counts = [odeint(lambda n, t: speed * (1 - (n / 5e4) ** 2.0) * n, start, time)[:, 0] for start in (1400.0, 1600.0)]
    found = growth.untreated(wells.Dose(condition(0.0), time, np.array(counts), (1400, 1600)))
    assert found["cycle.length"] == pytest.approx(30, rel=0.01)
    assert found["cycle.capacity"] == pytest.approx(5e4, rel=0.01)
    assert found["cycle.crowding"] == pytest.approx(2.0, rel=0.02)


@pytest.mark.biology
def test_a_part_of_a_well_stands_for_the_whole(fits):
    *_, wells = fits
    scenario = sn.load("mcf7-doxorubicin")
    time = np.arange(0.0, 300.0, 12.0)
    dose = wells.Dose(condition(10.0), time, np.ones((6, len(time))), (1500,) * 6)
    whole, part = (wells.simulate(scenario, dose, {}, 2, 1, above=1e4, scale=s).mean(axis=0) for s in (1.0, 0.2))
    both = np.isfinite(whole) & np.isfinite(part)
    assert part[0] == 1500
    assert part[both] == pytest.approx(whole[both], rel=0.2)
    assert np.isnan(whole).any()  # regrown wells end


def test_the_report_names_what_misses_and_keeps_other_lines(fits, tmp_path):
    _, report, wells = fits
    time = np.arange(0.0, 300.0, 12.0)

    def row(share, predicted, **figures):
        dose = wells.Dose(condition(**figures), time, np.ones((6, 25)), (1500,) * 6)
        return report.Row(dose, 40, share, np.array([predicted]), np.array([1.0]), np.ones((1, 25)))

    rows = [
        row(1.0, 110.0),
        row(1.0, 0.0, delay=0.0),
        row(0.4, 140.0),
        row(0.0, np.nan, recovered=0, delay=None),
        row(1.0, 5.0, delay=0.0),
    ]
    assert [r.inside for r in rows] == [True, True, False, True, True]
    assert [r.timely for r in rows] == [True, True, False, None, False]
    assert "4 of 5 doses; delay agrees at 2 of 4 (1 of 2 where it is not 0)" in report.summary(rows)
    assert report.misses(rows).count("100 nM") == 3
    assert report.misses(rows[:2]) == "What misses: nothing at these doses."
    for line in ("mcf7", "bt474", "mcf7"):
        path = report.write(line, report.section(line, rows, {"escape.h0": 1e-4}, "By hand."), tmp_path)
    text = path.read_text()
    assert text.count("## MCF7") == text.count("## BT474") == 1


def test_medians_of_few_wells_are_given_their_range(fits):
    _, report, wells = fits
    time = np.arange(0.0, 300.0, 12.0)
    delays = np.arange(101.0)

    def row(recovered, delays=delays):
        dose = wells.Dose(condition(recovered=recovered), time, np.ones((6, 25)), (1500,) * 6)
        return report.Row(dose, len(delays), 1.0, delays, np.array([80.0, 90.0, 130.0]), np.ones((1, 25)))

    # One well is as uncertain as a well; the median of three has the law of a Beta(2, 2).
    assert row(1).few == pytest.approx((5, 95), abs=2)
    assert row(3).few == pytest.approx((13.5, 86.5), abs=2)
    assert row(0).few is None
    assert row(3, np.array([])).few is None
    assert np.isnan(row(3, np.array([])).delay)
    text = report.section("mcf7", [row(3)], {}, "By hand.")
    assert "| 90 (80 to 130) | 50 |" in text
    assert all(line.count("|") == 12 for line in text.splitlines() if line.startswith("|"))


def test_without_the_data_the_reader_says_where_they_come_from(fits, tmp_path):
    *_, wells = fits
    with pytest.raises(SystemExit, match=r"10\.1371/journal\.pcbi\.1009104"):
        wells.read(tmp_path, "mcf7")
