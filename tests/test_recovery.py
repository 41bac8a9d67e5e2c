"""Scoring of recovery, and the shipped figures against the real wells."""

import csv
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
import senescape as sn
from senescape.biology.observed import DOSE_SERIES
from senescape.recovery import score

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "howard2022"
TIME = np.arange(0.0, 400.0, 12.0)


def test_growth_that_never_stops_has_no_delay():
    found = score(TIME, 100 * np.exp(0.01 * TIME), 40.0)
    assert found.recovered
    assert found.delay == 0.0


def test_a_fall_and_a_rise_are_a_delay():
    count = 1000 * np.where(TIME < 180, np.exp(-0.01 * TIME), np.exp(-1.8 + 0.02 * (TIME - 180)))
    found = score(TIME, count, 36.0)
    assert found.recovered
    assert found.delay == pytest.approx(180 - 36, abs=12)
    assert found.lowest_time == pytest.approx(180, abs=12)
    assert 1.0 < found.lowest / count.min() < 1.4
    assert score(TIME, count, 36.0, onset=0.5).delay == found.delay / 2


def test_a_fall_alone_is_no_recovery():
    found = score(TIME, 1000 * np.exp(-0.01 * TIME), 36.0)
    assert not found.recovered
    assert np.isnan(found.delay)


def test_one_lost_image_changes_nothing():
    count = 100 * np.exp(0.01 * TIME)
    count[8] = 0.0
    assert score(TIME, count, 36.0).delay == 0.0


def test_the_end_of_a_simulated_well_changes_nothing():
    count = 1000 * np.where(TIME < 180, np.exp(-0.01 * TIME), np.exp(-1.8 + 0.02 * (TIME - 180)))
    ended = np.where(TIME > 320, np.nan, count)
    assert score(TIME, ended, 36.0) == score(TIME[TIME <= 320], count[TIME <= 320], 36.0)
    assert score(TIME, ended, 36.0).delay == score(TIME, count, 36.0).delay


def test_a_well_that_dies_out_has_no_dropouts():
    found = score(TIME, 1000 * np.exp(-0.03 * TIME), 36.0)
    assert not found.recovered
    assert found.lowest < 5


def test_regrowth_from_far_below_the_start_is_no_recovery():
    count = 1000 * np.where(TIME < 300, np.exp(-0.01 * TIME), np.exp(-3.0 + 0.02 * (TIME - 300)))
    assert not score(TIME, count, 36.0).recovered


def test_what_cannot_be_scored_is_refused():
    with pytest.raises(sn.ModelError, match="one count for each time"):
        score(TIME, TIME[1:], 0.0)
    with pytest.raises(sn.ModelError, match="no image after"):
        score(TIME, TIME, 1000.0)


@pytest.mark.skipif(not DATA.exists(), reason="the wells' counts are not at hand")
def test_scores_of_real_wells_agree_with_the_authors():
    images = defaultdict(list)
    with (DATA / "counts_dose.csv").open() as file:
        for row in csv.DictReader(file):
            images[row["cell_line"], row["condition"], row["well"]].append((float(row["time_h"]), float(row["count"])))
    agree, known = [], defaultdict(int)
    with (DATA / "wells_dose.csv").open() as file:
        for row in csv.DictReader(file):
            time, count = np.array(images[row["cell_line"], row["condition"], row["well"]]).T
            recovered = row["recovered"] == "1"
            agree.append(score(time, count, float(row["last_treatment_h"])).recovered == recovered)
            dose = 0.0 if row["condition"] == "UTCtrl" else float(row["condition"].removesuffix("nM"))
            known[row["cell_line"].lower(), dose] += recovered
    assert np.mean(agree) >= 0.97
    for line, series in DOSE_SERIES.items():
        for condition in series:
            assert known[line, condition.dose] == condition.recovered, (line, condition.dose)
