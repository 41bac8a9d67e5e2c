"""What cannot be traced is refused with the line that does it and the rewrite."""

import contextlib
import functools
import itertools
import math
import random
import re
import textwrap
import time

import numpy as np
import pytest
import senescape as sn
from scipy import special
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


# -- branches and conversions ---------------------------------------------------------------------------------------


def branch(cell, env, p):
    if cell.depth > 1:
        return p.h0
    return 0.0


def both(cell, env, p):
    return np.where(cell.depth > 1 and cell.mcl1 > 1, p.h0, 0.0)


def chained(cell, env, p):
    return p.h0 * (0.2 < cell.depth < 0.7)


def conditional(cell, env, p):
    return p.h0 if cell.mark["old"] else 0.0


def least(cell, env, p):
    return min(cell.depth, 1.0)


def negated(cell, env, p):
    return p.h0 * (not cell.mark["old"])


def loop(cell, env, p):
    while cell.depth:
        return 1.0


@pytest.mark.parametrize(
    ("rule", "line", "fix"),
    [
        (branch, "if cell.depth > 1:", "np.where(cell.depth > 1, a, b)"),
        (both, "return np.where(cell.depth > 1 and cell.mcl1 > 1, p.h0, 0.0)", "(a > 1) & (b < 2) for 'and'"),
        (chained, "return p.h0 * (0.2 < cell.depth < 0.7)", "np.where(cell.depth > 0.2, a, b)"),
        (conditional, 'return p.h0 if cell.mark["old"] else 0.0', "np.where(cell.mark['old'], a, b)"),
        (least, "return min(cell.depth, 1.0)", "np.minimum for min"),
        (negated, 'return p.h0 * (not cell.mark["old"])', "~ for 'not'"),
        (loop, "while cell.depth:", "np.where(cell.depth != 0, a, b)"),
    ],
)
def test_a_branch_shows_its_line_and_the_rewrite(rule, line, fix):
    message = refused(rule)
    assert message.startswith("transition 'escape': hazard: ")
    assert f"{__file__}:" in message
    assert f", in {rule.__name__}\n    {line}\n" in message
    assert fix in message.split("\n  fix: ")[1]


def test_the_line_number_is_that_of_the_line():
    number = int(re.search(rf"{re.escape(__file__)}:(\d+)", refused(branch))[1])
    assert number == branch.__code__.co_firstlineno + 1


@pytest.mark.parametrize(
    ("rule", "what", "fix"),
    [
        (lambda c, e, p: float(c.depth), "float(cell.depth)", "leave float() out"),
        (lambda c, e, p: math.exp(-c.depth), "float(-cell.depth)", "np.exp(x)"),
        (lambda c, e, p: int(c.depth), "int(cell.depth)", "np.floor(cell.depth)"),
        (lambda c, e, p: complex(c.depth), "complex(cell.depth)", "real"),
        (lambda c, e, p: round(c.depth, 2), "round(cell.depth)", "np.floor(cell.depth + 0.5)"),
        (lambda c, e, p: math.floor(c.depth), "math.floor(cell.depth)", "np.floor(cell.depth)"),
        (lambda c, e, p: math.ceil(c.depth), "math.ceil(cell.depth)", "np.ceil(cell.depth)"),
        (lambda c, e, p: math.trunc(c.depth), "math.trunc(cell.depth)", "np.floor"),
        (lambda c, e, p: len(c.depth), "len(cell.depth)", "env.count"),
        (lambda c, e, p: [1.0, 2.0][c.depth], "as an index", "np.where"),
        (lambda c, e, p: sum(c.depth), "a loop over cell.depth", "one"),
        (lambda c, e, p: [x for x in c.depth], "a loop over cell.depth", "one"),  # noqa: C416
        (lambda c, e, p: 1.0 in c.depth, "in cell.depth", "=="),
        (lambda c, e, p: c.depth[0], "an index into cell.depth", "np.where"),
        (
            lambda c, e, p: c.depth.__setitem__(0, 1.0),
            "an assignment into cell.depth",
            "np.where(mask, new, cell.depth)",
        ),
        (lambda c, e, p: setattr(c.depth, "real", 1.0), "an assignment to cell.depth.real", "only computes"),
        (lambda c, e, p: c.depth.mean(), "cell.depth.mean", "env.mean"),
        (lambda c, e, p: c.depth.clip(0, 1), "cell.depth.clip", "np.clip(x, low, high)"),
        (lambda c, e, p: c.depth.astype(float), "cell.depth.astype", "leave it out"),
        (lambda c, e, p: c.depth.colour, "cell.depth.colour", "plain number"),
        (lambda c, e, p: np.asarray(c.depth), "to an array", "operators"),
        (lambda c, e, p: np.sum([c.depth, c.mcl1]), "to an array", "operators"),
        (lambda c, e, p: np.array([c.depth]), "to an array", "operators"),
    ],
)
def test_conversions(rule, what, fix):
    first, _, rest = refused(rule).partition("\n  at ")
    assert what in first
    assert fix in rest.partition("\n  fix: ")[2]


# -- NumPy ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "what", "fix"),
    [
        (lambda c, e, p: c.depth % 2, "np.remainder", "np.floor(x / y)"),
        (lambda c, e, p: c.depth // 2, "np.floor_divide", "np.floor(x / y)"),
        (lambda c, e, p: divmod(c.depth, 2)[0], "np.divmod", "np.floor(x / y)"),
        (lambda c, e, p: np.tan(c.depth), "np.tan", "np.sin(x) / np.cos(x)"),
        (lambda c, e, p: np.arctan2(c.depth, 1.0), "np.arctan2", "a rule may use"),
        (lambda c, e, p: np.fmax(c.depth, 1.0), "np.fmax", "np.maximum"),
        (lambda c, e, p: np.fmin(c.depth, 1.0), "np.fmin", "np.minimum"),
        (lambda c, e, p: np.isnan(c.depth), "np.isnan", "no NaN"),
        (lambda c, e, p: c.depth @ c.mcl1, "np.matmul", "sum of products"),
        (lambda c, e, p: np.add.reduce(c.depth), "np.add.reduce", "one cell at a time"),
        (lambda c, e, p: np.sum(c.depth), "np.sum", "env.sum"),
        (lambda c, e, p: np.max(c.depth), "np.max", "np.maximum"),
        (lambda c, e, p: np.interp(c.depth, [0, 1], [0, 1]), "np.interp", "np.clip"),
        (lambda c, e, p: np.select([c.depth > 1], [1.0]), "np.select", "nest np.where"),
        (lambda c, e, p: np.where(c.depth > 1), "one argument", "np.where(condition, a, b)"),
        (lambda c, e, p: np.clip(c.depth, 0, 1, out=np.zeros(3)), "np.clip with these arguments", "out="),
        (lambda c, e, p: np.exp(c.depth, out=np.zeros(3)), "np.exp with out=", "x = x + ..."),
        (lambda c, e, p: np.exp(c.depth, dtype=np.float32), "np.exp with dtype=", "leave the argument out"),
        (lambda c, e, p: np.add(c.depth, 1.0, where=c.depth > 1), "np.add with where=", "leave the argument out"),
        (lambda c, e, p: np.polyval([1, 2], c.depth), "np.polyval", "Horner"),
        (lambda c, e, p: np.digitize(c.depth, [1, 2]), "np.digitize", "nest np.where"),
        (lambda c, e, p: np.isclose(c.depth, 2), "np.isclose", "np.abs(a - b) < tolerance"),
        (lambda c, e, p: special.gammaln(c.depth), "gammaln", "write (x - 0.5) * np.log(x)"),
        (lambda c, e, p: special.ndtr(c.depth), "ndtr", "np.tanh"),
        (lambda c, e, p: c.depth & 1, "&, | or ~ on numbers", "in parentheses"),
        (lambda c, e, p: c.depth > 1 & c.mcl1, "&, | or ~ on numbers", "in parentheses"),
        (lambda c, e, p: ~c.depth, "&, | or ~ on numbers", "in parentheses"),
        (lambda c, e, p: (c.depth > 1) + (c.mcl1 > 1), "np.add of conditions", "a | b"),
        (lambda c, e, p: (c.depth > 1) - (c.mcl1 > 1), "np.subtract of conditions", "a & ~b"),
        (lambda c, e, p: -(c.depth > 1), "np.negative of conditions", "~a"),
        (lambda c, e, p: np.exp(c.depth > 1), "np.exp of a condition", "np.where(c, 1.0, 0.0)"),
        (lambda c, e, p: c.depth * np.ones(3), "an array of shape (3,)", "sn.Trait"),
        (lambda c, e, p: c.depth * [1, 2], "an array of shape (2,)", "sn.Trait"),
        (lambda c, e, p: c.depth * "x", "str 'x' is not a number", "numbers"),
        (lambda c, e, p: c.depth + None, "NoneType None is not a number", "numbers"),
        (lambda c, e, p: c.depth * 1j, "complex 1j is not a number", "numbers"),
    ],
)
def test_numpy(rule, what, fix):
    first, _, rest = refused(rule).partition("\n  at ")
    assert what in first
    assert fix in rest.partition("\n  fix: ")[2]


def test_a_ufunc_of_another_library_is_called_by_its_own_name():
    special = pytest.importorskip("scipy.special")
    message = refused(lambda c, e, p: special.expit(c.depth))
    assert "expit cannot" in message
    assert "np.expit" not in message
    assert "1.0 / (1.0 + np.exp(-x))" in message


def test_in_place_changes():
    def grows(cell, env, p):
        x = cell.depth
        x += 1.0
        return x

    message = refused(grows)
    assert "x += 1.0" in message
    assert "write x = x + ..." in message

    def assigns(cell, env, p):
        cell.depth = 0.0
        return 1.0

    assert "assigns to cell.depth" in refused(assigns)
    assert "set={...}" in refused(assigns)

    def deletes(cell, env, p):
        del env.time
        return 1.0

    assert "deletes env.time" in refused(deletes)

    def marks(cell, env, p):
        cell.mark["old"] = True
        return 1.0

    assert "assigns to cell.mark['old']" in refused(marks)


# -- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "parts"),
    [
        (lambda c, e, p: c.depht, ["no trait 'depht'", "did you mean 'depth'?", "sn.Trait('depht', ...)"]),
        (lambda c, e, p: c.navitoclax, ["no trait 'navitoclax'", "there is a drug", "write env.drug['navitoclax']"]),
        (lambda c, e, p: c.t_cells, ["there is a pool", "write env.pool['t_cells']"]),
        (lambda c, e, p: c.old, ["there is a mark", "write cell.mark['old']"]),
        (lambda c, e, p: c["depth"], ["cell['depth']", "write cell.depth"]),
        (lambda c, e, p: c.mark["odl"], ["cell.mark['odl']", "did you mean 'old'?"]),
        (lambda c, e, p: c.mark.old, ["cell.mark.old", "write cell.mark['old']"]),
        (lambda c, e, p: e.drug["navitoclx"], ["env.drug['navitoclx']", "did you mean 'navitoclax'?"]),
        (lambda c, e, p: e.drug.navitoclax, ["write env.drug['navitoclax']"]),
        (lambda c, e, p: e.pool["tcells"], ["no such pool", "did you mean 't_cells'?"]),
        (lambda c, e, p: e.count["senescnt"], ["no such fate", "did you mean 'senescent'?"]),
        (lambda c, e, p: e.mean["cycling"].dpth, ["env.mean['cycling'].dpth", "did you mean 'depth'?"]),
        (lambda c, e, p: e.sum["cycling"]["depth"], ["env.sum['cycling']['depth']", "write env.sum['cycling'].depth"]),
        (lambda c, e, p: e.tiem, ["env has no 'tiem'", "did you mean 'time'?"]),
        (lambda c, e, p: e["navitoclax"], ["env['navitoclax']", "env.drug['navitoclax']"]),
        (lambda c, e, p: p.gama, ["no parameter 'gama'", "did you mean 'gamma'?", "params={...}"]),
        (lambda c, e, p: p["h1"], ["no parameter 'h1'", "did you mean 'h0'?"]),
        (lambda c, e, p: p.h0 * e.drug, ["env.drug stands where a number should", "env.drug['navitoclax']"]),
        (lambda c, e, p: p.h0 * c, ["cell stands where a number should", "cell.depth"]),
        (lambda c, e, p: p.h0 * e.mean["cycling"], ["env.mean['cycling'] stands", "env.mean['cycling'].depth"]),
        (lambda c, e, p: e.drug[c.depth], ["env.drug[cell.depth]"]),
    ],
)
def test_unknown_names(rule, parts):
    message = refused(rule)
    for part in parts:
        assert part in message


def test_a_model_without_names_says_so():
    assert "(it has none)" in refused(lambda c, e, p: e.drug["x"], names=Names(fates=["cell"]))


def test_names_can_be_asked_for():
    assert of(lambda c, e, p: float(len(e.drug)) + ("old" in c.mark)).op == "const"
    assert of(lambda c, e, p: sum(c.depth * 1.0 for _ in e.pool)).op == "add"


# -- results ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (None, "returned None"),
        ("x", "str 'x'"),
        (np.ones(3), "array of shape (3,)"),
        ((1.0, 2.0), "shape (2,)"),
        (1j, "1j"),
    ],
)
def test_wrong_results(value, what):
    def returns(cell, env, p):
        x = value
        return x

    message = refused(returns)
    assert what in message
    assert ", in returns\n    return x\n" in message


@pytest.mark.parametrize("value", [1, 0.5, True, np.float32(0.25), np.int64(3), np.array(2.0)])
def test_a_number_is_a_result(value):
    assert of(lambda c, e, p: value).op == "const"


def test_what_a_rule_raises_is_shown_with_its_line():
    def divides(cell, env, p):
        x = 1.0
        return x / 0

    with pytest.raises(sn.TraceError, match="ZeroDivisionError") as caught:
        of(divides)
    assert "return x / 0" in str(caught.value)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_a_pool_sees_no_cell():
    assert of(lambda env, p: env.mean["senescent"].depth * p.h0, cell=False).op == "mul"


# -- where a line is found --------------------------------------------------------------------------------------------


def helper(x):
    return 1.0 if x > 0 else 0.0


def test_a_helper_in_the_same_file_is_shown_itself():
    message = refused(lambda c, e, p: helper(c.depth))
    assert ", in helper\n    return 1.0 if x > 0 else 0.0" in message


def test_a_helper_elsewhere_is_shown_by_its_call(tmp_path):
    file = tmp_path / "library.py"
    file.write_text("def clamp(x):\n    return 1.0 if x > 0 else 0.0\n")
    space = {}
    exec(compile(file.read_text(), str(file), "exec"), space)
    clamp = space["clamp"]
    message = refused(lambda c, e, p: clamp(c.depth))
    assert f"{__file__}:" in message
    assert "clamp(c.depth)" in message


def test_rules_without_source():
    space = {"np": np}
    exec(
        textwrap.dedent("""
        def rule(cell, env, p):
            if cell.depth > 1:
                return 1.0
            return 0.0
    """),
        space,
    )
    message = refused(space["rule"])
    assert "<string>:3, in rule" in message
    assert "np.where(cell.depth > 1, a, b)" in message


def test_methods_partials_and_callable_objects():
    class Rule:
        def __call__(self, cell, env, p):
            return cell.depth * p.h0

        def method(self, cell, env, p):
            if cell.depth:
                return 1.0
            return 0.0

    assert of(Rule()).op == "mul"
    assert "if cell.depth:" in refused(Rule().method)

    def scaled(factor, cell, env, p):
        return factor * cell.depth

    assert of(functools.partial(scaled, 2.0)).op == "mul"
    assert "returned None" in refused(functools.partial(lambda k, c, e, p: None, 2.0))


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
    assert f"test_trace.py:{rule.__code__.co_firstlineno + 1}, in {rule.__name__}" in message or "counted" in message
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
