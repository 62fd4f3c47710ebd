"""Who departs where and when in a case of one's own: profiles of origins, or a table of trips."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evlib.errors import InputError
from evlib.inputs.own_case.profiles import profiles_by_step
from evlib.inputs.own_case.trips import Trips
from evlib.inputs.reading.tables import read_text

__all__ = ["CaseDemand", "refuse_idle_peaks"]


@dataclass(frozen=True)
class CaseDemand:
    """What a case says of departures beside the profile of its classes.

    Attributes
    ----------
    trips : Trips or None
    departures : Path or None
        Table with ``time`` and a column for each origin with a profile of its own.
    said : dict
        ``fleet``, ``origins``, ``destinations`` as the case was read: with trips no variant may change who departs when.
    """

    trips: Trips | None
    departures: Path | None
    said: dict

    def trip_share(self, spec, file: Path) -> np.ndarray | None:
        """Share of all vehicles by origin, class and departure step, see :meth:`Trips.shares`; None without trips."""
        if self.trips is None:
            return None
        fleet = self.said["fleet"]
        pairs = [(f"fleet.{key}", getattr(spec.fleet, key), fleet[key]) for key in ("peak_clock", "peak_width_min")]
        for item in spec.fleet.classes:
            known = fleet["classes"].get(item.name, {})
            pairs.append(
                (f"fleet.classes.{item.name}.peak_over_mean", item.peak_over_mean, known.get("peak_over_mean"))
            )
        for group in ("origins", "destinations"):
            for item in getattr(spec, group):
                known = self.said.get(group, {}).get(item.name, {})
                pairs.append((f"{group}.{item.name}.share", item.share, known.get("share")))
        for key, value, known in pairs:
            if value != known:
                name = self.trips.table.path.name
                raise InputError(f"{file}: {key}: {value!r}; has no meaning beside {name}, which says who departs when")
        return self.trips.shares(spec, file)

    def origin_profile(self, spec, file: Path) -> np.ndarray | None:
        """Share of an origin's vehicles that depart in each step, (n_origins, n_departure_steps); nan by the classes' own.

        Raises
        ------
        InputError
            What :func:`evlib.inputs.own_case.profiles.profiles_by_step` refuses, a column that is no origin, or an origin
            of which nobody departs in time.
        """
        if self.departures is None:
            return None
        names = [origin.name for origin in spec.origins]
        own = _origins_named(self.departures)
        unknown = [name for name in own if name not in names]
        if unknown:
            raise InputError(
                f"{self.departures}: column {unknown[0]!r} is no origin; origins are {', '.join(names[:12])}"
            )
        by_step = profiles_by_step(self.departures, {name: "departures_file" for name in own}, spec.time)
        n_departures = spec.time.last_departure_step + 1
        profile = np.full((len(names), n_departures), np.nan)
        for name in own:
            departing = by_step[name][:n_departures]
            if not departing.sum() > 0:
                raise InputError(
                    f"{self.departures}: column {name!r}: nobody departs from {spec.time.start_clock} until the end of "
                    f"time.last_departure_step {spec.time.last_departure_step}"
                )
            profile[names.index(name)] = departing / departing.sum()
        return profile


def _origins_named(departures: Path) -> list[str]:
    """Columns of a table of departures beside ``time``."""
    header = next((line for line in read_text(departures).split("\n") if line.strip() and line[0] != "#"), "")
    return [name.strip() for name in header.split(",") if name.strip() != "time"]


def refuse_idle_peaks(departures: Path, origins, stated: dict, file: Path) -> None:
    """Refuse what a case states on the peak of departures, where a table has a profile for every origin."""
    if not isinstance(origins, dict) or not {str(name) for name in origins} <= {*_origins_named(departures)}:
        return
    classes = stated.get("classes") if isinstance(stated.get("classes"), dict) else {}
    keys = [f"fleet.{key}" for key in ("peak_clock", "peak_width_min") if key in stated]
    keys += [
        f"fleet.classes.{name}.peak_over_mean"
        for name, member in classes.items()
        if isinstance(member, dict) and "peak_over_mean" in member
    ]
    if keys:
        raise InputError(
            f"{file}: {keys[0]}: would change nothing, as {departures.name} has a column for every origin; remove the key, or "
            "the column of an origin"
        )
