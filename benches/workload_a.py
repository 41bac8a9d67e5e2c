"""The treated tumour in Senescape, numba and NumPy, in one run on one thread: prints times and ratios.

python -m benches.workload_a [--cells 200000] [--rounds 5]
"""

import argparse
import time

import numpy as np
import senescape as sn

from benches.peers.treated_tumour import cells, make_numba, run_numpy


def senolytic(cell, env, p):
    c = env.drug["drug"]
    return p.k * cell.bclxl * c / (c + p.ec50 * (1 + cell.mcl1 / p.weight))


def immune(cell, env, p):
    effectors = 1 + env.time / 100
    inhibition = 1 + (cell.pdl1 + cell.pdl2 + cell.gal9) / p.half
    return p.k_t * effectors * cell.mhc / (cell.mhc + 0.5) / inhibition + p.k_nk * cell.nkg


def escape(cell, env, p):
    return p.h0 * np.exp(-p.gamma * cell.depth) * (1 - cell.lock)


def tumour(traits):
    return sn.Model(
        fates=["senescent"],
        traits=[
            sn.Trait(name, x, flow=sn.relax(3.0, tau=1 / 0.003) if name == "depth" else None)
            for name, x in traits.items()
        ],
        drugs=[sn.Drug("drug", half_life=np.log(2) / 0.0408)],
        transitions=[
            sn.Death("senescent", senolytic, "senolysis", params={"k": 0.02, "ec50": 0.8, "weight": 0.7}),
            sn.Death("senescent", immune, "immune", params={"k_t": 0.0004, "half": 1.5, "k_nk": 0.0002}),
            sn.Transition("escape", "senescent", "dead", escape, params={"h0": 0.002, "gamma": 3.0}),
        ],
    )


DOSES = [sn.Dose("drug", 1.0, at=sn.days(day)) for day in range(5, 20)]


def run_senescape(model, n, seed):
    result = sn.simulate(
        model, initial={"senescent": n}, until=sn.days(30), every=sn.days(30), doses=DOSES, seed=seed, threads=1
    )
    return result.events[0, -1]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    traits = cells(arguments.cells, seed=1)
    model = tumour(traits)
    run_numba = make_numba()
    run_numba(cells(10, seed=1), 0)
    tools = {
        "senescape": lambda seed: run_senescape(model, arguments.cells, seed),
        "numba, 1 h step": lambda seed: run_numba(traits, seed),
        "NumPy, 1 h step": lambda seed: run_numpy(traits, seed),
    }
    times = {name: [] for name in tools}
    counts = {}
    # In turn, so that a machine whose speed drifts is fair to all.
    for seed in range(arguments.rounds):
        for name, run in tools.items():
            begin = time.perf_counter()
            counts[name] = run(seed)
            times[name].append(time.perf_counter() - begin)
    base = np.median(times["senescape"])
    print(f"{'':18} {'median s':>9} {'ratio':>7}   senolysis / immune / escape")
    for name in tools:
        median = np.median(times[name])
        print(f"{name:18} {median:>9.4f} {median / base:>6.1f}x   {' / '.join(f'{n:,}' for n in counts[name])}")


if __name__ == "__main__":
    main()
