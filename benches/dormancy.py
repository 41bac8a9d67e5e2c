"""A year of dormancy, rare events in many cells: prints time per cell and day, and memory. One thread.

python -m benches.dormancy [--cells 1e6]
"""

import argparse
import resource
import time

import numpy as np
import senescape as sn

SIGMAS = {"pdl1": 0.7, "pdl2": 0.7, "gal9": 0.7, "mhc": 0.5, "nkg": 0.5}


def immune(cell, env, p):
    effectors = 1 + 0.5 * np.sin(env.time / 200)
    inhibition = 1 + (cell.pdl1 + cell.pdl2 + cell.gal9) / 1.5
    return 2e-5 * effectors * cell.mhc / (cell.mhc + 0.5) / inhibition + 2e-6 * cell.nkg


def escape(cell, env, p):
    return 1e-5 * np.exp(-3 * cell.depth) * (1 - cell.lock)


def tumour():
    traits = [sn.Trait(name, sn.LogNormal(median=1.0, sigma=sigma)) for name, sigma in SIGMAS.items()]
    return sn.Model(
        fates=["senescent"],
        traits=[
            sn.Trait("depth", sn.LogNormal(median=1.0, sigma=0.5), flow=sn.relax(3.0, tau=1 / 0.003)),
            sn.Trait("lock", sn.Normal(0.5, 0.05, 0.0, 1.0)),
            *traits,
        ],
        transitions=[sn.Death("senescent", immune, "immune"), sn.Transition("escape", "senescent", "dead", escape)],
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=float, default=1e6)
    n = int(parser.parse_args().cells)
    begin = time.perf_counter()
    year = sn.days(365)
    result = sn.simulate(
        tumour(), initial={"senescent": n}, until=year, every=year, seed=1, threads=1, max_cells=max(n, 1)
    )
    seconds = time.perf_counter() - begin
    immune_share, escaped = result.events[0, -1] / n
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{n:,} dormant cells for a year: {seconds:.2f} s, {1e9 * seconds / n / 365:.2f} ns per cell and day, {memory:.0f} MB; "
        f"{immune_share:.2%} removed, {escaped * 1e5:.1f} in 100,000 escaped"
    )


if __name__ == "__main__":
    main()
