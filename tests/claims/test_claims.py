"""What claims are made of. That they hold is what `senescape claims` shows; a few quick ones are run here too."""

import json
import math

import numpy as np
import pytest
import senescape as sn
from senescape.claims import Finding, Lab, claims, run_claim
from senescape.claims.framework import Outcome
from senescape.claims.report import draw, gallery, summary, text, to_json
from senescape.cli.main import main

pytestmark = pytest.mark.biology


def test_all_claims_are_there_each_with_its_control_but_the_last():
    known = claims()
    assert list(known) == list(range(1, 21))
    assert [number for number, claim in known.items() if not claim.control] == [20]
    for claim in known.values():
        assert claim.title
        assert len(claim.text) > 80, claim.number


def test_a_check_holds_only_if_its_whole_interval_does():
    found = Finding()
    found.check("mean", "above 1", [1.2, 1.3, 1.1, 1.25], above=1.0)
    found.check("mean", "above 1.15", [1.2, 1.3, 1.1, 1.25], above=1.15)
    found.check_value("value", "below 2", 1.9, 0.02, below=2.0)
    found.check_value("value", "below 2", 1.9, 0.05, below=2.0)
    found.check_value("value", "below 2", math.nan, below=2.0)
    assert [check.passed for check in found.checks] == [True, False, True, False, False]
    assert not found.passed
    assert not Finding().passed


def test_the_interval_of_a_share_covers(fresh_seed):
    rng = np.random.default_rng(fresh_seed)
    missed = 0
    for hits in rng.binomial(40, 0.1, size=20_000):
        found = Finding()
        found.check_share("share", "", int(hits), 40)
        missed += not found.checks[0].low <= 0.1 <= found.checks[0].high
    # Wilson's interval at 99.9% misses 0.13% here, by the binomial law; five standard errors of 20,000 trials.
    assert missed < 20_000 * 0.0035


def test_a_lab_gives_each_simulation_a_seed_of_its_own_and_repeats_them():
    one, two = Lab(7), Lab(7)
    assert [one.fresh() for _ in range(3)] == [two.fresh() for _ in range(3)]
    assert len({one.fresh() for _ in range(100)}) == 100
    assert Lab(7).fresh() != Lab(8).fresh()
    assert Lab(effort=0.01).replicates(8) == 2


@pytest.mark.parametrize("number", [3, 12, 13])
def test_a_claim_holds_and_its_control_fails(number):
    outcome = run_claim(number)
    assert outcome.passed, text(outcome)
    assert outcome.control_failed, text(outcome)


def test_the_same_seed_finds_the_same():
    one, two = (run_claim(13, Lab(5, effort=0.1, threads=n)) for n in (1, 2))
    assert one.finding.checks == two.finding.checks


def test_an_outcome_can_be_read_drawn_and_kept(tmp_path):
    outcome = run_claim(13, Lab(5, effort=0.1))
    assert "seed 5" in text(outcome)
    assert json.loads(json.dumps(to_json(outcome)))["number"] == 13
    assert summary([outcome]).startswith(("1 of 1", "0 of 1"))
    assert draw(outcome, tmp_path).read_bytes()[:4] == b"\x89PNG"
    page = gallery([outcome], tmp_path / "page").read_text()
    assert "## 13." in page
    assert "claims/claim-13.png" in page


def test_a_broken_claim_is_told(capsys, monkeypatch):
    """A claim whose mechanism does nothing, and one whose control passes, are failures for the command line."""
    known = claims()

    def run(passes, control_passes):
        def finding(good):
            found = Finding()
            found.check_value("x", "above 0", 1.0 if good else -1.0, above=0.0)
            return found

        outcome = Outcome(known[13], finding(passes), finding(control_passes), 0.0, 1)
        monkeypatch.setattr("senescape.claims.run_claim", lambda *_: outcome)
        return main(["claims", "13"]), capsys.readouterr().out

    assert run(True, False)[0] == 0
    code, out = run(False, False)
    assert code == 1
    assert "FAILS" in out
    code, out = run(True, True)
    assert code == 1
    assert "PASSES, though it should fail" in out


def test_a_claim_that_is_not_there_is_refused_before_any_is_run(capsys):
    with pytest.raises(sn.ModelError, match="no claim 21"):
        run_claim(21)
    assert main(["claims", "13", "21"]) == 2
    seen = capsys.readouterr()
    assert "no claim 21" in seen.err
    assert not seen.out


@pytest.mark.parametrize("effort", ["0", "-1", "nan"])
def test_an_effort_that_is_none_is_refused(effort, capsys):
    assert main(["claims", "13", "--effort", effort]) == 2
    assert "--effort" in capsys.readouterr().err
