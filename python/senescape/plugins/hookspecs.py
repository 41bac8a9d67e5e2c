"""The hooks: what a plugin may add to a scenario.

A plugin is a module or an object with functions marked by :data:`hookimpl`. All hooks but one take no arguments and return
what the plugin adds; the parts of all plugins that a scenario names make its model together. ``senescape_visit`` is called
during a run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from senescape.model.drugs import Drug
    from senescape.model.observables import Observable
    from senescape.model.pools import Pool
    from senescape.model.signals import Modifier, Signal
    from senescape.model.traits import Trait
    from senescape.model.transitions import Escape, Immunotherapy, Senolytic, Transition
    from senescape.model.visits import Visit
    from senescape.rules.parameter import Param

__all__ = ["GROUP", "Hooks", "hookimpl", "hookspec"]

GROUP = "senescape.plugins"
"""The entry-point group in which packages announce their plugins."""

hookspec = pluggy.HookspecMarker("senescape")
hookimpl = pluggy.HookimplMarker("senescape")


class Hooks:
    """Specifications of all hooks."""

    @hookspec
    def senescape_fates(self) -> Sequence[str]:  # type: ignore[empty-body]
        """Fates, in order.

        Examples
        --------
        >>> @hookimpl
        ... def senescape_fates():
        ...     return ["cycling", "senescent"]
        """

    @hookspec
    def senescape_traits(self) -> Sequence[Trait]:  # type: ignore[empty-body]
        """Return traits of every cell.

        Examples
        --------
        >>> @hookimpl
        ... def senescape_traits():
        ...     return [sn.Trait("mcl1", sn.LogNormal(median=0.9, sigma=0.8), inherit=sn.ar1(0.9))]
        """

    @hookspec
    def senescape_marks(self) -> Sequence[str]:  # type: ignore[empty-body]
        """Marks that rules read and no transition raises.

        Examples
        --------
        >>> @hookimpl
        ... def senescape_marks():
        ...     return ["barcoded"]
        """

    @hookspec
    def senescape_drugs(self) -> Sequence[Drug]:  # type: ignore[empty-body]
        """Drugs that treatments may give.

        Examples
        --------
        >>> @hookimpl
        ... def senescape_drugs():
        ...     return [sn.Drug("navitoclax", half_life=sn.hours(17), route="oral")]
        """

    @hookspec
    def senescape_pools(self) -> Sequence[Pool]:  # type: ignore[empty-body]
        """Return pools of the environment.

        Examples
        --------
        >>> @hookimpl
        ... def senescape_pools():
        ...     return [sn.Pool("nk_cells", initial=1.0, rate=lambda env, p: -p.decay * env.pool["nk_cells"],
        ...                     params={"decay": sn.Param(0.0017, unit="1/h")})]
        """

    @hookspec
    def senescape_signals(self) -> Sequence[Signal]:  # type: ignore[empty-body]
        """Return named quantities that hazards, of this plugin or others, are written in.

        Examples
        --------
        >>> @hookimpl
        ... def senescape_signals():
        ...     return [sn.Signal("checkpoint_inhibition", lambda cell, env, p: 1.0 + cell.pdl1 / p.half,
        ...                       params={"half": sn.Param(1.5, low=0.0)})]
        """

    @hookspec
    def senescape_modifiers(self) -> Sequence[Modifier]:  # type: ignore[empty-body]
        """Factors on signals and hazards, of this plugin or others.

        Examples
        --------
        >>> @hookimpl
        ... def senescape_modifiers():
        ...     return [sn.Modifier("chromatin_opener", of="escape", factor=10.0)]
        """

    @hookspec
    def senescape_transitions(self) -> Sequence[Transition]:  # type: ignore[empty-body]
        """Transitions of any kind.

        Examples
        --------
        >>> @hookimpl
        ... def senescape_transitions():
        ...     return [sn.Death("cycling", hazard=3e-4, cause="turnover")]
        """

    @hookspec
    def senescape_senolytics(self) -> Sequence[Senolytic]:  # type: ignore[empty-body]
        """Return deaths of senescent cells by a drug.

        Examples
        --------
        >>> @hookimpl
        ... def senescape_senolytics():
        ...     return [sn.Senolytic("navitoclax", hazard=kill, params={"kmax": sn.Param(0.05, unit="1/h")})]
        """

    @hookspec
    def senescape_immunotherapies(self) -> Sequence[Immunotherapy]:  # type: ignore[empty-body]
        """Return deaths by immune cells that a treatment brings about.

        Examples
        --------
        >>> @hookimpl
        ... def senescape_immunotherapies():
        ...     return [sn.Immunotherapy("car_t", hazard=kill, params={"k": sn.Param(0.01, unit="1/h")})]
        """

    @hookspec
    def senescape_escapes(self) -> Sequence[Escape]:  # type: ignore[empty-body]
        """Exits from the arrest.

        Examples
        --------
        >>> @hookimpl
        ... def senescape_escapes():
        ...     return [sn.Escape("escape", hazard=leave, params={"h0": sn.Param(0.06, unit="1/h")})]
        """

    @hookspec
    def senescape_observables(self) -> Sequence[Observable]:  # type: ignore[empty-body]
        """Read-outs.

        Examples
        --------
        >>> @hookimpl
        ... def senescape_observables():
        ...     return [sn.Observable("sa_bgal", "senescent", lambda cell, env, p: cell.depth > 0.3)]
        """

    @hookspec
    def senescape_presets(self) -> Mapping[str, Path]:  # type: ignore[empty-body]
        """Scenarios that the plugin ships: paths of TOML files by name.

        Examples
        --------
        >>> @hookimpl
        ... def senescape_presets():
        ...     return {"my-preset": Path(__file__).with_name("my-preset.toml")}
        """

    @hookspec
    def senescape_visit(self, visit: Visit, p: Any) -> None:
        """Called at each visit to the clinic that the scenario plans (``visits = "7 d"``): see the tumour, order doses.

        Parameters
        ----------
        visit : Visit
            What is seen, read-only, and :meth:`Visit.order`, :meth:`Visit.change` and :meth:`Visit.stop`.
        p : object
            The parameters of :meth:`senescape_visit_params` as attributes.

        Examples
        --------
        >>> @hookimpl
        ... def senescape_visit(visit, p):
        ...     if visit.counts["senescent"] > p.above:
        ...         visit.order("navitoclax", amount=1.0, repeat=7)
        """

    @hookspec
    def senescape_visit_params(self) -> Mapping[str, Param | float]:  # type: ignore[empty-body]
        """Return parameters of ``senescape_visit``, addressed as ``<plugin>.visit.<name>``.

        Examples
        --------
        >>> @hookimpl
        ... def senescape_visit_params():
        ...     return {"above": sn.Param(1000, unit="cells", low=0, source="assumed: a tumour that can be seen")}
        """
