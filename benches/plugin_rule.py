"""A plugin's rule against the same rule built in, and against the slow path, in one run on one thread.

python -m benches.plugin_rule [--cells 200000] [--rounds 5]

Built in or not: the MCF7 preset with every rule of the built-in biology, and with its escape rule taken out and given by a
plugin. Compiled or called: the treated tumour of `benches.workload_a` with its rules from a plugin, compiled, and with
`traced=False`. Called rules hold for an epoch, so epochs of 1 h are needed for counts that are right to a percent or two;
epochs of 24 h are shown too.
"""

import argparse
import time
from types import SimpleNamespace

import numpy as np
import senescape as sn
from senescape import biology

from benches.peers.treated_tumour import cells
from benches.workload_a import DOSES, escape, immune, senolytic


def without_escape():
    """The built-in biology without its escape rule."""
    hooks = {name: getattr(biology, name) for name in biology.__all__ if name != "senescape_escapes"}
    return SimpleNamespace(**hooks)


def only_escape():
    """The escape rule alone, as a plugin would bring it."""
    return SimpleNamespace(senescape_escapes=biology.senescape_escapes)


def treated_tumour(traits, traced):
    """The treated tumour of the benchmarks as a plugin."""

    def flow(name):
        return sn.relax(3.0, tau=1 / 0.003) if name == "depth" else None

    class Plugin:
        @sn.hookimpl
        def senescape_fates(self):
            return ["senescent"]

        @sn.hookimpl
        def senescape_traits(self):
            return [sn.Trait(name, x, flow=flow(name)) for name, x in traits.items()]

        @sn.hookimpl
        def senescape_drugs(self):
            return [sn.Drug("drug", half_life=np.log(2) / 0.0408)]

        @sn.hookimpl
        def senescape_transitions(self):
            k, inhibited = {"k": 0.02, "ec50": 0.8, "weight": 0.7}, {"k_t": 0.0004, "half": 1.5, "k_nk": 0.0002}
            return [
                sn.Death("senescent", senolytic, "senolysis", "intrinsic", params=k, traced=traced),
                sn.Death("senescent", immune, "immune", "immune", params=inhibited, traced=traced),
                sn.Transition(
                    "escape", "senescent", "dead", escape, "arrest", params={"h0": 0.002, "gamma": 3.0}, traced=traced
                ),
            ]

    return Plugin()


def timed(run, rounds):
    """The shortest of some runs (s), and what the last gave."""
    run()
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        result = run()
        times.append(time.perf_counter() - begun)
    return min(times), result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    sn.register_plugin("rest", without_escape())
    sn.register_plugin("escape-rule", only_escape())
    preset = sn.load("mcf7-doxorubicin")
    apart = preset.model_copy(update={"plugins": ("rest", "escape-rule")})
    runs = {"built in": preset, "from a plugin": sn.Scenario.model_validate(apart.model_dump())}
    times = {name: [] for name in runs}
    for _ in range(arguments.rounds):
        # By turns, so that a busy machine slows both.
        for name, scenario in runs.items():
            seconds, _ = timed(lambda scenario=scenario: sn.simulate(scenario, seed=1, threads=1), 1)
            times[name].append(seconds)
    built_in, plugin = (min(times[name]) for name in runs)
    print(
        f"MCF7 preset: escape rule built in {built_in:.4f} s, from a plugin {plugin:.4f} s, ratio {plugin / built_in:.3f}"
    )

    traits = cells(arguments.cells, seed=1)
    settings = {"initial": {"senescent": arguments.cells}, "until": 720.0, "every": 720.0}
    found = {}
    for name, traced, sync in (
        ("compiled", True, 24.0),
        ("called, epochs of 24 h", False, 24.0),
        ("called, epochs of 1 h", False, 1.0),
    ):
        sn.register_plugin("tumour", treated_tumour(traits, traced))
        scenario = sn.Scenario(plugins=("tumour",), sync=sync, **settings)
        model = scenario.model

        def run(model=model, sync=sync):
            return sn.simulate(model, doses=DOSES, seed=1, threads=1, sync=sync, **settings)

        seconds, result = timed(run, arguments.rounds if traced else 1)
        found[name] = seconds
        print(
            f"treated tumour, {name}: {seconds:.4f} s, {result.events[0, -1].tolist()} events, {seconds / found['compiled']:.1f}x"
        )


if __name__ == "__main__":
    main()
