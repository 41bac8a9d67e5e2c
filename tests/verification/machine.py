"""Runs, pauses, futures and trials in any order: no cell is lost, nothing depends on the way, every cell has its founder."""

from __future__ import annotations

import contextlib
import tempfile
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import senescape as sn
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from senescape.simulation.checkpoint import read_checkpoint
from senescape.testing import strategies as sts

from tests.models import RUN, everything
from tests.verification.lineages import Living, founders, living, unexplained

SEEDS = st.integers(0, 2**63)


@dataclass(frozen=True)
class Kept:
    """A run and the file that holds its tumours at the horizon."""

    model: sn.Model
    settings: dict[str, Any]
    result: sn.Result
    path: Path

    def tumours(self) -> dict[int, Living]:
        return {number: living(state) for number, state in read_checkpoint(self.path).states.items()}


whole_model = lru_cache(everything)


@lru_cache
def scenario(n: int, pulse: tuple[float, float] | None) -> sn.Scenario:
    """An arm of a trial, with a dose from some hour on or without: traced once."""
    pulses: tuple[dict[str, Any], ...] = ()
    if pulse is not None:
        pulses = ({"drug": "doxorubicin", "concentration": pulse[1], "start": pulse[0], "duration": 12.0},)
    return sn.Scenario(initial={"cycling": n}, until=96.0, every=12.0, relapse={"above": 10 * n}, pulses=pulses)


ARRIVALS = {"death": 0, "move": 1, "division": 2}


def check(result: sn.Result) -> None:
    """Founders, and what came and went, are who is there: in the ledger, and at each observation of each replicate."""
    ledger, layout = result.ledger, result.layout
    assert ledger.closes
    assert ledger.started + ledger.born == ledger.alive + ledger.died
    change = np.zeros((len(layout.transitions), len(layout.fates)), dtype=np.int64)
    for row, transition in zip(change, layout.transitions, strict=True):
        row[layout.fates.index(transition.source)] -= 1
        row[layout.fates.index(transition.target or transition.source)] += ARRIVALS[transition.kind]
    seen = result.counts[..., 0] >= 0
    assert np.array_equal((np.array(layout.initial) + result.events @ change)[seen], result.counts[seen])
    assert (np.diff(result.events, axis=1)[seen[:, 1:]] >= 0).all()


class Machine(RuleBasedStateMachine):
    """What one may do with a model."""

    kept = Bundle("kept")
    steps: ClassVar[Counter[str]] = Counter()
    on_their_way = 0

    @initialize(target=kept, seed=SEEDS)
    def begin(self, seed: int) -> Kept:
        self.folder = tempfile.TemporaryDirectory()
        self.files = 0
        return self.simulate_everything(seed, 20, 2)

    def teardown(self) -> None:
        self.folder.cleanup()

    def path(self) -> Path:
        self.files += 1
        return Path(self.folder.name) / f"{self.files}.checkpoint"

    def keep(self, model: sn.Model, run: dict[str, Any]) -> Kept:
        path = self.path()
        made = Kept(model, run, sn.simulate(model, **run, checkpoint=path, keep_cells=True, progress=False), path)
        check(made.result)
        first = founders(sum(run["initial"].values()))
        for cells in made.tumours().values():
            assert not (why := unexplained(cells, first)), why
        return made

    @rule(target=kept, drawn=sts.models(), replicates=st.integers(1, 3))
    def simulate(self, drawn: tuple[sn.Model, dict[str, Any]], replicates: int) -> Kept:
        model, run = drawn
        self.steps["simulate"] += 1
        return self.keep(model, {**run, "replicates": replicates, "max_cells": 2000})

    @rule(target=kept, seed=SEEDS, n=st.integers(1, 40), days=st.integers(1, 4))
    def simulate_everything(self, seed: int, n: int, days: int) -> Kept:
        self.steps["simulate everything"] += 1
        doses = [dose for dose in RUN["doses"] if getattr(dose, "at", getattr(dose, "start", 0)) < sn.days(days)]
        run = {**RUN, "initial": {"cycling": n, "senescent": n // 3}, "until": sn.days(days), "doses": doses}
        return self.keep(whole_model(), {**run, "seed": seed, "replicates": 2})

    @rule(kept=kept, threads=st.integers(1, 4))
    def again(self, kept: Kept, threads: int) -> None:
        """The same seed gives the same cells, on as many threads or others, kept or not."""
        self.steps["again"] += 1
        if "begin" not in kept.settings:
            result = sn.simulate(kept.model, **{**kept.settings, "threads": threads}, progress=False)
            assert result.sha256 == kept.result.sha256

    @rule(kept=kept, share=st.floats(0.0, 1.0), long=st.booleans())
    def pause(self, kept: Kept, share: float, long: bool) -> None:
        """Stopped when so many replicates are done or at once, and resumed, once or twice."""
        if "begin" in kept.settings:
            return
        self.steps["pause"] += 1
        model, run = kept.model, {**kept.settings, "replicates": 6, "threads": 1}
        if long:
            # Small tumours are over before the engine asks whether to stop.
            long_run = {"initial": {"cycling": 1500, "senescent": 2500}, "until": sn.days(120)}
            model, run = whole_model(), {**RUN, **long_run, "seed": run["seed"], "replicates": 6, "threads": 1}
        whole = sn.simulate(model, **run, progress=False)
        check(whole)

        def stop(finished: int) -> None:
            if finished >= round(6 * share):
                raise KeyboardInterrupt

        path, result = self.path(), None
        try:
            result = sn.simulate(model, **run, checkpoint=path, checkpoint_every=0.001, progress=stop)
        except KeyboardInterrupt:
            Machine.on_their_way += bool(read_checkpoint(path).states)
            with contextlib.suppress(KeyboardInterrupt):
                result = sn.resume(path, threads=2, progress=stop)
        assert (result or sn.resume(path, progress=False)).sha256 == whole.sha256

    @rule(target=kept, kept=kept, more=st.floats(1.0, 60.0), dose=st.floats(0.0, 3.0), when=st.floats(0.0, 1.0))
    def branch(self, kept: Kept, more: float, dose: float, when: float) -> Kept:
        """Another future of tumours that were kept: the past stays, the same future twice is the same."""
        self.steps["branch"] += 1
        begin = float(kept.result.time[-1])
        drug = kept.model.drugs[0].name
        doses = [sn.Pulse(drug, dose, start=begin + when * more, duration=5.0)]
        asked: dict[str, Any] = {"until": begin + more, "doses": doses, "every": more}
        path = self.path()
        future = sn.resume(kept.path, **asked, checkpoint=path, keep_cells=True, progress=False)
        assert sn.resume(kept.path, **asked, threads=2, progress=False).sha256 == future.sha256
        past = len(kept.result.time)
        assert np.array_equal(future.counts[:, :past], kept.result.counts)
        assert np.array_equal(future.events[:, :past], kept.result.events)
        check(future)
        made = Kept(kept.model, {**kept.settings, "begin": begin}, future, path)
        before = kept.tumours()
        for number, cells in made.tumours().items():
            assert not (why := unexplained(cells, before[number])), why
        return made

    @rule(
        seed=SEEDS,
        n=st.sampled_from([5, 20, 60]),
        start=st.sampled_from([24.0, 48.0, 72.0]),
        dose=st.sampled_from([0.02, 0.3]),
    )
    def trial(self, seed: int, n: int, start: float, dose: float) -> None:
        """Arms are the same tumours until treatments differ."""
        self.steps["trial"] += 1
        arms = {"none": scenario(n, None), "drug": scenario(n, (start, dose))}
        trial = sn.trial(arms, replicates=2, seed=seed, progress=False)
        none, drug = trial.results["none"][0], trial.results["drug"][0]
        same = none.time <= start
        assert np.array_equal(none.counts[:, same], drug.counts[:, same])
        check(none)
        check(drug)


def run_machine(steps: int, each: int = 50) -> Counter[str]:
    """So many steps, in examples of `each`; gives what was done."""
    Machine.steps.clear()
    Machine.on_their_way = 0
    slow = [
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.large_base_example,
        HealthCheck.filter_too_much,
    ]
    while sum(Machine.steps.values()) < steps:
        left = steps - sum(Machine.steps.values())
        asked = settings(
            max_examples=max(1, left // each),
            stateful_step_count=min(each, max(2, left)),
            deadline=None,
            database=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=slow,
            print_blob=True,
        )
        run_state_machine_as_test(Machine, settings=asked)
    return Machine.steps.copy()
