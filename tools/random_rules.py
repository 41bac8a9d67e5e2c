"""Models with random rules, to look for a hazard above its bound.

Every rule is made of the operations that can be traced, over traits that hold, relax and follow varying targets, age, marks,
time, a drug, a pool and a count. The engine ends a run in which any hazard exceeds its bound; so a run that ends well has none.

    python -m tools.random_rules --candidates 1e9 [--seed 1] [--threads 2]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import senescape as sn
from senescape.testing.strategies import BINARY, UNARY, rule

Rule = Callable[..., Any]

LEAVES = (
    "cell.fixed", "cell.relaxing", "cell.driven", "cell.follower", "cell.age / 10.0", "cell.mark['seen'] * 1.0",
    "env.time / 50.0", "env.drug['drug']", "p.a", "0.5",
)  # fmt: skip
SHARED = ("env.pool['pool']", "env.count['b'] / 1000.0", "env.mean['a'].fixed")
SOURCES = ("cell.fixed", "cell.relaxing", "env.time / 50.0", "env.drug['drug']")
"""What targets of traits read: no trait that reads them."""


def formula(rng: np.random.Generator, depth: int, leaves: tuple[str, ...]) -> str:
    """The text of a random formula."""
    if depth == 0 or rng.random() < 0.1:
        return str(rng.choice(leaves))
    forms = UNARY if rng.random() < 0.4 else BINARY
    form = str(rng.choice(forms))
    return f"({form.format(*(f'({formula(rng, depth - 1, leaves)})' for _ in range(2)))})"


def hazard(rng: np.random.Generator, leaves: tuple[str, ...], ceiling: float) -> Rule:
    """A random hazard: finite, not negative, and at most `ceiling`."""
    return rule(f"np.minimum(np.abs({formula(rng, int(rng.integers(1, 6)), leaves)}), {ceiling})")


def random_model(rng: np.random.Generator) -> sn.Model:
    """Two fates, four traits, a mark, a drug, a pool, and six transitions with random hazards."""
    shared = bool(rng.random() < 0.5)
    leaves = LEAVES + SHARED if shared else LEAVES
    params = {"a": float(rng.lognormal())}

    def target() -> Rule:
        return rule(f"np.clip({formula(rng, 2, SOURCES)}, -5.0, 5.0)")

    return sn.Model(
        fates=["a", "b"],
        marks=["seen"],
        traits=[
            sn.Trait("fixed", initial=sn.LogNormal(median=1.0, sigma=0.7)),
            sn.Trait(
                "relaxing", initial=sn.Normal(0.0, 1.0), flow=sn.relax(float(rng.normal()), tau=float(rng.lognormal(2)))
            ),
            sn.Trait("driven", initial=1.0, flow=sn.relax(target(), tau=float(rng.lognormal(2)), params=params)),
            sn.Trait(
                "follower", initial=0.0, flow=sn.relax(target(), tau=float(rng.lognormal(3)), fate="b", params=params)
            ),
        ],
        drugs=[sn.Drug("drug", half_life=float(rng.lognormal(2)))],
        pools=[sn.Pool("pool", initial=1.0, rate=lambda env, p: 0.1 * env.drug["drug"] - 0.05 * env.pool["pool"])]
        if shared
        else [],
        transitions=[
            sn.Transition(
                "again",
                "a",
                "a",
                hazard(rng, leaves, 2.0),
                set={"fixed": sn.LogNormal(median=1.0, sigma=0.7)},
                params=params,
            ),
            sn.Transition(
                "there",
                "a",
                "b",
                hazard(rng, leaves, 0.5),
                mark="seen",
                set={"relaxing": rule(f"np.tanh({formula(rng, 2, LEAVES[:1])})")},
                params=params,
            ),
            sn.Transition("back", "b", "a", hazard(rng, leaves, 0.5), params=params),
            sn.Transition("stay", "b", "b", hazard(rng, leaves, 2.0), set={"driven": 0.5}, params=params),
        ],
    )


def run_one(seed: int, cells: int, threads: int = 1) -> int:
    """Run one random model; give the number of candidates."""
    rng = np.random.default_rng(seed)
    model = random_model(rng)
    result = sn.simulate(
        model,
        initial={"a": cells // 2, "b": cells - cells // 2},
        until=100.0,
        every=25.0,
        sync=float(rng.choice([2.0, 6.0, 24.0, 100.0])),
        doses=[sn.Dose("drug", amount=float(rng.lognormal()), at=float(at)) for at in np.sort(rng.uniform(0, 90, 3))],
        replicates=threads,
        threads=threads,
        seed=seed,
    )
    return int(result.engine["candidates"])


def settings_of(rng: np.random.Generator) -> dict[str, Any]:
    """How a random model is run."""
    return {
        "initial": {"a": int(rng.integers(50, 400)), "b": int(rng.integers(1, 100))},
        "until": 20.0,
        "every": 2.0,
        "observe": None,
        "sync": 4.0,
        "doses": [sn.Dose("drug", 1.0, at=float(rng.uniform(0, 10)))],
        "max_cells": 20_000,
        "relapse": None,
        "visits": None,
    }


def main() -> None:
    """Run random models until so many candidates were seen."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--candidates", type=float, default=1e9)
    parser.add_argument("--cells", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 2**40)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}")
    seen, models, begin = 0, 0, time.perf_counter()
    while seen < arguments.candidates:
        seen += run_one(arguments.seed + models, arguments.cells, arguments.threads)
        models += 1
    print(
        f"{seen:,} candidates of {models} random models in {time.perf_counter() - begin:.0f} s: no hazard above its bound"
    )


if __name__ == "__main__":
    main()
