"""Calls from many Python threads at once: each gives what it gives alone."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import senescape as sn

from tests.models import RUN, everything

CALLERS = 6


def at_once(call, n=CALLERS):
    """What `call(0)`, `call(1)`, ... give when all of them begin together."""
    gate = threading.Barrier(n)

    def begin(i):
        gate.wait(timeout=60)
        return call(i)

    with ThreadPoolExecutor(n) as pool:
        return list(pool.map(begin, range(n)))


def stepwise():
    """A tumour whose hazards and visits are Python's."""

    def kill(cell, env, p):
        return p.k * np.sort(cell.x)[len(cell.x) // 2] * np.ones_like(cell.x)

    def dose(visit, p):
        visit.memory["seen"] = visit.memory.get("seen", 0) + 1
        if visit.counts["a"] > 150:
            visit.order("d", float(visit.memory["seen"]), after=1.0)

    return sn.Model(
        fates=["a"],
        traits=[sn.Trait("x", sn.Uniform(0.5, 1.5))],
        drugs=[sn.Drug("d", half_life=10.0)],
        transitions=[
            sn.Division("a", 0.02),
            sn.Death("a", kill, "slow", params={"k": 0.01}, traced=False),
            sn.Death("a", lambda cell, env, p: 0.02 * cell.x * env.drug["d"], "drug"),
        ],
        visits=[sn.VisitRule("dose", dose)],
    )


def test_one_model_serves_many_threads():
    model = everything()

    def run(seed):
        return sn.simulate(model, **RUN, replicates=3, seed=seed, threads=2).sha256

    assert at_once(run) == [run(seed) for seed in range(CALLERS)]


def test_models_are_made_side_by_side():
    def run(seed):
        return sn.simulate(everything(), **RUN, replicates=1, seed=seed).sha256

    assert at_once(run) == [run(seed) for seed in range(CALLERS)]


def test_rules_and_visits_in_python_are_not_mixed_up():
    model = stepwise()

    def run(seed):
        result = sn.simulate(
            model, initial={"a": 200}, until=100, every=10, visits=20, replicates=3, seed=seed, threads=2
        )
        return result.sha256, np.nan_to_num(result.drugs).tobytes()

    assert at_once(run) == [run(seed) for seed in range(CALLERS)]


def test_runs_are_kept_and_resumed_side_by_side(tmp_path):
    model = everything()

    def stop(seed):
        def look(finished):
            raise KeyboardInterrupt

        path = tmp_path / f"run-{seed}"
        with pytest.raises(KeyboardInterrupt):
            sn.simulate(model, **{**RUN, "until": 600.0}, replicates=20, seed=seed, checkpoint=path, progress=look)
        return sn.resume(path, progress=False).sha256

    def alone(seed):
        return sn.simulate(model, **{**RUN, "until": 600.0}, replicates=20, seed=seed).sha256

    assert at_once(stop, 3) == [alone(seed) for seed in range(3)]


def test_an_error_is_its_caller_s_only():
    def run(seed):
        # Every other tumour dies at a rate below zero from 20 h on.
        rate = 0.01 if seed % 2 else -0.01
        model = sn.Model(["a"], [sn.Death("a", lambda cell, env, p: np.where(env.time > 20.0, rate, 0.01), f"r{seed}")])
        try:
            return sn.simulate(model, initial={"a": 50}, until=100, every=20, seed=seed).sha256
        except sn.SimulationError as error:
            return str(error)

    found = at_once(run)
    assert found == [run(seed) for seed in range(CALLERS)]
    assert all((f"'r{seed}' is negative" in text) != bool(seed % 2) for seed, text in enumerate(found))


def test_presets_and_their_plugins_are_loaded_side_by_side():
    def run(seed):
        scenario = sn.load(("mcf7-doxorubicin", "bt474-doxorubicin")[seed % 2])
        return sn.simulate(scenario, replicates=1, seed=seed, until=100.0).sha256

    assert at_once(run) == [run(seed) for seed in range(CALLERS)]
