"""What holds the arrest and what opens it: chromatin, p53 and CDK4/6."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import senescape as sn

from senescape_escape import cdk46, chromatin, p53


@sn.hookimpl
def senescape_traits() -> Sequence[sn.Trait]:
    """Histone acetylation; Rb, and whether it is CDK4/6 that holds the cell."""
    return [*chromatin.traits(), *cdk46.traits()]


@sn.hookimpl
def senescape_marks() -> Sequence[str]:
    """Cells whose p53 a drug has refolded, and cells that lost p53 in the arrest."""
    return list(p53.MARKS)


@sn.hookimpl
def senescape_drugs() -> Sequence[sn.Drug]:
    """An opener and a stabiliser of chromatin, a drug that refolds mutant p53, and palbociclib."""
    return [*chromatin.drugs(), *p53.drugs(), *cdk46.drugs()]


@sn.hookimpl
def senescape_signals() -> Sequence[sn.Signal]:
    """How much of CDK4/6 is held: other plugins may modify it."""
    return cdk46.signals()


@sn.hookimpl
def senescape_modifiers() -> Sequence[sn.Modifier]:
    """What opens or holds the cycle, the return from arrest, and the escape from senescence."""
    return [*chromatin.modifiers(), *p53.modifiers(), *cdk46.modifiers()]


@sn.hookimpl
def senescape_transitions() -> Sequence[sn.Transition]:
    """Heterochromatin that builds up, p53 that is refolded or lost, and senescence without damage."""
    return [*chromatin.transitions(), *p53.transitions(), *cdk46.transitions()]


@sn.hookimpl
def senescape_escapes() -> Sequence[sn.Escape]:
    """Return of cells that CDK4/6 inhibition alone had stopped."""
    return cdk46.escapes()


@sn.hookimpl
def senescape_presets() -> Mapping[str, Path]:
    """Scenarios that use the plugin."""
    return {path.stem: path for path in sorted(Path(__file__).with_name("presets").glob("*.toml"))}
