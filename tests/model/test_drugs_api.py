import math
import pickle

import numpy as np
import pytest
import senescape as sn

DEATH = [sn.Death("cell", hazard=0.1)]


def drug_of(*args, **kwargs):
    """The drug's piece of the document, with its nodes evaluated by hand."""
    document = sn.Model(fates=["cell"], transitions=DEATH, drugs=[sn.Drug(*args, **kwargs)]).to_document()
    values = [param["value"] for param in document["params"]]

    def value(index):
        node = document["nodes"][index]
        match node["op"]:
            case "const":
                return node["value"]
            case "param":
                return values[node["index"]]
        assert node["f"] == "div"
        return value(node["x"]) / value(node["y"])

    piece = document["drugs"][0]
    return {key: each if key == "name" or each is None else value(each) for key, each in piece.items()}


def test_one_compartment():
    assert drug_of("navitoclax", half_life=sn.hours(17)) == {
        "name": "navitoclax",
        "elimination": math.log(2) / 17,
        "volume": 1.0,
        "k12": None,
        "k21": None,
        "absorption": None,
        "bioavailability": 1.0,
    }


def test_elimination_instead_of_a_half_life():
    assert drug_of("x", elimination=0.05)["elimination"] == 0.05


def test_two_compartments_and_absorption():
    drug = drug_of("x", 10.0, volume=4.0, absorption_half_life=2.0, bioavailability=0.5, k12=0.1, k21=0.2)
    assert drug["absorption"] == math.log(2) / 2
    assert (drug["volume"], drug["bioavailability"], drug["k12"], drug["k21"]) == (4.0, 0.5, 0.1, 0.2)


def test_an_oral_drug_is_absorbed():
    assert drug_of("x", 10.0, route="oral")["absorption"] == math.log(2)
    assert drug_of("x", 10.0, route="oral", absorption_half_life=3.0)["absorption"] == math.log(2) / 3


def test_a_drug_for_pulses_needs_no_half_life():
    assert drug_of("doxorubicin")["elimination"] == 0.0


def test_all_numbers_are_parameters():
    drug = sn.Drug("x", sn.Param(10.0, unit="h", source="a label"), k12=0.1, k21=0.2, absorption_half_life=1.0)
    model = sn.Model(fates=["cell"], transitions=DEATH, drugs=[drug])
    names = [name for name in model.parameters if name.startswith("x.")]
    fields = ("half_life", "volume", "absorption_half_life", "bioavailability", "k12", "k21")
    assert names == [f"x.{field}" for field in fields]
    assert model.parameters["x.half_life"].source == "a label"
    assert model.parameters["x.k12"].unit == "1/h"
    with pytest.raises(sn.ModelError, match="half_life is 0; it must be > 0"):
        model.with_params({"x.half_life": 0.0})
    with pytest.raises(sn.ModelError, match="bioavailability is 2; it must be from 0 to 1"):
        model.with_params({"x.bioavailability": 2.0})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sn.Drug(""), "a drug's name is ''"),
        (lambda: sn.Drug(3), "a drug's name is 3"),
        (lambda: sn.Drug("x", 0.0), "half_life is 0; it must be > 0"),
        (lambda: sn.Drug("x", -1.0), "half_life is -1; it must be > 0"),
        (lambda: sn.Drug("x", math.inf), "half_life: .*finite"),
        (lambda: sn.Drug("x", "17 h"), "half_life: .*must be a number"),
        (lambda: sn.Drug("x", 1.0, elimination=0.1), "not both"),
        (lambda: sn.Drug("x", elimination=-0.1), "elimination is -0.1; it must be from 0 to"),
        (lambda: sn.Drug("x", 1.0, volume=0.0), "volume is 0"),
        (lambda: sn.Drug("x", 1.0, bioavailability=1.1), "from 0 to 1"),
        (lambda: sn.Drug("x", 1.0, k12=0.1), "both k12 and k21"),
        (lambda: sn.Drug("x", 1.0, route="iv"), "route is 'iv'; it must be one of bolus, infusion, oral"),
    ],
)
def test_bad_drugs(make, message):
    with pytest.raises(sn.ModelError, match=message):
        make()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sn.Dose("x", amount=-1.0, at=0.0), "amount is -1; it must be a finite number >= 0"),
        (lambda: sn.Dose("x", amount=1.0, at=-1.0), "at is -1"),
        (lambda: sn.Dose("x", amount=math.nan, at=0.0), "amount is nan"),
        (lambda: sn.Dose("x", amount="1", at=0.0), "amount is '1'"),
        (lambda: sn.Dose("", amount=1.0, at=0.0), "name the drug"),
        (lambda: sn.Dose("x", amount=1.0, at=0.0, route="iv"), "route is 'iv'"),
        (lambda: sn.Dose("x", amount=1.0, at=0.0, route="infusion"), "needs a duration"),
        (lambda: sn.Dose("x", amount=1.0, at=0.0, route="infusion", duration=0.0), "duration is 0; .*> 0"),
        (lambda: sn.Dose("x", amount=1.0, at=0.0, route="bolus", duration=2.0), "given at once"),
        (lambda: sn.Pulse("x", concentration=-1.0, start=0.0, duration=1.0), "concentration is -1"),
        (lambda: sn.Pulse("x", concentration=1.0, start=0.0, duration=0.0), "duration is 0; .*> 0"),
        (lambda: sn.Pulse("x", concentration=1.0, start=math.inf, duration=1.0), "start is inf"),
        (lambda: sn.Pulse(None, concentration=1.0, start=0.0, duration=1.0), "name the drug"),
    ],
)
def test_bad_doses(make, message):
    with pytest.raises(sn.ModelError, match=message):
        make()


def test_what_a_drug_is_given_is_kept():
    drug = sn.Drug("x", route="oral", half_life=3.0, unit="mg/l")
    assert (drug.name, drug.route, drug.unit) == ("x", "oral", "mg/l")
    assert (sn.Drug("x").route, sn.Drug("x").unit) == (None, "uM")
    assumed = drug.fields["absorption_half_life"]
    assert (assumed.value, assumed.unit) == (1.0, "h")
    assert assumed.source == "assumed: absorbed within hours"
    assert "absorption_half_life" not in sn.Drug("x", 3.0, route="bolus").fields
    units = {
        name: param.unit for name, param in sn.Drug("x", 1.0, k12=0.0, k21=0.0, absorption_half_life=1.0).fields.items()
    }
    assert units == {
        "half_life": "h", "volume": "1", "absorption_half_life": "h", "bioavailability": "1", "k12": "1/h", "k21": "1/h",
    }  # fmt: skip
    assert sn.Drug("x", elimination=0.1).fields["elimination"].unit == "1/h"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sn.Drug("x", 1.0, k21=0.1), "^drug 'x': give both k12 and k21"),
        (lambda: sn.Drug("x", 1.0, k12=-0.1, k21=0.1), r"^drug 'x': k12 is -0.1; it must be from 0 to 1e\+09$"),
        (
            lambda: sn.Drug("x", 1.0, bioavailability=-0.1),
            "^drug 'x': bioavailability is -0.1; it must be from 0 to 1$",
        ),
        (lambda: sn.Drug("x", 1.0, absorption_half_life=0.0), "^drug 'x': absorption_half_life is 0; it must be > 0$"),
        (lambda: sn.Dose("x", True, 0.0), "^Dose of 'x': amount is True; it must be a finite number >= 0$"),
        (lambda: sn.Dose("x", 1.0, math.inf), "^Dose of 'x': at is inf; it must be a finite number >= 0$"),
        (
            lambda: sn.Dose("x", 1.0, 0.0, duration=-1.0),
            "^Dose of 'x': duration is -1; it must be a finite number > 0$",
        ),
        (
            lambda: sn.Dose("x", 1.0, 0.0, duration="1"),
            "^Dose of 'x': duration is '1'; it must be a finite number > 0$",
        ),
        (
            lambda: sn.Dose("x", 1.0, 0.0, route="oral", duration=1.0),
            "^Dose of 'x': a dose by route 'oral' is given at once",
        ),
        (lambda: sn.Dose(3, 1.0, 0.0), r"^Dose\(drug=3\): name the drug"),
        (lambda: sn.Pulse("", 1.0, 0.0, 1.0), r"^Pulse\(drug=''\): name the drug"),
        (lambda: sn.Pulse("x", 1.0, -1.0, 1.0), "^Pulse of 'x': start is -1; it must be a finite number >= 0$"),
        (lambda: sn.Pulse("x", 1.0, 0.0, -1.0), "^Pulse of 'x': duration is -1; it must be a finite number > 0$"),
        (
            lambda: sn.Pulse("x", None, 0.0, 1.0),
            "^Pulse of 'x': concentration is None; it must be a finite number >= 0$",
        ),
    ],
)
def test_a_refusal_says_of_what_and_what_is_wanted(make, message):
    with pytest.raises(sn.ModelError, match=message):
        make()


def test_numbers_may_go_to_their_ends():
    fields = sn.Drug("x", elimination=0.0, bioavailability=1.0, k12=0.0, k21=0.0).fields
    assert {name: param.value for name, param in fields.items()} == {
        "elimination": 0.0, "volume": 1.0, "bioavailability": 1.0, "k12": 0.0, "k21": 0.0,
    }  # fmt: skip
    assert sn.Drug("x", 1.0, bioavailability=0.0).fields["bioavailability"].value == 0.0
    assert sn.Drug("x", 0.5, volume=0.5, absorption_half_life=0.5).fields["half_life"].value == 0.5
    assert sn.Dose("x", 0.0, 0.0) == sn.Dose("x", amount=0, at=0, route=None, duration=None)
    assert sn.Dose("x", 1.0, 0.0, duration=0.5).duration == 0.5
    pulse = sn.Pulse("x", 0, np.int64(0), np.float32(0.5))
    assert (pulse.concentration, pulse.start, pulse.duration) == (0.0, 0.0, 0.5)
    assert {type(pulse.concentration), type(pulse.start), type(pulse.duration)} == {float}


def test_a_dose_needs_what_its_route_needs():
    oral = sn.Drug("x", 10.0, absorption_half_life=1.0)
    assert oral.route_of(sn.Dose("x", 1.0, 0.0, route="oral")) == "oral"
    assert sn.Drug("x", 10.0, route="infusion").route_of(sn.Dose("x", 1.0, 0.0, duration=2.0)) == "infusion"
    with pytest.raises(sn.ModelError, match=r"^a dose of 'x' at 5 h is oral; give"):
        sn.Drug("x", 1.0).route_of(sn.Dose("x", 1.0, 5.0, route="oral"))


def test_doses_are_plain_floats():
    dose = sn.Dose("x", np.float32(1), np.int64(3), "infusion", np.float64(2))
    assert (type(dose.amount), type(dose.at), type(dose.duration)) == (float, float, float)
    assert dose == sn.Dose("x", 1.0, 3.0, "infusion", 2.0)
    with pytest.raises(AttributeError):
        dose.at = 4.0


def test_the_route_of_a_dose():
    drug = sn.Drug("x", 10.0, route="oral")
    assert drug.route_of(sn.Dose("x", 1.0, 0.0)) == "oral"
    assert drug.route_of(sn.Dose("x", 1.0, 0.0, route="bolus")) == "bolus"
    assert sn.Drug("x", 10.0).route_of(sn.Dose("x", 1.0, 0.0)) == "bolus"
    assert sn.Drug("x", elimination=0.0).route_of(sn.Dose("x", 1.0, 0.0)) == "bolus"


@pytest.mark.parametrize(
    ("drug", "dose", "message"),
    [
        (sn.Drug("x"), sn.Dose("x", 1.0, 5.0), "at 5 h: the drug has no half_life"),
        (sn.Drug("x", 1.0), sn.Dose("x", 1.0, 5.0, route="oral"), "absorption_half_life"),
        (sn.Drug("x", 1.0, route="infusion"), sn.Dose("x", 1.0, 5.0), "give its duration"),
    ],
)
def test_doses_that_cannot_be(drug, dose, message):
    with pytest.raises(sn.ModelError, match=message):
        drug.route_of(dose)


def test_drugs_do_not_change():
    drug = sn.Drug("x", 1.0)
    with pytest.raises(AttributeError, match="does not change"):
        drug.name = "y"
    back = pickle.loads(pickle.dumps(drug))
    assert back.name == "x"
    assert back.fields == drug.fields
