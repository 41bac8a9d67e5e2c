"""What cannot be traced is refused with the line that does it and the rewrite."""

import functools
import math
import re
import textwrap

import numpy as np
import pytest
import senescape as sn
from scipy import special
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
