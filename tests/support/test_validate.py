"""What is no number is refused wherever a number is asked for, and what holds one is taken for it."""

import datetime
import fractions

import numpy as np
import pandas as pd
import pytest
import senescape as sn
from senescape._support.validate import NotANumberError, as_number, moments, numbers, single_column, whole_number

NO_NUMBERS = {
    "text": "5",
    "bytes": b"5",
    "truth value": True,
    "NumPy's truth value": np.True_,
    "complex": 5 + 0j,
    "NumPy's complex": np.complex64(5),
    "span": datetime.timedelta(hours=5),
    "NumPy's span": np.timedelta64(5, "h"),
    "nanoseconds": np.timedelta64(5, "h").astype("timedelta64[ns]"),
    "pandas' span": pd.Timedelta(5, "h"),
    "date": datetime.date(2026, 1, 1),
    "NumPy's date": np.datetime64("2026-01-01"),
    "masked": np.ma.masked,
    "masked of 0 dimensions": np.ma.array(5.0, mask=True),
    "span of 0 dimensions": np.array(5, dtype="timedelta64[h]"),
    "text of 0 dimensions": np.array("5"),
    "truth value of 0 dimensions": np.array(True),
    "array": np.array([5.0]),
    "missing": pd.NA,
    "nothing": None,
    "list": [5.0],
}

NUMBERS = [5, 5.0, np.float32(5), np.int8(5), np.array(5), np.array(5.0, dtype=np.float32), fractions.Fraction(5)]

MODEL = sn.Model(
    fates=["a"],
    drugs=[sn.Drug("d", half_life=5.0)],
    transitions=[sn.Death("a", 0.1)],
    visits=[sn.VisitRule("v", lambda visit, p: None)],
)


def run(**given):
    return sn.simulate(MODEL, **{"initial": {"a": 5}, "until": 20.0, "visits": 10.0, "seed": 1, **given})


PLACES = {
    "Dose.amount": lambda x: sn.Dose("d", x, 1.0),
    "Dose.at": lambda x: sn.Dose("d", 1.0, x),
    "Dose.duration": lambda x: sn.Dose("d", 1.0, 1.0, "infusion", x),
    "Pulse.concentration": lambda x: sn.Pulse("d", x, 1.0, 1.0),
    "Pulse.start": lambda x: sn.Pulse("d", 1.0, x, 1.0),
    "Pulse.duration": lambda x: sn.Pulse("d", 1.0, 1.0, x),
    "Drug.half_life": lambda x: sn.Drug("d", half_life=x),
    "Drug.volume": lambda x: sn.Drug("d", half_life=1.0, volume=x),
    "Param.value": lambda x: sn.Param(x),
    "Param.low": lambda x: sn.Param(9.0, low=x),
    "Trait.initial": lambda x: sn.Trait("x", x),
    "relax.target": lambda x: sn.relax(x, tau=1.0),
    "relax.tau": lambda x: sn.relax(1.0, tau=x),
    "ar1": lambda x: sn.ar1(x),
    "scaled": lambda x: sn.scaled(x),
    "Death.hazard": lambda x: sn.Death("a", x),
    "Pool.initial": lambda x: sn.Pool("p", x),
    "Pool.rate": lambda x: sn.Pool("p", 0.0, x),
    "LogNormal": lambda x: sn.LogNormal(x, 1.0),
    "Relapse.above": lambda x: sn.Relapse(x),
    "Relapse.after": lambda x: sn.Relapse(1.0, after=x),
    "days": lambda x: sn.days(x),
    "until": lambda x: run(until=x, visits=[0.0]),
    "every": lambda x: run(every=x),
    "sync": lambda x: run(sync=x),
    "rtol": lambda x: run(rtol=x),
    "visits": lambda x: run(visits=x),
    "initial": lambda x: run(initial={"a": x}),
    "replicates": lambda x: run(replicates=x),
    "params": lambda x: run(params={"death.hazard": x}),
}
MAY_BE_LEFT_OUT = {"Dose.duration", "Drug.volume", "Drug.half_life", "every", "sync", "visits", "Pool.rate"}
MAY_BE_MANY = {"Trait.initial", "visits"}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", NO_NUMBERS)
def test_what_is_no_number_is_refused(place, kind):
    if (kind == "nothing" and place in MAY_BE_LEFT_OUT) or (kind in ("array", "list") and place in MAY_BE_MANY):
        return
    with pytest.raises(sn.SenescapeError):
        PLACES[place](NO_NUMBERS[kind])


OUT_OF_RANGE = {"ar1": 0.1, "rtol": 0.001, "params": 0.02}


@pytest.mark.parametrize("place", PLACES)
def test_what_holds_one_number_is_taken_for_it(place):
    for value in NUMBERS:
        PLACES[place](value if place not in OUT_OF_RANGE else np.array(float(value)) * OUT_OF_RANGE[place])


@pytest.mark.parametrize(
    "values",
    [
        np.array([1, 2], dtype="timedelta64[D]"),
        np.array(["2026-01-01"], dtype="datetime64[D]"),
        np.ma.array([1.0, 2.0, 90.0], mask=[False, False, True]),
        np.array([1 + 2j]),
        ["1.5", "2"],
        np.array([b"1"]),
        [True, False],
        np.array([True]),
        [1.0, None],
        [1.0, pd.NA],
        [1.0, np.timedelta64(1, "h")],
        pd.Series([1, 2], dtype="timedelta64[ns]"),
        pd.array([1, None], dtype="Int64"),
        [[1.0], [1.0, 2.0]],
        [5.0, "x"],
    ],
)
def test_arrays_that_hold_no_numbers_are_refused(values):
    for make in (
        lambda: run(observe=values),
        lambda: run(visits=values),
        lambda: sn.Trait("x", values),
    ):
        with pytest.raises(sn.ModelError):
            make()


def test_the_value_that_is_no_number_is_named():
    with pytest.raises(sn.ModelError, match=r"^t = .* are not times: value 1 is None$"):
        numbers([0.0, None], "t", "times")
    with pytest.raises(sn.ModelError, match=r"^t must hold times, but value 2 is masked"):
        numbers(np.ma.array([0, 1, 2], mask=[0, 0, 1]), "t", "times")
    with pytest.raises(sn.ModelError, match=r"^t = .* are not times: each is a span of time; divide it by one hour"):
        numbers(np.array([1], dtype="m8[D]"), "t", "times")


def test_numbers_come_in_many_shapes():
    for values in (
        [1, 2.5],
        (1, 2.5),
        {2.5, 1},
        iter([1, 2.5]),
        np.array([1, 2.5]),
        pd.Series([1, 2.5]),
        np.ma.array([1, 2.5]),
    ):
        assert sorted(numbers(values, "t").tolist()) == [1.0, 2.5]
    assert numbers(pd.array([1, 2], dtype="Int64"), "t").tolist() == [1.0, 2.0]
    assert moments([3, 1, 3], "t", 5.0) == [1.0, 3.0]
    assert moments([5.0], "t", 5.0, end=True) == [5.0]
    assert moments([], "t", 5.0, end=True) == []
    for bad, end in (([5.0], False), ([], False), ([5.1], True), ([np.nan], True), ([-1.0], True)):
        with pytest.raises(sn.ModelError, match="from 0 to"):
            moments(bad, "t", 5.0, end=end)


def test_whole_numbers_that_single_precision_rounds_are_refused():
    with pytest.raises(
        sn.ModelError, match=r"trait 'x': value 1 of initial is 16777217, a whole number beyond 16,777,216"
    ):
        sn.Trait("x", np.array([2**24, 2**24 + 1]))
    assert single_column(np.array([2**24, 2**25]), "x", "initial").tolist() == [2**24, 2**25]
    assert single_column([16_777_217.0], "x", "initial").tolist() == [16_777_216.0]
    with pytest.raises(sn.ModelError, match="single precision rounds larger whole numbers"):
        sn.Integers(2**30, 2**30 + 1)


def test_large_whole_numbers_are_exact():
    assert whole_number(2**63 + 1, "seed", 0, 2**64) == 2**63 + 1
    assert whole_number(np.uint64(2**63 + 1), "seed", 0, 2**64) == 2**63 + 1
    assert whole_number(np.array(2**62 + 1), "seed", 0, 2**64) == 2**62 + 1


def test_a_number_is_not_looked_for_in_what_cannot_hold_one():
    for value in (object(), {}, lambda: 1, float):
        with pytest.raises(NotANumberError):
            as_number(value)


def test_ends_of_times():
    for arguments, said in (
        ({"until": 5e-324}, "too short"),
        ({"until": 1e300, "every": 1e-300}, "observations; at most"),
        ({"observe": True}, "observe = True are not times"),
        ({"until": "5"}, "until = '5' is not a number"),
        ({"observe": np.linspace(0, 20, 600_001)}, "600,001 is more than 500,000"),
        ({"doses": (sn.Dose("d", 1.0, 0.0) for _ in iter(int, 1))}, "500,001 is more than 500,000"),
    ):
        with pytest.raises(sn.ModelError, match=said):
            run(**arguments)


def test_founders_follow_the_order_of_initial():
    seen = []
    model = sn.Model(
        fates=["a", "b"],
        traits=[sn.Trait("x", np.array([10.0, 11.0, 20.0, 21.0, 22.0]))],
        visits=[sn.VisitRule("v", lambda visit, p: seen.append({f: visit.cells[f].x.tolist() for f in "ab"}))],
        transitions=[sn.Death("a", 1e-12), sn.Death("b", 1e-12)],
    )
    for initial, found in (
        ({"b": 2, "a": 3}, {"b": [10, 11], "a": [20, 21, 22]}),
        ({"a": 3, "b": 2}, {"a": [10, 11, 20], "b": [21, 22]}),
        ({"b": 5}, {"a": [], "b": [10, 11, 20, 21, 22]}),
    ):
        sn.simulate(model, initial=initial, until=2.0, visits=[1.0], seed=1)
        assert seen[-1] == found
    with pytest.raises(sn.ModelError, match=r"trait 'x' was given 5 values for 4 founders"):
        sn.simulate(model, initial={"a": 4}, until=2.0, visits=[1.0], seed=1)


def test_masked_values_of_a_called_rule_are_refused():
    def hazard(cell, env, p):
        return np.ma.array(np.full(cell.age.shape, 0.1), mask=True)

    model = sn.Model(fates=["a"], transitions=[sn.Death("a", hazard, traced=False)])
    with pytest.raises(sn.SimulationError, match="masked values"):
        sn.simulate(model, initial={"a": 4}, until=2.0, seed=1)
