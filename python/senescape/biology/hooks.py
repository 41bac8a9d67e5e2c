"""The built-in biology's hooks: what the parts add."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import senescape as sn
from senescape.biology import arrest, cycle, intrinsic
from senescape.plugins.hookspecs import hookimpl

_PRESETS = Path(__file__).with_name("presets")


@hookimpl
def senescape_fates() -> Sequence[str]:
    """Cycling, arrested (deciding) and senescent."""
    return ["cycling", "arrested", "senescent"]


@hookimpl
def senescape_traits() -> Sequence[sn.Trait]:
    """Traits of all parts."""
    return [*cycle.traits(), *intrinsic.traits(), *arrest.traits()]


@hookimpl
def senescape_signals() -> Sequence[sn.Signal]:
    """Where other plugins act on these rules."""
    return [*cycle.signals(), *intrinsic.signals()]


@hookimpl
def senescape_marks() -> Sequence[str]:
    """Lineage reporters: `ever_senescent` is the true ancestry, `p21_reporter` marks at arrest, long before."""
    return ["ever_senescent", "p21_reporter"]


@hookimpl
def senescape_drugs() -> Sequence[sn.Drug]:
    """Doxorubicin; in vitro it is given in pulses."""
    half_life = sn.Param(25.0, unit="h", low=0.0, source="Laginha 2005 Clin Cancer Res: mouse tumour, free drug")
    counted = "amounts are counted in the concentration (uM) that they bring"
    return [
        sn.Drug(
            "doxorubicin",
            half_life=half_life,
            volume=sn.Param(1.0, low=1e-9, source=counted),
            bioavailability=sn.Param(1.0, low=0.0, high=1.0, source=counted),
        )
    ]


@hookimpl
def senescape_transitions() -> Sequence[sn.Transition]:
    """Transitions of all parts."""
    return [*cycle.transitions(), *arrest.transitions(), *intrinsic.transitions()]


@hookimpl
def senescape_escapes() -> Sequence[sn.Escape]:
    """Escape from senescence."""
    return arrest.escapes()


@hookimpl
def senescape_observables() -> Sequence[sn.Observable]:
    """Mean depth of the arrest, the share positive for SA-bGal, and the share of repopulating cells."""
    return [
        sn.Observable("depth", "senescent", "depth"),
        sn.Observable(
            "sa_bgal",
            "senescent",
            lambda cell, env, p: cell.depth > p.cut_off,
            params={"cut_off": sn.Param(0.3, low=0.0, high=1.0, source="assumed: visible staining")},
        ),
        sn.Observable("repopulating", "cycling", lambda cell, env, p: cell.mark["ever_senescent"]),
    ]


@hookimpl
def senescape_presets() -> Mapping[str, Path]:
    """The scenarios that are shipped."""
    return {path.stem: path for path in sorted(_PRESETS.glob("*.toml"))}
