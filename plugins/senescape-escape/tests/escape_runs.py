"""Runs that the tests of senescape-escape share."""

import senescape as sn

PLUGINS = ("biology", "senescape-escape")


def run(initial, doses=(), days=20.0, seed=1, **params):
    """A well in which the plugin acts beside the built-in biology."""
    scenario = sn.Scenario(plugins=PLUGINS, initial=initial, until=24.0 * days, every=24.0)
    return sn.simulate(scenario, doses=doses, seed=seed, params={name: float(value) for name, value in params.items()})


def senescent(doses=(), days=20.0, cells=10_000, **params):
    """Senescent cells in a full well, in which those that escape do not grow; escape is as frequent as statistics ask."""
    return run({"senescent": cells}, doses, days, **{"cycle.capacity": 1.0, "escape.h0": 2e-3, **params})


def events(result, *names, since=0):
    """Events of some transitions from a day on."""
    listed = [t.name for t in result.layout.transitions]
    counts = result.events[0, :, [listed.index(name) for name in names]].sum(axis=0)
    return int(counts[-1] - counts[since])


def pulse(drug, concentration, first, last):
    """An exposure from one day to another."""
    return sn.Pulse(drug, concentration, 24.0 * first, 24.0 * (last - first))
