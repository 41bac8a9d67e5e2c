"""Names and how they are spelled; how many things a model may have."""

import pytest
import senescape as sn
from senescape._support.names import Listing, check_spelling

MICRO, MU = "\u00b5M", "\u03bcM"
ACUTE, JOINED = "cafe\u0301", "caf\u00e9"
LIGATURE = "\ufb01t"


def model_of(**parts):
    given = {"fates": ["a"], "transitions": [sn.Death("a", 0.1)]} | parts
    return sn.Model(**given)


PLACES = {
    "trait": lambda name: sn.Trait(name, 1.0),
    "parameter": lambda name: sn.Death("a", lambda cell, env, p: 0.1, params={name: 1.0}),
    "fate": lambda name: model_of(fates=["a", name]),
    "drug": lambda name: model_of(drugs=[sn.Drug(name)]),
    "pool": lambda name: model_of(pools=[sn.Pool(name, 1.0)]),
    "signal": lambda name: model_of(signals=[sn.Signal(name, 1.0)]),
    "mark": lambda name: model_of(marks=[name]),
    "mark ": lambda name: model_of(transitions=[sn.Transition("t", "a", "a", 0.1, mark=name)]),
    "transition": lambda name: model_of(transitions=[sn.Transition(name, "a", "a", 0.1)]),
    "cause": lambda name: model_of(transitions=[sn.Death("a", 0.1, name="t", cause=name)]),
    "barrier": lambda name: model_of(transitions=[sn.Transition("t", "a", "a", 0.1, barrier=name)]),
    "observable": lambda name: model_of(observables=[sn.Observable(name, "a", lambda cell, env, p: cell.age)]),
    "modifier": lambda name: model_of(modifiers=[sn.Modifier(name, of="death", factor=2.0)]),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("wrong", "right"), [(MICRO, MU), (ACUTE, JOINED), (LIGATURE, "fit")])
def test_names_that_python_spells_otherwise_are_refused(place, wrong, right):
    with pytest.raises(sn.ModelError, match=f"a {place.strip()} is named .*Rename it to {right!r}"):
        PLACES[place](wrong)
    PLACES[place](right)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (MICRO, "U\\+00B5 MICRO SIGN; .* U\\+03BC GREEK SMALL LETTER MU"),
        (
            ACUTE,
            "U\\+0065 LATIN SMALL LETTER E \\+ U\\+0301 COMBINING ACUTE ACCENT; .* U\\+00E9 LATIN SMALL LETTER E WITH ACUTE",
        ),
        (LIGATURE, "U\\+FB01 LATIN SMALL LIGATURE FI; .* U\\+0066 .* \\+ U\\+0069"),
    ],
)
def test_letters_that_look_alike_are_told_apart(name, words):
    with pytest.raises(sn.ModelError, match=words):
        check_spelling(name, "a thing")


def test_names_in_greek_and_with_accents_work():
    rule = eval(f"lambda cell, env, p: 0.1 * cell.{MICRO} * cell.{JOINED} * env.drug[{MU!r}]")
    model = model_of(
        traits=[sn.Trait(MU, 1.0), sn.Trait(JOINED, 1.0)], drugs=[sn.Drug(MU)], transitions=[sn.Death("a", rule)]
    )
    assert sum(node["op"] == "input" for node in model.to_document()["nodes"]) == 3


def test_a_listing_finds_its_names():
    names = Listing(["a", "b", "c"])
    assert [names.index(name) for name in names] == [0, 1, 2]
    assert (names[1], list(names[1:]), len(names)) == ("b", ["b", "c"], 3)
    assert "b" in names
    assert "d" not in names
    assert ["b"] not in names


# -- sizes ------------------------------------------------------------------------------------------------------------

MANY = range(10_001)


def never(cell, env, p):
    raise AssertionError("the model is refused before rules are traced")


SIZES = {
    "fates": {"fates": [f"f{i}" for i in MANY], "transitions": [sn.Death("f0", never)]},
    "traits": {"traits": [sn.Trait(f"x{i}", never) for i in MANY]},
    "drugs": {"drugs": [sn.Drug(f"d{i}") for i in MANY], "transitions": [sn.Death("a", never)]},
    "pools": {"pools": [sn.Pool(f"y{i}", 0.0, lambda env, p: never(0, env, p)) for i in MANY]},
    "transitions": {"transitions": [sn.Death("a", never, name=f"t{i}") for i in MANY]},
    "observables": {"observables": [sn.Observable(f"o{i}", "a", never) for i in MANY]},
}


@pytest.mark.parametrize("kind", SIZES)
def test_too_many_things_are_refused_before_the_work(kind):
    with pytest.raises(sn.ModelError, match=f"has 10,001 {kind}; at most 10,000 are possible"):
        model_of(**SIZES[kind])


def test_too_many_pairs_are_refused_before_the_work():
    fates = [f"f{i}" for i in range(1001)]
    with pytest.raises(sn.ModelError, match="1,001 fates with 1,001 traits and transitions"):
        model_of(fates=fates, transitions=[sn.Division(fate, never) for fate in fates])


def test_too_many_parameters_are_refused():
    deaths = [sn.Death("a", 1e-6, name=f"t{i}") for i in range(9_999)]
    assert len(model_of(pools=[sn.Pool("y", 1.0, lambda env, p: 0.0)], transitions=deaths).parameters) == 10_000
    with pytest.raises(sn.ModelError, match=r"more than 10,000 parameters, 't9998\.hazard' being the first beyond"):
        model_of(pools=[sn.Pool(each, 1.0, lambda env, p: 0.0) for each in "xy"], transitions=deaths)


def test_many_transitions_are_made_in_time_that_grows_with_their_number():
    # Counted, not timed: each name is looked at a few times, however many there are.
    looks = 0

    class Name(str):
        __slots__ = ()
        __hash__ = str.__hash__

        def __eq__(self, other):
            nonlocal looks
            looks += 1
            return str.__eq__(self, other)

    n = 500
    fates = [Name(f"f{i}") for i in range(n)]
    model_of(fates=fates, transitions=[sn.Division(fate, 0.1) for fate in fates])
    assert looks < 20 * n
