"""What the engine calls in Python during a run: rules on the slow path, and visits."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from senescape.errors import SenescapeError, SimulationError
from senescape.model.drugs import Dose, Pulse
from senescape.rules.arrays import Cells, Environment, Items, Lazy, Values
from senescape.rules.evaluator import evaluate, reader
from senescape.rules.source_location import raised_at
from senescape.simulation.watchdog import Overtime, Watchdog

if TYPE_CHECKING:
    from senescape.model.model import Model
    from senescape.results.result import Orders
    from senescape.rules.rule import Rule

__all__ = ["Callbacks", "CellView"]


class CellView(Cells):
    """The cells of one fate in a run, as read-only columns that are made or shown when they are first read.

    Attributes
    ----------
    clone : ndarray of uint32, shape (cell,)
        The founder that each descends from.
    """

    __slots__ = ()

    def __init__(self, columns: Lazy) -> None:
        Values.__init__(self, columns, "cell", "trait")

    def __len__(self) -> int:
        return len(self.age)


class Callbacks:
    """Answers the engine's calls of one run.

    Parameters
    ----------
    model : Model
        What runs.
    doses : sequence of Dose or Pulse
        The treatment as planned before the first visit.
    document : callable
        Writes a dose as the engine reads it.
    limit : float
        Seconds that a call may take.
    earlier : mapping of int to list, optional
        The doses of replicates that were visited before the run was stopped, as the engine reads them.

    Attributes
    ----------
    doses : dict of int to list
        The doses of each replicate that was visited.
    """

    def __init__(
        self,
        model: Model,
        doses: Sequence[Dose | Pulse],
        document: Callable[[Dose | Pulse], Mapping[str, Any]],
        limit: float,
        earlier: Orders | None = None,
    ) -> None:
        self.model = model
        self.doses: dict[int, list[Dose | Pulse]] = {}
        self.watchdog = Watchdog(limit)
        self._planned = tuple(doses)
        self._write = document
        self._earlier = dict(earlier or {})
        self._layout = model.document
        self._memory: dict[tuple[int, str], dict[str, Any]] = {}
        self._lock = threading.Lock()

    def orders(self) -> Orders:
        """Give the doses of each replicate that was visited, as the engine reads them."""
        # Copied at once: visits go on beside this.
        visited = dict(self.doses)
        return self._earlier | {
            number: [dict(self._write(dose)) for dose in tuple(doses)] for number, doses in visited.items()
        }

    # -- called by the engine -----------------------------------------------------------------------------------------

    def rule(self, index: int, fate: int, scene: Mapping[str, Any]) -> NDArray[np.float32]:
        """Evaluate a rule that is not compiled for the cells of a fate."""
        slow = self.model.slow_rules[index]
        n = scene["counts"][fate]
        env = self._environment(scene)
        cell = self._cells(scene, fate, env)
        p = self._params(slow.params)
        owner, where = (
            f"transition {slow.name!r}: hazard",
            f"at {scene['time']:g} h in the fate {self.model.fates[fate]!r}",
        )
        value = self._call(owner, slow.name, slow.rule, lambda: slow.rule.evaluate(cell, env, p))
        if value.shape not in ((), (n,)):
            raise self._failure(
                owner,
                slow.name,
                slow.rule,
                f"the rule returned an array of shape {value.shape} for {n} cells {where}",
                "return one number a cell, or one for all",
            )
        # Without arrays as long as the columns; neither end of those with a NaN compares.
        if not (value.min() >= 0 and value.max() < np.inf):
            flat = value.ravel()
            first = flat[~(np.isfinite(flat) & (flat >= 0))][0]
            raise self._failure(
                owner,
                slow.name,
                slow.rule,
                f"the rule gave the hazard {first:g} {where}",
                "a hazard is a finite number per hour, never negative: np.maximum(0.0, ...)",
            )
        with np.errstate(over="ignore"):
            # What is beyond single precision is infinite to the engine, which tells.
            return np.ascontiguousarray(np.broadcast_to(value, (n,)), dtype=np.float32)

    def visit(self, number: int, _: int, scene: Mapping[str, Any]) -> str | None:
        """Make one visit of a replicate; return all its doses as JSON, if they changed."""
        from senescape.model.visits import Visit

        model, replicate = self.model, scene["replicate"]
        with self._lock:
            doses = self.doses.setdefault(replicate, list(self._planned))
        before = tuple(doses)
        env = self._environment(scene)
        transitions = [t.name for t in model.transitions]
        for rule in sorted(model.visits, key=lambda each: each.name):
            memory = self._memory.setdefault((replicate, rule.name), {})
            visit = Visit(
                number=number,
                replicate=replicate,
                env=env,
                counts=dict(zip(model.fates, scene["counts"], strict=True)),
                cells=Lazy({name: self._later(scene, fate, env) for fate, name in enumerate(model.fates)}),
                events=dict(zip(transitions, scene["events"], strict=True)),
                doses=doses,
                drugs=tuple(drug.name for drug in model.drugs),
                memory=memory,
            )
            owner, p = f"visit rule {rule.name!r}", self._params(model.visit_params[rule.name])
            self._call(owner, rule.name, rule.rule, partial(rule.rule.function, visit, p))
            try:
                json.dumps(memory)
            except (TypeError, ValueError, RecursionError) as error:
                raise self._failure(
                    owner,
                    rule.name,
                    rule.rule,
                    f"visit.memory holds what cannot be written down: {error}",
                    "keep texts, numbers, lists and dicts in it",
                ) from None
        return None if tuple(doses) == before else json.dumps([self._write(dose) for dose in doses])

    def cancel(self) -> None:
        """End what runs: the user has interrupted the run."""
        self.watchdog.end_all()

    # -- what is shown ------------------------------------------------------------------------------------------------

    def _params(self, names: Mapping[str, str]) -> Values:
        parameters = self.model.parameters
        return Values({name: np.float64(parameters[full].value) for name, full in names.items()})

    def _environment(self, scene: Mapping[str, Any]) -> Environment:
        layout = self._layout
        traits = [trait["name"] for trait in layout["traits"]]
        sums = {
            fate: dict(zip(traits, values, strict=True))
            for fate, values in zip(layout["fates"], scene["sums"], strict=True)
        }
        counts = dict(zip(layout["fates"], scene["counts"], strict=True))
        means = {fate: {name: x / max(counts[fate], 1) for name, x in values.items()} for fate, values in sums.items()}
        return Environment(
            time=scene["time"],
            drug=dict(zip([drug["name"] for drug in layout["drugs"]], scene["drugs"], strict=True)),
            pool=dict(zip([pool["name"] for pool in layout["pools"]], scene["pools"], strict=True)),
            count=counts,
            sum=sums,
            mean=means,
        )

    def _later(self, scene: Mapping[str, Any], fate: int, env: Environment) -> Callable[[], CellView]:
        return lambda: self._cells(scene, fate, env)

    def _cells(self, scene: Mapping[str, Any], fate: int, env: Environment) -> CellView:
        table, layout = scene["tables"][fate], self._layout

        def mark(bit: int) -> Callable[[], NDArray[np.bool_]]:
            return lambda: _fixed(table["marks"] >> np.uint64(bit) & np.uint64(1) != 0)

        nodes, roots = self.model.signal_graph

        def signal(name: str) -> Callable[[], NDArray[np.float64]]:
            def compute() -> NDArray[np.float64]:
                values = evaluate(nodes, [roots[name]], reader(layout, cell, env), self.model.parameter_values())
                return _fixed(np.broadcast_to(values[0], cell.age.shape))

            return compute

        columns: dict[str, Callable[[], Any]] = {
            trait["name"]: partial(_same, column)
            for trait, column in zip(layout["traits"], table["traits"], strict=True)
        }
        columns.setdefault("clone", lambda: table["clone"])
        columns["age"] = lambda: _fixed((scene["time"] - table["entered"]).astype(np.float32))
        columns["mark"] = lambda: Items(
            Lazy({name: mark(i) for i, name in enumerate(layout["marks"])}), "cell.mark", "mark"
        )
        columns["signal"] = lambda: Items(Lazy({name: signal(name) for name in roots}), "cell.signal", "signal")
        cell = CellView(Lazy(columns))
        return cell

    # -- calls --------------------------------------------------------------------------------------------------------

    def _call(self, owner: str, part: str, rule: Rule, function: Callable[[], Any]) -> Any:
        try:
            return self.watchdog.call(function)
        except Overtime as error:
            what = f"took more than {self.watchdog.limit:g} s and was ended"
            raise self._failure(
                owner, part, rule, what, "look for an endless loop, or allow more time: call_limit=...", error
            ) from None
        except Exception as error:
            kind = "" if isinstance(error, SenescapeError) else f"{type(error).__name__}: "
            raise self._failure(owner, part, rule, f"raised {kind}{error}", "", error) from error

    def _failure(
        self, owner: str, part: str, rule: Rule, what: str, fix: str, error: BaseException | None = None
    ) -> SimulationError:
        place = raised_at(BaseException() if error is None else error, rule.function)
        text = f"{owner}: {what}\n  at {place}{self.model.plugin_of(part)}"
        return SimulationError(f"{text}\n  fix: {fix}" if fix else text)


def _same(array: NDArray[Any]) -> NDArray[Any]:
    return array


def _fixed(array: NDArray[Any]) -> NDArray[Any]:
    array.flags.writeable = False
    return array
