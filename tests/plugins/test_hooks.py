"""What is marked as a hook is called as one, or refused with the reason."""

import functools
from types import SimpleNamespace

import pytest
import senescape as sn
from senescape.plugins.assembly import assemble
from senescape.plugins.registry import registered


def boost(factor=3.0):
    return [sn.Modifier("boost", of="death", factor=factor)]


class Base:
    """The model that the plugins of this file change."""

    @sn.hookimpl
    def senescape_fates(self):
        return ["a"]

    @sn.hookimpl
    def senescape_transitions(self):
        return [sn.Death("a", 0.1)]


class MarkedOutside:
    @sn.hookimpl
    @classmethod
    def senescape_modifiers(cls):
        return boost()


class MarkedInside:
    @classmethod
    @sn.hookimpl
    def senescape_modifiers(cls):
        return boost()


class StaticOutside:
    @sn.hookimpl
    @staticmethod
    def senescape_modifiers():
        return boost()


class StaticInside:
    @staticmethod
    @sn.hookimpl
    def senescape_modifiers():
        return boost()


class Method:
    @sn.hookimpl
    def senescape_modifiers(self):
        return boost()


class Callable:
    def __call__(self):
        return boost()


class PartialMethod:
    def _boost(self, factor):
        return boost(factor)

    senescape_modifiers = sn.hookimpl(functools.partialmethod(_boost, 3.0))


class Cached:
    @sn.hookimpl
    @functools.cache  # noqa: B019
    def senescape_modifiers(self):
        return boost()


class OtherName:
    @sn.hookimpl(specname="senescape_modifiers")
    def faster(self):
        return boost()


class Namespace:
    @sn.hookimpl
    def senescape_modifiers():
        return boost()


class CallableClass:
    senescape_modifiers = sn.hookimpl(Callable())


def imported_from_another():
    found = SimpleNamespace(senescape_modifiers=sn.hookimpl(lambda: boost()))

    @sn.hookimpl
    def senescape_traits():
        raise AssertionError("it is there to be called by the plugin, not as a hook")

    found.traits_of_another = senescape_traits
    return found


TAKEN = {
    "method": Method(),
    "hookimpl over classmethod": MarkedOutside(),
    "classmethod over hookimpl": MarkedInside(),
    "hookimpl over staticmethod": StaticOutside(),
    "staticmethod over hookimpl": StaticInside(),
    "the class itself, of class methods": MarkedOutside,
    "the class itself, of static methods": StaticInside,
    "the class itself, of functions without self": Namespace,
    "partial": SimpleNamespace(senescape_modifiers=sn.hookimpl(functools.partial(boost, 3.0))),
    "partial by name": SimpleNamespace(senescape_modifiers=sn.hookimpl(functools.partial(boost, factor=3.0))),
    "partialmethod": PartialMethod(),
    "callable object": SimpleNamespace(senescape_modifiers=sn.hookimpl(Callable())),
    "callable object of a class": CallableClass(),
    "cached": Cached(),
    "bound method of another": SimpleNamespace(senescape_modifiers=Method().senescape_modifiers),
    "hookimpl with a hook's name": OtherName(),
    "another plugin's hook by another name": imported_from_another(),
}


@pytest.mark.parametrize("kind", TAKEN)
def test_what_is_marked_is_called(kind):
    with registered("base", Base()), registered("boost", TAKEN[kind]):
        model = assemble(["base", "boost"])
    assert [(each.name, each.factor.value) for each in model.modifiers] == [("boost", 3.0)]


class Asked:
    def __init__(self):
        self.seen = []

    def look(self, seen, visit, p):
        seen.append((visit.number, p.k))

    def senescape_visit_params(self):
        return {"k": 2.0}


def test_visits_by_a_partial():
    asked = Asked()
    plugin = SimpleNamespace(
        senescape_visit=sn.hookimpl(functools.partial(asked.look, asked.seen)),
        senescape_visit_params=sn.hookimpl(functools.partial(Asked.senescape_visit_params, asked)),
    )
    with registered("base", Base()), registered("asked", plugin):
        scenario = sn.Scenario(plugins=("base", "asked"), initial={"a": 100}, until=3.0, visits=[1.0, 2.0])
        sn.simulate(scenario, seed=1, threads=1)
    assert asked.seen == [(0, 2.0), (1, 2.0)]


class Property:
    @property
    @sn.hookimpl
    def senescape_modifiers(self):
        raise AssertionError("it is not run to be looked at")


class WithoutSelf(Namespace):
    pass


class Misnamed:
    @sn.hookimpl
    def modifiers(self):
        return boost()


class Twice:
    @sn.hookimpl
    def senescape_modifiers(self):
        return boost()

    @sn.hookimpl(specname="senescape_modifiers")
    def more(self):
        return boost()


class Wrapper:
    @sn.hookimpl(wrapper=True)
    def senescape_modifiers(self):
        yield


class Async:
    @sn.hookimpl
    async def senescape_modifiers(self):
        return boost()


REFUSED = {
    "class for an instance": (
        Method,
        "is the class Method, whose senescape_modifiers needs an instance: give Method\\(\\)",
    ),
    "class with a partialmethod": (PartialMethod, "needs an instance: give PartialMethod\\(\\)"),
    "property": (Property(), "senescape_modifiers is a property; make it a method"),
    "method without self": (WithoutSelf(), "a method without self: write def senescape_modifiers\\(self\\)"),
    "list": (SimpleNamespace(senescape_modifiers=boost()), "is \\[Modifier\\('boost'\\)\\]; it must be a function"),
    "unmarked": (
        SimpleNamespace(senescape_modifiers=boost),
        "senescape_modifiers is not marked; put @sn.hookimpl above it",
    ),
    "marked under a name that is no hook": (Misnamed(), "'modifiers', which is no hook .*'senescape_modifiers'"),
    "one hook twice": (Twice(), "more and senescape_modifiers are both marked as senescape_modifiers"),
    "wrapper": (Wrapper(), "wraps other plugins' hooks"),
    "async": (Async(), "without async and yield"),
    "nothing": (SimpleNamespace(), "has no hooks; mark functions named senescape_"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_called_is_refused_with_the_reason(kind):
    thing, words = REFUSED[kind]
    with pytest.raises(sn.PluginError, match=f"plugin 'boost'.*{words}"):
        sn.register_plugin("boost", thing)


def test_one_plugin_under_two_names():
    plugin = Base()
    with (
        registered("one", plugin),
        registered("two", plugin),
        pytest.raises(sn.PluginError, match="'one' and 'two' are the same"),
    ):
        assemble(["one", "two"])
