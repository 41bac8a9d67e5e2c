"""Rules that change, catch what is refused, ask what there is, or were compiled elsewhere."""

import contextlib
import functools
import itertools
import random
import re
import time

import numpy as np
import pytest
import senescape as sn
from senescape.rules.arrays import Cells, Environment, Values
from senescape.rules.tracer import Names, trace

NAMES = Names(
    fates=["senescent", "cycling"], traits=["depth", "mcl1"], marks=["old"], drugs=["navitoclax"], pools=["t_cells"]
)
PARAMS = {"h0": "escape.h0", "gamma": "escape.gamma"}


def of(rule, names=NAMES, cell=True):
    return trace(rule, names, PARAMS, "transition 'escape': hazard", cell)


def refused(rule, **kwargs):
    with pytest.raises(sn.TraceError) as caught:
        of(rule, **kwargs)
    return str(caught.value)


def branch(cell, env, p):
    if cell.depth > 1:
        return p.h0
    return 0.0


def chained(cell, env, p):
    return p.h0 * (0.2 < cell.depth < 0.7)


def loop(cell, env, p):
    while cell.depth:
        return 1.0


def test_a_rule_is_called_twice_and_what_it_notes_elsewhere_does_not_matter():
    calls = []

    def rule(cell, env, p):
        calls.append(1)
        return cell.depth

    of(rule)
    assert calls == [1, 1]


# -- rules that are no functions of what they are given -------------------------------------------------------------------


def drawn(cell, env, p):
    return cell.depth * np.random.exponential()  # noqa: NPY002


def drawn_by_python(cell, env, p):
    return 0.1 + random.random() * cell.depth


RNG = np.random.default_rng(1)
TURNS = itertools.cycle([True, False])
NUMBERS = iter([0.1])


def drawn_by_a_generator(cell, env, p):
    return np.where(cell.depth > RNG.normal(), 0.1, 0.2)


def timed(cell, env, p):
    return cell.depth * time.time()


def counted(cell, env, p, seen=[]):  # noqa: B006
    seen.append(cell.depth)
    return cell.depth * len(seen)


def alternating(cell, env, p):
    return cell.depth if next(TURNS) else cell.mcl1


def used_up(cell, env, p):
    return cell.depth * next(NUMBERS)


CHANGING = [drawn, drawn_by_python, drawn_by_a_generator, timed, counted, alternating, used_up]


@pytest.mark.parametrize("rule", CHANGING)
def test_rules_that_change_from_call_to_call_are_refused(rule):
    message = refused(rule)
    assert re.search("changes from call to call|the second time only", message)
    assert (
        f"test_trace_changes.py:{rule.__code__.co_firstlineno + 1}, in {rule.__name__}" in message
        or "counted" in message
    )
    assert "no random numbers, clocks or state that changes" in message


def test_what_differs_is_shown_with_all_digits():
    ticks = iter([1.0, 1.0 + 2**-52])
    assert "first gave 1.0, it then gave 1.0000000000000002" in refused(lambda cell, env, p: cell.depth * next(ticks))


def random_number(*_):
    return np.random.default_rng().uniform()


PLACES = {
    "hazard": {"transitions": [sn.Death("a", random_number)]},
    "set": {"transitions": [sn.Transition("t", "a", "a", 0.1, set={"x": random_number})]},
    "initial": {"traits": [sn.Trait("x", random_number)]},
    "target": {"traits": [sn.Trait("x", 1.0, flow=sn.relax(random_number, tau=1.0))]},
    "inherit": {"traits": [sn.Trait("x", 1.0, inherit=random_number)]},
    "pool": {"pools": [sn.Pool("y", 0.0, random_number)]},
    "signal": {"signals": [sn.Signal("s", random_number)]},
    "modifier": {"modifiers": [sn.Modifier("m", of="death", factor=random_number)]},
    "observable": {"observables": [sn.Observable("o", "a", random_number)]},
}


@pytest.mark.parametrize("place", PLACES)
def test_rules_that_change_are_refused_wherever_they_stand(place):
    parts = {"traits": [sn.Trait("x", 1.0)], "transitions": [sn.Death("a", 0.1)]} | PLACES[place]
    with pytest.raises(sn.TraceError, match=r"changes from call to call.*\n.*in random_number"):
        sn.Model(fates=["a"], **parts)


@pytest.mark.parametrize(
    "rule",
    [
        lambda cell, env, p: cell.depth * np.random.default_rng(5).uniform(),
        functools.cache(lambda cell, env, p: cell.depth),
        lambda cell, env, p, kept={}: kept.setdefault("sum", cell.depth + 1.0) * (cell.depth + 1.0),
        lambda cell, env, p, kept={}: kept.setdefault("value", cell.depth * 2),
    ],
)
def test_rules_that_give_the_same_each_time_are_taken(rule):
    of(rule)


# -- refusals that a rule catches -----------------------------------------------------------------------------------------


def caught(cell, env, p):
    try:
        return cell.mlc1
    except Exception:
        return 0.2


def caught_by_kind(cell, env, p):
    try:
        return cell.mlc1
    except AttributeError:
        return 0.2


def suppressed(cell, env, p):
    with contextlib.suppress(sn.TraceError):
        return env.drug["navitclax"]
    return 0.2


def caught_branch(cell, env, p):
    try:
        return 0.1 if cell.depth > 1 else 0.3
    except Exception as error:
        raise ValueError("no branch") from error


def caught_in_a_helper(cell, env, p):
    def level(name):
        try:
            return getattr(cell, name)
        except AttributeError:
            return 0.0

    return 0.1 + level("mlc1")


@pytest.mark.parametrize("rule", [caught, caught_by_kind, suppressed, caught_branch, caught_in_a_helper])
def test_a_refusal_that_a_rule_catches_is_a_refusal(rule):
    message = refused(rule)
    assert re.search("no trait 'mlc1'|no such drug|a branch on", message)
    assert "the rule catches this error" in message
    assert "'name' in cell" in message


def test_a_signal_refused_within_a_rule_that_catches_it():
    def reading(cell, env, p):
        try:
            return cell.signal["s"]
        except Exception:
            return 0.2

    signals = [sn.Signal("s", lambda cell, env, p: cell.signal["t"]), sn.Signal("t", reading)]
    with pytest.raises(sn.ModelError, match="in a circle: s -> t -> s"):
        sn.Model(fates=["a"], signals=signals, transitions=[sn.Death("a", 0.1)])


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        (lambda cell, env, p: 1.0 if hasattr(cell, "depth") else 2.0, 1.0),
        (lambda cell, env, p: 1.0 if hasattr(cell, "bcl2") else 2.0, 2.0),
        (lambda cell, env, p: getattr(cell, "bcl2", 3.0), 3.0),
        (lambda cell, env, p: 1.0 if "depth" in cell else 2.0, 1.0),
        (lambda cell, env, p: 1.0 if "bcl2" in cell else 2.0, 2.0),
        (lambda cell, env, p: 1.0 if "age" in cell and "time" in env else 2.0, 1.0),
        (lambda cell, env, p: 1.0 if "h0" in p and "h1" not in p else 2.0, 1.0),
        (lambda cell, env, p: 1.0 if hasattr(p, "h1") or hasattr(env, "times") else 2.0, 2.0),
        (lambda cell, env, p: 1.0 if "depth" in env.mean["cycling"] and "x" not in env.sum["cycling"] else 2.0, 1.0),
    ],
)
def test_a_rule_may_ask_what_there_is(rule, value):
    assert of(rule).value == value
    cell = Cells({"depth": [1.0], "mcl1": [2.0]})
    env = Environment(mean={"cycling": {"depth": 1.0}}, sum={"cycling": {"depth": 1.0}})
    assert rule(cell, env, Values({"h0": 1.0})) == value


# -- compiled functions ---------------------------------------------------------------------------------------------------


class Dispatcher:
    """Looks and asks as the functions do that Numba makes."""

    def __init__(self, function):
        self.py_func = function
        functools.update_wrapper(self, function)

    def __call__(self, *arguments):
        return [getattr(each, "_numba_type_", None) for each in arguments]


def plain(cell, env, p):
    return 0.1


COMPILED = Dispatcher(plain)


@pytest.mark.parametrize(
    ("rule", "what", "fix"),
    [
        (COMPILED, "compiled by Numba", "plain.py_func"),
        (np.vectorize(plain), "np.vectorize", "plain.pyfunc"),
        (functools.partial(COMPILED), "compiled by Numba", ".py_func"),
        (lambda cell, env, p: COMPILED(cell, env, p), "compiled by Numba", ".py_func"),
        (lambda cell, env, p: COMPILED(cell.depth), "compiled by Numba", ".py_func"),
        (lambda cell, env, p: COMPILED(p.h0 * cell.depth), "compiled by Numba", ".py_func"),
    ],
)
def test_compiled_functions(rule, what, fix):
    first, _, rest = refused(rule).partition("\n  at ")
    assert what in first
    assert fix in rest.partition("\n  fix: ")[2]


def endless(cell, env, p):
    x = cell.depth
    while True:
        x = x * 0.5


def test_a_loop_without_end_ends():
    assert "look for a loop without end" in refused(endless)


def test_errors_of_one_rule_do_not_leak_into_the_next():
    refused(branch)
    assert ", in chained" in refused(chained)
