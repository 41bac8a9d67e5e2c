"""Write the documents of models and runs whose results are kept, hash by hash, in rust/senescape-core/tests/kept.

    python -m tools.kept_models FOLDER

The documents there stand still: they are what the engine's results are held against from one version to the next. Run this for
another set, or to add a model; never to make a failing test pass.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import senescape as sn
from senescape.scenarios.scenario import load
from senescape.simulation.run_document import run_document

from tests.models import RUN, everything
from tools.random_rules import random_model, settings_of

NOTHING: dict[str, Any] = dict.fromkeys(
    ("initial", "until", "every", "observe", "sync", "doses", "max_cells", "relapse", "visits")
)


def distributions() -> tuple[sn.Model, dict[str, Any]]:
    """Every distribution, at the start and when set, and every kind of inheritance."""
    drawn = {
        "normal": sn.Normal(2.0, 1.0),
        "truncated": sn.Normal(1.0, 1.0, low=0.2, high=1.4),
        "lognormal": sn.LogNormal(1.0, 0.5),
        "uniform": sn.Uniform(0.5, 1.5),
        "integers": sn.Integers(1, 4),
        "beta": sn.Beta(2.0, 0.7),
        "gamma": sn.Gamma(0.6, 2.0),
        "exponential": sn.Exponential(1.5),
        "bernoulli": sn.Bernoulli(0.3),
    }
    inherit = [sn.copy(), sn.ar1(0.5), sn.scaled(0.5), sn.reset()]
    heirs = {"normal": sn.ar1(0.5), "lognormal": sn.ar1(0.9)}
    traits = [
        sn.Trait(name, dist, inherit=heirs.get(name, inherit[(0, 2, 3)[i % 3]]))
        for i, (name, dist) in enumerate(drawn.items())
    ]
    traits += [
        sn.Trait("measured", np.linspace(0.1, 2.0, 300)),
        sn.Trait("told", lambda cell, env, p: cell.uniform * p.k + cell.measured, params={"k": 2.0}),
    ]
    names = [*drawn, "measured", "told"]

    def rate(cell: Any, env: Any, p: Any) -> Any:
        return 0.004 * sum(abs(getattr(cell, name)) for name in names)

    model = sn.Model(
        fates=["a", "b"],
        marks=["moved", "back"],
        traits=traits,
        transitions=[
            sn.Division("a", 0.02),
            sn.Transition("go", "a", "b", rate, mark="moved", set=dict(drawn)),
            sn.Transition(
                "come", "b", "a", lambda cell, env, p: 0.03 * np.where(cell.mark["moved"], 1.0, 2.0), mark="back",
                unmark="moved",
            ),
            sn.Death(["a", "b"], lambda cell, env, p: 0.0005 * cell.age, "age", "intrinsic"),
        ],
        observables=[
            sn.Observable(f"{name}_{fate}_{kind}", fate, name, kind=kind)
            for name in ("beta", "told")
            for fate in ("a", "b")
            for kind in ("mean", "sum")
        ]
        + [sn.Observable("n", "a", kind="count")],
    )  # fmt: skip
    return model, {"initial": {"a": 200, "b": 100}, "until": 60.0, "every": 10.0}


def drugs() -> tuple[sn.Model, dict[str, Any]]:
    """Every route into one and two compartments, overlapping, with an event in each of many windows."""
    kinds = {
        "bolus": sn.Drug("bolus", half_life=5.0, volume=2.0),
        "two": sn.Drug("two", half_life=9.0, k12=0.1, k21=0.04),
        "oral": sn.Drug("oral", half_life=8.0, absorption_half_life=1.5, bioavailability=0.4),
        "both": sn.Drug("both", half_life=8.0, absorption_half_life=3.0, k12=0.2, k21=0.1),
        "pulse": sn.Drug("pulse"),
    }

    def kill(cell: Any, env: Any, p: Any) -> Any:
        return 0.01 * sum(sn.hill(env.drug[name], 0.4, 1.5) for name in kinds)

    model = sn.Model(
        fates=["a"],
        drugs=list(kinds.values()),
        transitions=[sn.Division("a", 0.01), sn.Death("a", kill, "drugs")],
    )
    doses = [
        sn.Dose("bolus", 3.0, at=0.0),
        sn.Dose("bolus", 1.0, at=7.0),
        sn.Dose("two", 2.0, at=5.0, route="infusion", duration=12.0),
        sn.Dose("two", 2.0, at=11.0),
        sn.Dose("oral", 4.0, at=3.0, route="oral"),
        sn.Dose("oral", 1.0, at=3.5, route="infusion", duration=1.0),
        sn.Dose("both", 4.0, at=20.0, route="oral"),
        sn.Dose("both", 4.0, at=32.0, route="oral"),
        sn.Pulse("pulse", 1.0, start=30.0, duration=6.0),
        sn.Pulse("pulse", 0.5, start=33.0, duration=6.0),
    ]
    return model, {"initial": {"a": 500}, "until": 60.0, "every": 3.0, "doses": doses}


def stops() -> tuple[sn.Model, dict[str, Any]]:
    """Replicates that end by relapse, by eradication, by the cap and at the horizon."""
    model = sn.Model(
        fates=["a", "b"],
        traits=[sn.Trait("x", sn.Gamma(1.0, 1.0), inherit=sn.ar1(0.9))],
        transitions=[
            sn.Division("a", 0.05),
            sn.Death("a", lambda cell, env, p: 0.035 * cell.x, "x"),
            sn.Transition("rest", "a", "b", 0.012),
            sn.Transition("wake", "b", "a", 0.012),
        ],
    )
    relapse = sn.Relapse(above=60.0, fates="a", after=30.0)
    return model, {"initial": {"a": 6}, "until": 150.0, "every": 10.0, "max_cells": 70, "relapse": relapse, "sync": 5.0}


def runaway() -> tuple[sn.Model, dict[str, Any]]:
    """Cells that are too many before an epoch ends."""
    model = sn.Model(
        fates=["a"], transitions=[sn.Division("a", lambda cell, env, p: np.where(env.time < 48, 0.001, 1.0))]
    )
    return model, {"initial": {"a": 300}, "until": 240.0, "every": 12.0, "max_cells": 1000}


def closed() -> tuple[sn.Model, dict[str, Any]]:
    """Traits that move in closed forms only, and events that carry them over, pass them on and read them."""
    model = sn.Model(
        fates=["a", "b"],
        traits=[
            sn.Trait("x", sn.LogNormal(1.0, 0.4), flow=[sn.relax(2.0, tau=30.0), sn.relax(0.2, tau=10.0, fate="b")]),
            sn.Trait("y", sn.Uniform(0.0, 1.0), flow=sn.relax(0.5, tau=20.0, fate="b"), inherit=sn.scaled(0.5)),
        ],
        transitions=[
            sn.Division("a", lambda cell, env, p: 0.02 * cell.x),
            sn.Transition("go", "a", "b", lambda cell, env, p: 0.05 * cell.x * cell.y, set={"y": lambda cell, env, p: cell.x}),
            sn.Transition("come", "b", "a", lambda cell, env, p: 0.04 / (0.5 + cell.x)),
            sn.Death("b", lambda cell, env, p: 0.02 * cell.y, "y"),
        ],
    )  # fmt: skip
    return model, {"initial": {"a": 150, "b": 50}, "until": 96.0, "every": 8.0}


def outside() -> tuple[sn.Model, dict[str, Any]]:
    """A rule that is called and visits: the test answers for both."""
    model = sn.Model(
        fates=["a", "b"],
        traits=[sn.Trait("x", sn.Uniform(0.5, 1.5), flow=sn.relax(2.0, tau=50.0))],
        drugs=[sn.Drug("d", half_life=10.0)],
        transitions=[
            sn.Death("a", lambda cell, env, p: 0.02 * cell.x, cause="called", traced=False),
            sn.Death("a", lambda cell, env, p: 0.05 * env.drug["d"], cause="drug"),
            sn.Transition("go", "a", "b", 0.01),
            sn.Division("b", 0.01),
        ],
        visits=[sn.VisitRule("nothing", lambda visit, p: None)],
    )
    return model, {"initial": {"a": 200}, "until": 60.0, "every": 5.0, "visits": 15.0, "sync": 3.0}


def document(model: sn.Model, settings: dict[str, Any], seed: int, replicates: int = 3, **more: Any) -> dict[str, Any]:
    """Give what the core reads."""
    run = run_document(model, {**NOTHING, **settings}, replicates, 0, seed, 1, 1e-4)
    columns = [[float(x) for x in column] for column in model.columns]
    return {"model": json.loads(model.to_json()), "run": {**run, **more}, "columns": columns}


def documents() -> dict[str, dict[str, Any]]:
    """Give all, by name."""
    found = {
        "everything": document(everything(), RUN, 1),
        "cuts": document(everything(), RUN, 2, cuts=[30.0, 110.5], split=110.5),
        "distributions": document(*distributions(), 3),
        "drugs": document(*drugs(), 4),
        "stops": document(*stops(), 5, replicates=24),
        "runaway": document(*runaway(), 8),
        "outside": document(*outside(), 6),
        "closed": document(*closed(), 9),
    }
    for i in range(8):
        rng = np.random.default_rng(100 + i)
        model = random_model(rng)
        found[f"random-{i}"] = document(model, settings_of(rng), 10 + i, replicates=2)
    for name, initial in (("mcf7-doxorubicin", 150), ("human-neoadjuvant-doxorubicin", 300)):
        scenario = load(name)
        settings = {**scenario.settings(), "until": 24.0 * 30}
        settings["initial"] = {fate: min(n, initial) for fate, n in settings["initial"].items()}
        found[name] = document(scenario.model, {**settings, "observe": None, "every": 48.0}, 7, replicates=1)
    return found


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    for name, content in documents().items():
        (folder / f"{name}.json").write_text(json.dumps(content, separators=(",", ":")) + "\n")
