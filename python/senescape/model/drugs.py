"""Drugs and doses: concentrations in closed form."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from senescape._support.frozen_dict import FrozenDict
from senescape._support.validate import not_negative, number
from senescape.errors import ModelError
from senescape.model.immutable import Frozen
from senescape.rules.parameter import Param, as_param

__all__ = ["ROUTES", "Dose", "Drug", "Pulse"]

ROUTES = ("bolus", "infusion", "oral")
"""How a dose can be given; pulses stand apart."""

# Nothing is exchanged as fast (1/h), and squares of what is far beyond it are no numbers.
_FASTEST = 1e9

# Field: unit of a bare number, whether 0 is excluded, highest value.
_FIELDS = {
    "half_life": ("h", True, math.inf),
    "elimination": ("1/h", False, _FASTEST),
    "volume": ("1", True, math.inf),
    "absorption_half_life": ("h", True, math.inf),
    "bioavailability": ("1", False, 1.0),
    "k12": ("1/h", False, _FASTEST),
    "k21": ("1/h", False, _FASTEST),
}


class Drug(Frozen):
    """A drug and its pharmacokinetics: one compartment, or two where `k12` and `k21` are given.

    Parameters
    ----------
    name : str
        What rules call it: ``env.drug[name]``.
    half_life : float or Param, optional
        Half-life (h) of elimination from the central compartment: k10 = ln 2 / half_life. A drug that is only given as a
        :class:`Pulse` needs none.
    elimination : float or Param, optional
        k10 itself (1/h), instead of a half-life.
    volume : float or Param
        Volume of the central compartment: concentration = amount / volume.
    route : {"bolus", "infusion", "oral"}, optional
        How doses are given that name no route of their own.
    absorption_half_life : float or Param, optional
        Half-life (h) of absorption of oral doses.
    bioavailability : float or Param
        Share of an oral dose that is absorbed, 0 to 1.
    k12, k21 : float or Param, optional
        Exchange with a peripheral compartment (1/h).
    unit : str
        Unit of its concentration.

    Raises
    ------
    ModelError
        If a number is out of range, or two arguments contradict each other.

    Notes
    -----
    A drug with ``route="oral"`` and no `absorption_half_life` is absorbed with a half-life of 1 h (assumed).

    Examples
    --------
    >>> Drug("navitoclax", half_life=17.0, route="oral").fields["absorption_half_life"].value
    1.0
    """

    __slots__ = ("fields", "name", "route", "unit")

    fields: dict[str, Param]
    route: str | None
    unit: str

    def __init__(
        self,
        name: str,
        half_life: float | Param | None = None,
        elimination: float | Param | None = None,
        volume: float | Param = 1.0,
        route: str | None = None,
        absorption_half_life: float | Param | None = None,
        bioavailability: float | Param = 1.0,
        k12: float | Param | None = None,
        k21: float | Param | None = None,
        unit: str = "uM",
    ) -> None:
        if not isinstance(name, str) or not name:
            raise ModelError(f"a drug's name is {name!r}; it must be a text")
        owner = f"drug {name!r}"
        if route is not None and route not in ROUTES:
            raise ModelError(f"{owner}: route is {route!r}; it must be one of {', '.join(ROUTES)}")
        if (k12 is None) != (k21 is None):
            raise ModelError(f"{owner}: give both k12 and k21 for two compartments, or neither")
        if half_life is not None and elimination is not None:
            raise ModelError(f"{owner}: give half_life or elimination (= ln 2 / half_life), not both")
        if route == "oral" and absorption_half_life is None:
            absorption_half_life = Param(1.0, unit="h", source="assumed: absorbed within hours")
        given = {
            "half_life": half_life,
            "elimination": elimination,
            "volume": volume,
            "absorption_half_life": absorption_half_life,
            "bioavailability": bioavailability,
            "k12": k12,
            "k21": k21,
        }
        fields = {
            field: as_param(value, f"{owner}: {field}", unit=_FIELDS[field][0])
            for field, value in given.items()
            if value is not None
        }
        self._put(name=name, route=route, unit=str(unit), fields=FrozenDict(fields))
        self.check({field: param.value for field, param in fields.items()})

    def check(self, values: dict[str, float]) -> None:
        """Refuse numbers out of range.

        Parameters
        ----------
        values : dict of str to float
            By the names of the arguments.

        Raises
        ------
        ModelError
            Naming the number and its range.
        """
        for field, value in values.items():
            _, positive, high = _FIELDS[field]
            if not (0 <= value <= high) or (positive and value == 0):
                wanted = "> 0" if positive else ">= 0" if high == math.inf else f"from 0 to {high:g}"
                raise ModelError(f"drug {self.name!r}: {field} is {value:g}; it must be {wanted}")

    def route_of(self, dose: Dose) -> str:
        """Find how a dose of this drug is given, and refuse one that cannot be.

        Parameters
        ----------
        dose : Dose
            The dose.

        Returns
        -------
        str
            One of :data:`ROUTES`: the dose's own, else the drug's, else a bolus.

        Raises
        ------
        ModelError
            If the drug has no elimination, an oral dose no absorption, or an infusion no duration; or another dose has one.
        """
        owner = f"a dose of {self.name!r} at {dose.at:g} h"
        route = dose.route or self.route or "bolus"
        if "half_life" not in self.fields and "elimination" not in self.fields:
            raise ModelError(
                f"{owner}: the drug has no half_life, so the dose would stay for ever; give sn.Drug({self.name!r}, "
                "half_life=...), elimination=0.0 if that is meant, or the exposure as an sn.Pulse"
            )
        if route == "oral" and "absorption_half_life" not in self.fields:
            raise ModelError(f"{owner} is oral; give sn.Drug({self.name!r}, absorption_half_life=...)")
        if route == "infusion" and dose.duration is None:
            raise ModelError(f"{owner} is an infusion; give its duration (h)")
        if route != "infusion" and dose.duration is not None:
            raise ModelError(f'{owner} is given at once ({route}); leave duration out, or give route="infusion"')
        return route


@dataclass(frozen=True, slots=True)
class Dose:
    """A dose of a drug.

    Parameters
    ----------
    drug : str
        Which.
    amount : float
        How much, >= 0; divided by the drug's volume it is a concentration.
    at : float
        When (h).
    route : {"bolus", "infusion", "oral"}, optional
        How; the drug's own route by default, else a bolus.
    duration : float, optional
        Of an infusion (h), > 0.

    Raises
    ------
    ModelError
        If a number is out of range.

    Examples
    --------
    >>> Dose("navitoclax", amount=1.0, at=120.0, route="oral").amount
    1.0
    """

    drug: str
    amount: float
    at: float
    route: str | None = None
    duration: float | None = None

    def __post_init__(self) -> None:
        owner = _owner("Dose", self.drug)
        for field in ("amount", "at"):
            object.__setattr__(self, field, not_negative(getattr(self, field), f"{owner}: {field}"))
        if self.route is not None and self.route not in ROUTES:
            raise ModelError(f"{owner}: route is {self.route!r}; it must be one of {', '.join(ROUTES)}, or an sn.Pulse")
        if self.route == "infusion" and self.duration is None:
            raise ModelError(f"{owner}: an infusion needs a duration (h)")
        if self.duration is not None:
            if self.route not in ("infusion", None):
                raise ModelError(f"{owner}: a dose by route {self.route!r} is given at once; leave duration out")
            object.__setattr__(self, "duration", _duration(self.duration, owner))


@dataclass(frozen=True, slots=True)
class Pulse:
    """A rectangular exposure, as in a dish: medium with drug goes on, and is washed out.

    Parameters
    ----------
    drug : str
        Which.
    concentration : float
        Held during the pulse, >= 0, in the drug's unit; it adds to whatever else there is.
    start : float
        When (h).
    duration : float
        For how long (h), > 0.

    Raises
    ------
    ModelError
        If a number is out of range.

    Examples
    --------
    >>> Pulse("doxorubicin", concentration=0.1, start=40.0, duration=24.0).duration
    24.0
    """

    drug: str
    concentration: float
    start: float
    duration: float

    def __post_init__(self) -> None:
        owner = _owner("Pulse", self.drug)
        for field in ("concentration", "start", "duration"):
            value = getattr(self, field)
            checked = _duration(value, owner) if field == "duration" else not_negative(value, f"{owner}: {field}")
            object.__setattr__(self, field, checked)


def _owner(kind: str, drug: Any) -> str:
    if not isinstance(drug, str) or not drug:
        raise ModelError(f"{kind}(drug={drug!r}): name the drug, as it is named in the model")
    return f"{kind} of {drug!r}"


def _duration(value: Any, owner: str) -> float:
    return number(value, f"{owner}: duration", "a finite number > 0", low=0.0, above=True)
