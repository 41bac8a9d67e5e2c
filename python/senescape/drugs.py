"""Drugs and doses: concentrations in closed form."""

from __future__ import annotations

import math
from dataclasses import dataclass

from senescape.errors import ModelError
from senescape.rules import Param

__all__ = ["ROUTES", "Dose", "Drug", "Pulse"]

ROUTES = ("bolus", "infusion", "oral")
"""How a dose can be given; pulses stand apart."""


class Drug:
    """A drug and its pharmacokinetics: one compartment, or two where `k12` and `k21` are given.

    Parameters
    ----------
    name : str
        What rules call it: ``env.drug[name]``.
    half_life : float or Param, optional
        Elimination half-life (h) from the central compartment: k10 = ln 2 / half_life. Needed for doses; a drug that is
        only given as a :class:`Pulse` needs none.
    volume : float or Param
        Volume of the central compartment: concentration = amount / volume.
    absorption_half_life : float or Param, optional
        Half-life (h) of absorption of oral doses.
    bioavailability : float or Param
        Share of an oral dose that is absorbed, 0 to 1.
    k12, k21 : float or Param, optional
        Exchange with a peripheral compartment (1/h).
    route : {"bolus", "infusion", "oral"}, optional
        How doses are given that name no route of their own.
    unit : str
        Unit of its concentration.

    Raises
    ------
    ModelError
        If a number is out of range.

    Notes
    -----
    A drug with ``route="oral"`` and no `absorption_half_life` is absorbed with a half-life of 1 h (assumed).
    """

    __slots__ = ("fields", "name", "route", "unit")

    def __init__(
        self,
        name: str,
        half_life: float | Param | None = None,
        *,
        volume: float | Param = 1.0,
        absorption_half_life: float | Param | None = None,
        bioavailability: float | Param = 1.0,
        k12: float | Param | None = None,
        k21: float | Param | None = None,
        route: str | None = None,
        unit: str = "uM",
    ) -> None:
        if not isinstance(name, str) or not name:
            raise ModelError(f"a drug's name is {name!r}; it must be a text")
        if route is not None and route not in ROUTES:
            raise ModelError(f"drug {name!r}: route is {route!r}; it must be one of {', '.join(ROUTES)}")
        if (k12 is None) != (k21 is None):
            raise ModelError(f"drug {name!r}: give both k12 and k21 for two compartments, or neither")
        if route == "oral" and absorption_half_life is None:
            absorption_half_life = Param(1.0, unit="h", low=0.0, source="assumed: absorbed within hours")
        self.name = name
        self.route = route
        self.unit = unit
        given = {
            "half_life": (half_life, "h", True),
            "volume": (volume, "1", True),
            "absorption_half_life": (absorption_half_life, "h", True),
            "bioavailability": (bioavailability, "1", False),
            "k12": (k12, "1/h", False),
            "k21": (k21, "1/h", False),
        }
        self.fields: dict[str, Param] = {}
        for field, (value, of, positive) in given.items():
            if value is None:
                continue
            param = value if isinstance(value, Param) else Param(value, unit=of)
            if param.value < 0 or (positive and param.value == 0):
                raise ModelError(
                    f"drug {name!r}: {field} is {param.value:g}; it must be {'> 0' if positive else '>= 0'}"
                )
            self.fields[field] = param
        if self.fields["bioavailability"].value > 1:
            raise ModelError(
                f"drug {name!r}: bioavailability is {self.fields['bioavailability'].value:g}; it must be <= 1"
            )

    def __repr__(self) -> str:
        return f"Drug({self.name!r})"


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
        Of an infusion (h).
    """

    drug: str
    amount: float
    at: float
    route: str | None = None
    duration: float | None = None

    def __post_init__(self) -> None:
        _check(f"Dose of {self.drug!r}", amount=self.amount, at=self.at)
        if self.route is not None and self.route not in ROUTES:
            raise ModelError(f"Dose of {self.drug!r}: route is {self.route!r}; it must be one of {', '.join(ROUTES)}")
        if self.route == "infusion" and self.duration is None:
            raise ModelError(f"Dose of {self.drug!r}: an infusion needs a duration (h)")
        if self.duration is not None and not (self.duration > 0 and math.isfinite(self.duration)):
            raise ModelError(f"Dose of {self.drug!r}: duration is {self.duration!r}; it must be a time > 0 h")


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
    """

    drug: str
    concentration: float
    start: float
    duration: float

    def __post_init__(self) -> None:
        _check(f"Pulse of {self.drug!r}", concentration=self.concentration, start=self.start, duration=self.duration)
        if self.duration == 0:
            raise ModelError(f"Pulse of {self.drug!r}: duration is 0; it must be a time > 0 h")


def _check(owner: str, **values: float) -> None:
    for name, value in values.items():
        try:
            good = value >= 0 and math.isfinite(value)
        except TypeError:
            good = False
        if not good:
            raise ModelError(f"{owner}: {name} is {value!r}; it must be a finite number >= 0")
