"""Models that several tests use."""

import numpy as np
import senescape as sn


def everything() -> sn.Model:
    """A small model with every feature of the plain model."""

    def kill(cell, env, p):
        bound = sn.hill(env.drug["senolytic"], p.ec50)
        return p.kmax * bound * cell.bcl_xl / (cell.bcl_xl + cell.mcl1)

    def immune(cell, env, p):
        return p.k * env.pool["t_cells"] / (1 + cell.pd_l1)

    def escape(cell, env, p):
        return p.h0 * np.exp(-p.gamma * cell.depth) * np.where(cell.mark["primed"], 0.5, 1.0)

    def grow(cell, env, p):
        return p.b * np.maximum(0.0, 1.0 - (env.count["cycling"] + env.count["senescent"]) / p.capacity)

    return sn.Model(
        fates=["cycling", "senescent"],
        traits=[
            sn.Trait("depth", 0.0, flow=sn.relax(1.0, tau=sn.days(3), fate="senescent")),
            sn.Trait("bcl_xl", sn.LogNormal(1.0, 0.3), inherit=sn.ar1(0.8)),
            sn.Trait("mcl1", sn.LogNormal(0.9, 0.6), inherit=sn.ar1(0.8)),
            sn.Trait("pd_l1", sn.Gamma(2.0, 0.5), inherit=sn.ar1(0.7)),
            sn.Trait(
                "damage",
                0.0,
                flow=sn.relax(lambda cell, env, p: p.drive * env.drug["chemo"], tau=12.0, params={"drive": 1.5}),
                inherit=sn.scaled(0.6),
            ),
        ],
        drugs=[
            sn.Drug("chemo"),
            sn.Drug("senolytic", half_life=17.0, absorption_half_life=2.0, k12=0.05, k21=0.03),
        ],
        pools=[
            sn.Pool(
                "t_cells",
                initial=0.5,
                rate=lambda env, p: p.influx * env.sum["senescent"].depth - p.decay * env.pool["t_cells"],
                params={"influx": 2e-4, "decay": 0.02},
            )
        ],
        transitions=[
            sn.Division("cycling", grow, params={"b": 0.04, "capacity": 2000.0}),
            sn.Transition(
                "arrest", "cycling", "senescent", lambda cell, env, p: p.k * sn.hill(cell.damage, 0.5, 2),
                mark="primed", set={"depth": 0.0}, params={"k": 0.2},
            ),
            sn.Death("senescent", kill, "senolysis", "intrinsic", params={"kmax": 0.05, "ec50": 0.3}),
            sn.Death("senescent", immune, "t_cell", "immune", params={"k": 0.01}),
            sn.Transition(
                "escape", "senescent", "cycling", escape, barrier="arrest", mark="ever_senescent",
                set={"damage": 0.0}, params={"h0": 0.02, "gamma": 3.0},
            ),
            sn.Death(["cycling", "senescent"], 1e-3, "turnover"),
        ],
        observables=[sn.Observable("depth", "senescent", "depth"), sn.Observable("burden", "cycling", kind="count")],
    )  # fmt: skip


RUN = {
    "initial": {"cycling": 200},
    "until": sn.days(12),
    "every": sn.days(1),
    "doses": [
        sn.Pulse("chemo", 1.0, start=24, duration=24),
        sn.Dose("senolytic", 1.0, at=100, route="oral"),
        sn.Dose("senolytic", 1.0, at=150, route="infusion", duration=10),
        sn.Dose("senolytic", 1.0, at=200),
    ],
}
"""A run of it."""
