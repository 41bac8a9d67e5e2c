"""Models with random rules, to look for a hazard above its bound.

Every rule is made of the operations that can be traced, over traits that hold, relax and follow varying targets, age, marks,
time, a drug, a pool and a count. The engine ends a run in which any hazard exceeds its bound; so a run that ends well has none.

    python -m tests.verification.random_rules --candidates 1e9 [--seed 1] [--threads 2]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import senescape as sn

Rule = Callable[[Any, Any, Any], Any]

UNARY: tuple[Callable[[Any], Any], ...] = (
    lambda x: -x,
    np.abs,
    lambda x: np.sqrt(np.abs(x)),
    np.square,
    lambda x: 1.0 / (0.2 + np.abs(x)),
    lambda x: np.exp(np.clip(x, -6.0, 3.0)),
    lambda x: np.expm1(np.minimum(x, 2.0)),
    lambda x: np.log(0.1 + np.abs(x)),
    lambda x: np.log1p(np.abs(x)),
    np.sin,
    np.cos,
    np.tanh,
    np.floor,
    np.ceil,
    np.sign,
    np.cbrt,
    lambda x: np.clip(x, -1.0, 2.0),
    lambda x: x**3,
    lambda x: np.abs(x) ** 1.7,
    lambda x: sn.hill(np.abs(x), 0.7, 2),
)

BINARY: tuple[Callable[[Any, Any], Any], ...] = (
    lambda x, y: x + y,
    lambda x, y: x - y,
    lambda x, y: x * y,
    lambda x, y: x / (0.3 + np.abs(y)),
    np.minimum,
    np.maximum,
    lambda x, y: np.where(x > y, x, y - x),
    lambda x, y: np.where((x < 1.0) & (y >= 0.5), 2.0, x),
    lambda x, y: np.abs(x) / (np.abs(x) + np.abs(y) + 1e-3),
)

LEAVES: tuple[Rule, ...] = (
    lambda cell, env, p: cell.fixed,
    lambda cell, env, p: cell.relaxing,
    lambda cell, env, p: cell.driven,
    lambda cell, env, p: cell.follower,
    lambda cell, env, p: cell.age / 10.0,
    lambda cell, env, p: 1.0 * cell.mark["seen"],
    lambda cell, env, p: env.time / 50.0,
    lambda cell, env, p: env.drug["drug"],
    lambda cell, env, p: p.a,
    lambda cell, env, p: 0.5,
)

SHARED: tuple[Rule, ...] = (
    lambda cell, env, p: env.pool["pool"],
    lambda cell, env, p: env.count["b"] / 1000.0,
    lambda cell, env, p: env.mean["a"].fixed,
)


def expression(rng: np.random.Generator, depth: int, leaves: tuple[Rule, ...]) -> Rule:
    """A random rule."""
    if depth == 0 or rng.random() < 0.1:
        return leaves[rng.integers(len(leaves))]
    if rng.random() < 0.4:
        unary, x = UNARY[rng.integers(len(UNARY))], expression(rng, depth - 1, leaves)
        return lambda cell, env, p: unary(x(cell, env, p))
    binary = BINARY[rng.integers(len(BINARY))]
    x, y = expression(rng, depth - 1, leaves), expression(rng, depth - 1, leaves)
    return lambda cell, env, p: binary(x(cell, env, p), y(cell, env, p))


def hazard(rng: np.random.Generator, leaves: tuple[Rule, ...], ceiling: float) -> Rule:
    """A random hazard: finite, not negative, and at most `ceiling`."""
    inner = expression(rng, int(rng.integers(1, 6)), leaves)
    return lambda cell, env, p: np.minimum(np.abs(inner(cell, env, p)), ceiling)


def random_model(rng: np.random.Generator) -> sn.Model:
    """Two fates, four traits, a mark, a drug, a pool, and six transitions with random hazards."""
    shared = bool(rng.random() < 0.5)
    leaves = LEAVES + SHARED if shared else LEAVES
    sources = (LEAVES[0], LEAVES[1], LEAVES[6], LEAVES[7])
    params = {"a": float(rng.lognormal())}

    def target() -> Rule:
        inner = expression(rng, 2, sources)
        return lambda cell, env, p: np.clip(inner(cell, env, p), -5.0, 5.0)

    jitter = expression(rng, 2, LEAVES[:1])
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
                set={"relaxing": lambda cell, env, p: np.tanh(jitter(cell, env, p))},
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
