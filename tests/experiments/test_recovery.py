"""Scoring of recovery, and the shipped figures against the real wells."""

import csv
from collections import defaultdict
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import senescape as sn
from senescape.biology.observed import DOSE_SERIES
from senescape.experiments.recovery import score

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "howard2022"
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


def by_hand(time, count, treated, onset=1.0, rise=1.75, level=0.75, fall=0.035, settle=30.0, window=48.0):
    """The rule as it is written, image by image, with its thresholds."""
    images = [(t, n) for t, n in zip(time, count, strict=True) if not np.isnan(n)]
    if len(images) >= 3 and max(n for _, n in images[-3:]) >= 50:
        around = [[n for _, n in images[max(0, i - 2) : i] + images[i + 1 : i + 3]] for i in range(len(images))]
        images = [each for each, near in zip(images, around, strict=True) if not each[1] < 0.4 * np.median(near)]
    smooth = [
        (t, np.mean([np.log(max(n, 1.0)) for other, n in images if abs(other - t) <= window / 2 + 0.25]))
        for t, _ in images
    ]
    when, bottom = min(((t, x) for t, x in smooth if t >= treated + settle), key=lambda each: each[1])
    end = np.median([n for _, n in images[-3:]])
    recovered = end >= rise * np.exp(bottom) and end >= level * images[0][1]
    highest = max(x for t, x in smooth if treated <= t <= when)
    delay = (onset * (when - treated) if highest - bottom >= fall else 0.0) if recovered else np.nan
    return recovered, delay, np.exp(bottom), [t for t, x in smooth if t >= treated + settle and x < bottom + 1e-12]


@pytest.mark.parametrize("own", [False, True], ids=["as shipped", "other thresholds"])
def test_a_score_is_what_the_rule_says(fresh_seed, own):
    rng = np.random.default_rng(fresh_seed)
    delays = []
    for _ in range(300):
        # A quarter of an hour is where windows end, so that images come to stand on their ends.
        time = np.cumsum(rng.choice([5.75, 6.0, 6.25, 12.0], size=40))
        treated = float(rng.choice(time[:4]) + rng.choice([0.0, 1.0]))
        steps = np.where(np.arange(40) < rng.integers(5, 30), rng.uniform(-0.12, 0.04), rng.uniform(0.0, 0.15))
        count = rng.choice([2.0, 60.0, 1000.0]) * np.exp(np.cumsum(steps) + 0.02 * rng.standard_normal(40))
        count[rng.random(40) < 0.08] *= rng.choice([0.0, 0.35, 0.45])
        count[rng.random(40) < 0.05] = np.nan
        chosen = {
            "onset": 0.5, "rise": rng.uniform(1, 3), "level": rng.uniform(0.2, 2), "fall": rng.uniform(0, 0.5),
            "settle": 6.0 * rng.integers(0, 9), "window": float(rng.choice([0.0, 11.5, 12.0, 36.0])),
        } if own else {}  # fmt: skip
        found = score(time, count, treated, **chosen)
        recovered, delay, lowest, whens = by_hand(time, count, treated, **chosen)
        assert found.recovered == recovered
        assert found.lowest == pytest.approx(lowest, rel=1e-9)
        assert found.lowest_time in whens
        # Where nothing is left at several times, which of them is lowest is a matter of rounding.
        assert len(whens) > 1 or found.delay == pytest.approx(delay, nan_ok=True)
        delays.append(delay)
    assert 20 < np.isnan(delays).sum() < 280
    assert np.nansum(delays) > 0


def test_thresholds_are_met_where_they_are_reached():
    # All counts 1: logarithms are 0, and every comparison is between equals.
    flat = np.ones(len(TIME), dtype=int)
    found = score(TIME.astype(int), flat, 42.0, rise=1.0, level=1.0, fall=0.0)
    assert found == score(list(TIME), [Fraction(1)] * len(TIME), 42.0, rise=1.0, level=1.0, fall=0.0)
    assert (found.recovered, found.delay, found.lowest, found.lowest_time) == (True, 30.0, 1.0, 72.0)
    # The last image is late enough to be looked at.
    assert score(TIME, flat, TIME[-1] - 30.0).lowest_time == TIME[-1]


@pytest.mark.parametrize(
    ("end", "image", "lowest"), [(50.0, 40.0, 40.0), (50.0, 39.0, 50.0), (49.0, 40.0, 1.0), (49.0, 39.0, 1.0)]
)
def test_dropouts_are_told_from_dying_out(end, image, lowest):
    count = np.full(len(TIME), 100.0)
    count[10], count[-3:] = image, (end, 1.0, 1.0)
    assert score(TIME, count, 0.0, window=0.0).lowest == pytest.approx(lowest)


def test_a_dropout_is_told_from_three_images_on():
    assert score([0.0, 12.0, 24.0], [100.0, 10.0, 100.0], 0.0, settle=0.0, window=0.0).lowest == pytest.approx(100.0)
    assert score([0.0, 12.0], [100.0, 10.0], 0.0, settle=0.0, window=0.0).lowest == pytest.approx(10.0)


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
