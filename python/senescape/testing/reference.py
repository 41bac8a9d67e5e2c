"""A slow, readable simulator of the same models by another algorithm: small fixed steps.

It shares nothing with the engine but the model's document: rules are evaluated by NumPy in double precision, drugs are
integrated as compartments, pools by small explicit steps, and in each step a cell has at most one event. Its law is right
to first order in the step; the engine is tested against it, law against law. It is thousands of times slower.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from senescape.model.drugs import Dose, Pulse
from senescape.model.model import Model
from senescape.rules.arrays import Cells, Environment, Values
from senescape.rules.evaluator import evaluate

__all__ = ["ReferenceResult", "simulate"]

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class ReferenceResult:
    """What the reference simulator gives.

    Attributes
    ----------
    time : ndarray, shape (time,)
        Hours.
    counts : ndarray of int64, shape (replicate, time, fate)
        Cells alive.
    events : ndarray of int64, shape (replicate, time, transition)
        Events since the start.
    pools : ndarray, shape (replicate, time, pool)
        Pools.
    sums : ndarray, shape (replicate, time, fate, trait)
        Sums of traits over the cells of each fate.
    """

    time: Array
    counts: Array
    events: Array
    pools: Array
    sums: Array


def simulate(
    model: Model,
    *,
    initial: Mapping[str, int],
    until: float,
    every: float,
    doses: Sequence[Dose | Pulse] = (),
    replicates: int = 1,
    seed: int | None = None,
    dt: float = 0.05,
) -> ReferenceResult:
    """Simulate a model by small steps.

    Parameters
    ----------
    model : Model
        What to run.
    initial, until, every, doses, replicates, seed
        As for :func:`senescape.simulate`; `until` must be a multiple of `every`.
    dt : float
        The step (h); `every` must be a multiple of it.

    Returns
    -------
    ReferenceResult
    """
    rng = np.random.default_rng(seed)
    runs = [_Replicate(model, initial, doses, rng, dt).run(until, every) for _ in range(replicates)]
    parts = [np.stack([run[i] for run in runs]) for i in range(4)]
    return ReferenceResult(np.arange(round(until / every) + 1) * every, *parts)


class _Replicate:
    """One tumour: all cells as columns of one table."""

    def __init__(
        self,
        model: Model,
        initial: Mapping[str, int],
        doses: Sequence[Dose | Pulse],
        rng: np.random.Generator,
        dt: float,
    ) -> None:
        self.document = model.to_document()
        self.model = model
        self.params = model.parameter_values()
        self.rng = rng
        self.dt = dt
        self.doses = doses
        self.now = 0.0
        n = [initial.get(fate, 0) for fate in model.fates]
        self.fate = np.repeat(np.arange(len(n)), n)
        self.age = np.zeros(sum(n))
        self.marks = np.zeros((sum(n), len(model.marks)), dtype=bool)
        self.traits = np.zeros((sum(n), len(model.traits)))
        # Central, peripheral and depot amounts of each drug.
        self.amounts = np.zeros((len(model.drugs), 3))
        self.pools = np.array([self.fixed(pool["initial"]) for pool in self.document["pools"]])
        self.events = np.zeros(len(self.document["transitions"]), dtype=np.int64)
        for i, trait in enumerate(self.document["traits"]):
            self.traits[:, i] = self.draw(trait["initial"], np.arange(sum(n)))

    def fixed(self, node: int) -> float:
        """Return a node that reads parameters only."""
        return float(evaluate(self.document["nodes"], [node], lambda which: np.nan, self.params)[0])

    def value(self, node: int, cells: Array, at: float | None = None) -> Array:
        """Return a node's values for some cells (row numbers)."""
        time = self.now if at is None else at

        def read(which: Any) -> Any:
            if which == "age":
                return self.age[cells] + (time - self.now)
            if which == "time":
                return time
            ((kind, index),) = which.items()
            match kind:
                case "slow":
                    return self.called(index, cells)
                case "trait":
                    return self.traits[cells, index]
                case "mark":
                    return self.marks[cells, index].astype(float)
                case "drug":
                    return self.concentration(index, time)
                case "pool":
                    return self.pools[index]
                case "count":
                    return float(np.sum(self.fate == index))
            inside = self.traits[self.fate == index["fate"], index["of"]]
            return inside.sum() if kind == "sum" else (inside.mean() if len(inside) else 0.0)

        out = evaluate(self.document["nodes"], [node], read, self.params)[0]
        return np.broadcast_to(out, cells.shape).astype(float)

    def called(self, index: int, cells: Array) -> Array:
        """Return what a hazard that is not compiled says of some cells."""
        slow = self.model.slow_rules[index]
        names = [trait["name"] for trait in self.document["traits"]]
        cell = Cells(
            {name: self.traits[cells, i] for i, name in enumerate(names)},
            age=self.age[cells],
            marks={name: self.marks[cells, i] for i, name in enumerate(self.model.marks)},
        )
        sums = {
            fate: dict(zip(names, self.traits[self.fate == f].sum(axis=0), strict=True))
            for f, fate in enumerate(self.model.fates)
        }
        counts = {fate: int(np.sum(self.fate == f)) for f, fate in enumerate(self.model.fates)}
        env = Environment(
            time=self.now,
            drug={drug.name: self.concentration(i, self.now) for i, drug in enumerate(self.model.drugs)},
            pool={pool.name: self.pools[i] for i, pool in enumerate(self.model.pools)},
            count=counts,
            sum=sums,
            mean={fate: {k: x / max(counts[fate], 1) for k, x in values.items()} for fate, values in sums.items()},
        )
        parameters = self.model.parameters
        return slow.rule.evaluate(cell, env, Values({k: parameters[full].value for k, full in slow.params.items()}))

    def draw(self, dist: Mapping[str, Any], cells: Array) -> Array:
        """Return values of a distribution, a rule or a column."""
        rng, n = self.rng, len(cells)
        p = {k: self.fixed(v) for k, v in dist.items() if k not in ("kind", "index", "value") and v is not None}
        match dist["kind"]:
            case "rule":
                return self.value(dist["value"], cells)
            case "column":
                return np.asarray(self.model.columns[dist["index"]][cells], dtype=float)
            case "normal":
                return np.clip(rng.normal(p["mean"], p["sd"], n), p.get("low", -np.inf), p.get("high", np.inf))
            case "lognormal":
                return p["median"] * np.exp(p["sigma"] * rng.standard_normal(n))
            case "uniform":
                return rng.uniform(p["low"], p["high"], n)
            case "integers":
                return rng.integers(int(p["low"]), int(p["high"]) + 1, n).astype(float)
            case "beta":
                return rng.beta(p["a"], p["b"], n)
            case "gamma":
                return rng.gamma(p["shape"], p["scale"], n)
            case "exponential":
                return rng.exponential(p["mean"], n)
            case "bernoulli":
                return (rng.random(n) < p["p"]).astype(float)
        raise ValueError(dist["kind"])

    def concentration(self, drug: int, time: float) -> float:
        """Central amount over volume, and pulses that are on."""
        of = self.document["drugs"][drug]
        held = [
            p.concentration
            for p in self.doses
            if isinstance(p, Pulse) and p.drug == of["name"] and p.start <= time < p.start + p.duration
        ]
        return float(self.amounts[drug, 0] / self.fixed(of["volume"]) + sum(held))

    def run(self, until: float, every: float) -> tuple[Array, Array, Array, Array]:
        """Step to the horizon, observing on the way."""
        steps, between = round(until / self.dt), round(every / self.dt)
        rows: list[tuple[Array, ...]] = []
        for step in range(steps + 1):
            self.now = step * self.dt
            if step % between == 0:
                fates = range(len(self.model.fates))
                counts = np.array([np.sum(self.fate == f) for f in fates])
                sums = np.array([self.traits[self.fate == f].sum(axis=0) for f in fates])
                rows.append((counts, self.events.copy(), self.pools.copy(), sums))
            if step < steps:
                self.step()
        counts_, events, pools, sums_ = (np.stack(column) for column in zip(*rows, strict=True))
        return counts_, events, pools, sums_

    def step(self) -> None:
        """Make one step: half of what moves smoothly, then events with the hazards of the middle, then the other half."""
        self.give_doses()
        self.drift(0.5 * self.dt)
        self.happen()
        self.drift(0.5 * self.dt)
        self.age += self.dt

    def give_doses(self) -> None:
        """Give the doses whose time falls into this step."""
        for dose in self.doses:
            if isinstance(dose, Dose) and self.now - 1e-9 <= dose.at < self.now + self.dt - 1e-9:
                drug = next(i for i, d in enumerate(self.model.drugs) if d.name == dose.drug)
                route = self.model.drugs[drug].route_of(dose)
                share = self.fixed(self.document["drugs"][drug]["bioavailability"]) if route == "oral" else 1.0
                if route != "infusion":
                    self.amounts[drug, 2 if route == "oral" else 0] += share * dose.amount

    def drift(self, h: float) -> None:
        """Move drugs, pools and traits on by `h` hours."""
        for i, drug in enumerate(self.document["drugs"]):
            self.amounts[i] = self.kinetics(i, drug, self.amounts[i], h)
        everyone = np.zeros(1, dtype=int)
        rates = (
            [float(self.value(pool["rate"], everyone)[0]) for pool in self.document["pools"]] if len(self.fate) else []
        )
        for i, trait in enumerate(self.document["traits"]):
            for f in range(len(self.model.fates)):
                flow = next((x for x in trait["flows"] if x["fate"] == f), None)
                flow = flow or next((x for x in trait["flows"] if x["fate"] is None), None)
                cells = np.flatnonzero(self.fate == f)
                if flow is None or not len(cells):
                    continue
                target = self.value(flow["target"], cells)
                self.traits[cells, i] += (target - self.traits[cells, i]) * -np.expm1(-h / self.fixed(flow["tau"]))
        if rates:
            self.pools = self.pools + h * np.array(rates)

    def kinetics(self, index: int, drug: Mapping[str, Any], amounts: Array, h: float) -> Array:
        """Compartments for `h` hours by one Runge-Kutta step of fourth order."""
        names = ("elimination", "k12", "k21", "absorption")
        out, k12, k21, ka = (0.0 if drug[name] is None else self.fixed(drug[name]) for name in names)
        rate = sum(
            dose.amount / dose.duration
            for dose in self.doses
            if isinstance(dose, Dose)
            and dose.drug == drug["name"]
            and dose.duration is not None
            and self.model.drugs[index].route_of(dose) == "infusion"
            and dose.at - 1e-9 <= self.now < dose.at + dose.duration - 1e-9
        )

        def slope(y: Array) -> Array:
            exchange = k12 * y[0] - k21 * y[1]
            return np.array([ka * y[2] - out * y[0] - exchange + rate, exchange, -ka * y[2]])

        a = slope(amounts)
        b = slope(amounts + 0.5 * h * a)
        c = slope(amounts + 0.5 * h * b)
        d = slope(amounts + h * c)
        return np.asarray(amounts + h / 6 * (a + 2 * b + 2 * c + d))

    def happen(self) -> None:
        """Apply the events of one step: at most one a cell, with the hazards as they stand."""
        middle = self.now + 0.5 * self.dt
        born: list[tuple[Array, ...]] = []
        gone = np.zeros(len(self.fate), dtype=bool)
        before = self.fate.copy()
        for f in range(len(self.model.fates)):
            cells = np.flatnonzero(before == f)
            leaving = [k for k, t in enumerate(self.document["transitions"]) if t["source"] == f]
            if not len(cells) or not leaving:
                continue
            hazards = np.stack([self.value(self.document["transitions"][k]["hazard"], cells, middle) for k in leaving])
            total = hazards.sum(axis=0)
            hit = self.rng.random(len(cells)) < -np.expm1(-total * self.dt)
            level = self.rng.random(len(cells)) * total
            which = np.minimum((level >= np.cumsum(hazards, axis=0)).sum(axis=0), len(leaving) - 1)
            for column, k in enumerate(leaving):
                chosen = cells[hit & (which == column)]
                if len(chosen):
                    self.events[k] += len(chosen)
                    self.effect(self.document["transitions"][k], chosen, gone, born)
        alive = ~gone
        parts = [(self.fate[alive], self.age[alive], self.marks[alive], self.traits[alive]), *born]
        self.fate, self.age, self.marks, self.traits = (np.concatenate(column) for column in zip(*parts, strict=True))

    def effect(self, t: Mapping[str, Any], cells: Array, gone: Array, born: list[tuple[Array, ...]]) -> None:
        """Apply what a transition does to the cells it happens to."""
        if t["kind"] == "death":
            gone[cells] = True
            return
        if t["kind"] == "move":
            self.change(t, cells)
            if t["target"] != t["source"]:
                self.fate[cells] = t["target"]
                self.age[cells] = 0.0
            return
        mothers = self.traits[cells].copy()
        marks = self.marks[cells].copy()
        self.fate[cells] = t["source"] if t["target"] is None else t["target"]
        for which in range(2):
            self.traits[cells] = mothers
            inherited = [self.inherited(trait, cells, mothers[:, i]) for i, trait in enumerate(self.document["traits"])]
            for i, column in enumerate(inherited):
                self.traits[cells, i] = column
            self.marks[cells] = marks
            self.age[cells] = 0.0
            self.change(t, cells)
            if which == 0:
                born.append((self.fate[cells], self.age[cells], self.marks[cells], self.traits[cells]))

    def inherited(self, trait: Mapping[str, Any], cells: Array, mother: Array) -> Array:
        """Return a daughter's value of a trait."""
        rule, start = trait["inherit"], trait["initial"]
        match rule["kind"]:
            case "copy":
                return mother
            case "scaled":
                return mother * self.fixed(rule["factor"])
            case "reset":
                return self.draw(start, cells)
            case "rule":
                return self.value(rule["value"], cells)
        rho = self.fixed(rule["rho"])
        noise = np.sqrt(1 - rho * rho) * self.rng.standard_normal(len(cells))
        if start["kind"] == "lognormal":
            mu, sigma = np.log(self.fixed(start["median"])), self.fixed(start["sigma"])
            return np.asarray(np.exp(mu + rho * (np.log(mother) - mu) + sigma * noise))
        if start["kind"] == "normal":
            mu, sigma = self.fixed(start["mean"]), self.fixed(start["sd"])
            return np.asarray(mu + rho * (mother - mu) + sigma * noise)
        return np.where(self.rng.random(len(cells)) < rho, mother, self.draw(start, cells))

    def change(self, t: Mapping[str, Any], cells: Array) -> None:
        """Set traits and marks; all read the cells as they were."""
        values = [(s["trait"], self.draw(s["value"], cells)) for s in t["set"]]
        for trait, value in values:
            self.traits[cells, trait] = value
        self.marks[np.ix_(cells, t["mark"])] = True
        self.marks[np.ix_(cells, t["unmark"])] = False
