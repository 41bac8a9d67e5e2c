import numpy as np
import pytest
import senescape as sn
from hypothesis import given
from hypothesis import strategies as st


def test_factors():
    assert sn.minutes(90) == 1.5
    assert sn.hours(17) == 17.0
    assert sn.days(2) == 48.0
    assert sn.weeks(1) == 168.0


@pytest.mark.parametrize("unit", [sn.minutes, sn.hours, sn.days, sn.weeks])
def test_gives_a_plain_float(unit):
    for n in (3, 3.0, np.float32(3), np.int64(3)):
        assert type(unit(n)) is float


@given(st.floats(-1e6, 1e6))
def test_units_agree(n):
    assert sn.weeks(n) == pytest.approx(sn.days(7 * n))
    assert sn.days(n) == pytest.approx(sn.hours(24 * n))
    assert sn.hours(n) == pytest.approx(sn.minutes(60 * n))


@pytest.mark.parametrize("bad", ["3", None, True, [1.0], np.array([1.0, 2.0]), 1j])
def test_refuses_what_is_no_number(bad):
    with pytest.raises(sn.UnitError, match=r"days\("):
        sn.days(bad)


@pytest.mark.parametrize(
    ("unit", "factor"),
    [
        (sn.minutes, "divide it by 60"),
        (sn.hours, "use it as it is"),
        (sn.days, "multiply it by 24"),
        (sn.weeks, "multiply it by 168"),
    ],
)
def test_an_array_of_times_is_told_the_factor(unit, factor):
    with pytest.raises(sn.UnitError, match=rf"^{unit.__name__}\(array.*: give one number.*, {factor}$"):
        unit(np.arange(3))


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_refuses_what_is_not_finite(bad):
    with pytest.raises(sn.UnitError, match="not a finite time"):
        sn.hours(bad)
