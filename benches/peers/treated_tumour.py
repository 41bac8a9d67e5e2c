"""The treated tumour in NumPy and in numba: an hourly fixed step, each in its best honest form.

200,000 senescent cells, nine traits, 30 days, 15 daily boluses; hazards of a senolytic, of immune cells and of escape. Both are
first order in the step; Senescape is exact.
"""

import numpy as np

HOURS = 720


def cells(n, seed):
    """The cells' traits: the same arrays for every tool."""
    rng = np.random.default_rng(seed)
    sigma = {"depth": 0.5, "bclxl": 0.4, "mcl1": 0.6, "pdl1": 0.7, "pdl2": 0.7, "gal9": 0.7, "mhc": 0.5, "nkg": 0.5}
    traits = {name: np.exp(s * rng.standard_normal(n)).astype(np.float32) for name, s in sigma.items()}
    traits["lock"] = np.clip(rng.normal(0.5, 0.05, n), 0, 1).astype(np.float32)
    return traits


def environment():
    """Drug and effector cells at the middle of each hour."""
    t = np.arange(HOURS) + 0.5
    dosed = t[:, None] - 24.0 * np.arange(5, 20)
    drug = np.where(dosed >= 0, np.exp(-0.0408 * np.clip(dosed, 0, None)), 0).sum(axis=1)
    return drug.astype(np.float32), (1 + t / 100).astype(np.float32)


def run_numpy(traits, seed):
    """Vectorised over cells, hour by hour, with the dead taken out as they go."""
    rng = np.random.default_rng(seed)
    drug, effectors = environment()
    c = {name: x.copy() for name, x in traits.items()}
    depth = c["depth"]
    ec = np.float32(0.8) * (1 + c["mcl1"] / np.float32(0.7))
    senolytic = np.float32(0.02) * c["bclxl"]
    immune = np.float32(0.0004) * c["mhc"] / (c["mhc"] + np.float32(0.5))
    immune /= 1 + (c["pdl1"] + c["pdl2"] + c["gal9"]) / np.float32(1.5)
    nk = np.float32(0.0002) * c["nkg"]
    escape = np.float32(0.002) * (1 - c["lock"])
    decay = np.float32(np.exp(-0.003))
    out = np.zeros(3, np.int64)
    for hour in range(HOURS):
        h0 = senolytic * (drug[hour] / (drug[hour] + ec))
        h1 = immune * effectors[hour] + nk
        h2 = escape * np.exp(-3 * depth)
        total = h0 + h1 + h2
        gone = rng.random(len(depth), dtype=np.float32) < -np.expm1(-total)
        where = np.flatnonzero(gone)
        u = rng.random(len(where), dtype=np.float32) * total[where]
        cause = (u >= h0[where]).astype(np.int64) + (u >= h0[where] + h1[where])
        out += np.bincount(cause, minlength=3)
        depth = 3 + (depth - 3) * decay
        if len(where):
            kept = ~gone
            depth, ec, senolytic, immune, nk, escape = (x[kept] for x in (depth, ec, senolytic, immune, nk, escape))
    return out


def make_numba():
    """Compile the per-cell loop: one thread, fast mathematics, time innermost so that a dead cell costs nothing more."""
    import numba

    @numba.njit(fastmath=True)
    def loop(depth, bclxl, mcl1, pdl1, pdl2, gal9, mhc, nkg, lock, drug, effectors, seed):
        np.random.seed(seed)
        out = np.zeros(4, np.int64)
        decay = np.float32(np.exp(-0.003))
        for i in range(depth.shape[0]):
            d = depth[i]
            immune = np.float32(0.0004) * mhc[i] / (mhc[i] + np.float32(0.5))
            immune /= 1 + (pdl1[i] + pdl2[i] + gal9[i]) / np.float32(1.5)
            nk = np.float32(0.0002) * nkg[i]
            ec = np.float32(0.8) * (1 + mcl1[i] / np.float32(0.7))
            senolytic = np.float32(0.02) * bclxl[i]
            escape = np.float32(0.002) * (1 - lock[i])
            fate = 3
            for hour in range(drug.shape[0]):
                h0 = senolytic * drug[hour] / (drug[hour] + ec)
                h1 = immune * effectors[hour] + nk
                h2 = escape * np.exp(np.float32(-3) * d)
                total = h0 + h1 + h2
                if np.random.random() < 1 - np.exp(-total):
                    u = np.random.random() * total
                    fate = 0 if u < h0 else (1 if u < h0 + h1 else 2)
                    break
                d = 3 + (d - 3) * decay
            out[fate] += 1
        return out

    order = ("depth", "bclxl", "mcl1", "pdl1", "pdl2", "gal9", "mhc", "nkg", "lock")

    def run_numba(traits, seed):
        return loop(*(traits[name] for name in order), *environment(), seed)[:3]

    return run_numba
