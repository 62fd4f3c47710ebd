"""A fleet as a table of trips, one row for a vehicle or for several alike, instead of a profile of departures."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evlib.errors import InputError
from evlib.inputs.reading.local_clock import clock_at, minutes_until
from evlib.inputs.reading.plausible import check_table
from evlib.inputs.reading.tables import Column, Table, read_table

__all__ = ["BATTERY_STEP_KWH", "SOC_STEP", "TRIP_COLUMNS", "Trips", "read_trips"]

TRIP_COLUMNS = {
    "vehicle": Column("text", required=False),
    "count": Column("number", "veh", least=0, required=False),
    "origin": Column("text"),
    "class": Column("text", required=False),
    "departure": Column("text"),
    "soc": Column("number", "1", least=0, required=False),
    "battery_kwh": Column("number", "kWh", above=0, required=False),
    "destination": Column("text", required=False),
}
# Vehicles of a class whose states of charge and batteries lie in one interval of these widths are one class of the model.
SOC_STEP, BATTERY_STEP_KWH = 0.1, 20.0
_CLOCK = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])(:[0-5][0-9])?")
# What a table of trips says, so that a file that names one may not.
_SAID = ("vehicles", "peak_clock", "peak_width_min")


@dataclass(frozen=True)
class Trips:
    """Trips, by their classes in the model.

    Attributes
    ----------
    table : Table
    count : ndarray, shape (n_trips,)
        Vehicles of each row [veh].
    member : ndarray of str, shape (n_trips,)
        Class of each row in the model.
    classes : dict of str -> dict
        Values of these classes.
    notes : tuple of str
        How rows were put together, as sentences.
    """

    table: Table
    count: np.ndarray
    member: np.ndarray
    classes: dict[str, dict]
    notes: tuple[str, ...]

    def last_step(self, time) -> int | None:
        """Step of the last departure; None where the section ``time`` is not right, which is said elsewhere."""
        try:
            return int(max(self._minutes(time)) // time.step_min)
        except (InputError, KeyError, OSError, TypeError, ValueError):
            return None

    def share_of(self, column: str) -> dict[str, float]:
        """Share of all vehicles by what stands in a column."""
        names = self.table[column].tolist()
        return {
            name: float(self.count[self.table[column] == name].sum() / self.count.sum())
            for name in dict.fromkeys(names)
        }

    def shares(self, spec, file: Path) -> np.ndarray:
        """Share of all vehicles that departs from each origin, by class and step.

        Parameters
        ----------
        spec : ScenarioSpec
            Validated sections.
        file : Path
            Named in messages.

        Returns
        -------
        ndarray, shape (n_origins, n_classes, n_departure_steps)
            Sums to 1. If trips go on to a destination, an origin stands for a pair, in the order of the network.

        Raises
        ------
        InputError
            A trip outside the time of departures, an unknown origin or destination, or a variant of what the table says.
        """
        time, goes_on = spec.time, spec.switches.trip_end == "destination"
        self._refuse_variants(spec, file)
        origin = self.positions("origin", [item.name for item in spec.origins], "an origin of the case")
        n_pairs = len(spec.origins)
        if goes_on:
            if "destination" not in self.table.values:
                raise InputError(f"{self.table.path}: no column destination; switches.trip_end is 'destination'")
            names = [item.name for item in spec.destinations]
            origin = origin * len(names) + self.positions("destination", names, "a destination of the case")
            n_pairs *= len(names)
        elif "destination" in self.table.values:
            raise InputError(
                f"{file}: switches.trip_end: {spec.switches.trip_end!r} beside column 'destination' of {self.table.path.name}; "
                "leave the switch out, then trips go on there after charging, or remove the column"
            )
        minutes = self._minutes(time)
        step = (np.array(minutes) // time.step_min).astype(int)
        late = np.flatnonzero(step > time.last_departure_step)
        if len(late):
            end = clock_at((time.last_departure_step + 1) * time.step_min, time)
            raise InputError(
                f"{self.table.place(late[0])}: departure = {self.table.texts['departure'][late[0]]!r}; must lie in "
                f"{time.start_clock}..{end}, from time.start_clock to the end of time.last_departure_step"
            )
        member = {item.name: position for position, item in enumerate(spec.fleet.classes)}
        shares = np.zeros((n_pairs, len(member), time.last_departure_step + 1))
        np.add.at(shares, (origin, [member[name] for name in self.member.tolist()], step), self.count)
        return shares / self.count.sum()

    def _refuse_variants(self, spec, file: Path) -> None:
        """The table says which classes there are and how many of each; no variant may say otherwise."""
        total = self.count.sum()
        for item in spec.fleet.classes:
            share = self.count[self.member == item.name].sum() / total
            if item.name not in self.classes or abs(share - item.share) > 1e-9:
                raise InputError(
                    f"{file}: fleet.classes.{item.name}.share: {item.share:g}; {self.table.path.name} says {share:g}: change "
                    "the trips"
                )

    def destinations(self, origins, nodes: set[str]) -> dict[str, dict]:
        """Destinations by the names in the table: those of origins, which end at the node of the origin, or road nodes.

        Raises
        ------
        InputError
            Names that are neither; all of them are listed.
        """
        known = {str(name): member.get("node") for name, member in origins.items() if isinstance(member, dict)}
        names = list(dict.fromkeys(self.table["destination"].tolist()))
        lost = [name for name in names if name not in known and name not in nodes]
        if lost:
            more = f" and {len(lost) - 10} more" if len(lost) > 10 else ""
            raise InputError(
                f"{self.table.path}: destination {', '.join(lost[:10])}{more}: neither an origin of the case nor a node of the "
                "links; must be one of them, or a name of the section destinations: {name: {node: ...}}"
            )
        return {name: {"node": known.get(name, name)} for name in names}

    def positions(self, column: str, names: list[str], what: str) -> np.ndarray:
        """Place of each row's cell among some names; a name that is not among them is refused as not ``what`` it must be."""
        known = {name: position for position, name in enumerate(names)}
        for row, name in enumerate(self.table[column].tolist()):
            if name not in known:
                raise InputError(f"{self.table.place(row)}: {column} = {name!r} is not {what}")
        return np.array([known[name] for name in self.table[column].tolist()])

    def _minutes(self, time) -> list[float]:
        """Minutes from the start of the horizon to each departure."""
        known: dict[str, float] = {}
        for row, text in enumerate(self.table.texts["departure"]):
            if text in known:
                continue
            found = _CLOCK.fullmatch(text)
            if not found:
                raise InputError(
                    f"{self.table.place(row)}: departure = {text!r}; must be a clock time HH:MM or HH:MM:SS"
                )
            try:
                minute = minutes_until(f"{found.group(1)}:{found.group(2)}", time)
            except ValueError as error:
                raise InputError(f"{self.table.place(row)}: departure = {text!r}: {error}") from None
            known[text] = minute + (int(found.group(3)[1:]) / 60.0 if found.group(3) else 0.0)
        return [known[text] for text in self.table.texts["departure"]]


def read_trips(path: Path, fleet: dict, stated: dict, file: Path) -> Trips:
    """Read a table of trips, and make the classes of its vehicles.

    Parameters
    ----------
    path : Path
        CSV with ``origin`` (its name in the case), ``departure`` (local clock time), and either ``vehicle`` (a name, one
        vehicle a row) or ``count`` (vehicles of a row, whole or not). It may have ``class`` (needed if the case has
        several), ``soc`` and ``battery_kwh`` (state of charge on departure; instead of those of the class), and
        ``destination``.
    fleet : dict
        Section of the case with its defaults; ``soc_step`` and ``battery_step_kwh`` are taken out of it.
    stated : dict
        The section as the file states it.
    file : Path
        Named in messages.

    Returns
    -------
    Trips

    Raises
    ------
    InputError
        What :func:`evlib.inputs.reading.tables.read_table` refuses; an unknown class; a key of the fleet that the table
        says already.

    Notes
    -----
    Vehicles of a class whose states of charge lie in one interval of ``soc_step`` and whose batteries lie in one of
    ``battery_step_kwh`` are one class of the model, with the mean battery and the state of charge that keeps their energy.
    Vehicles depart at an even rate within the step of their departure.
    """
    table = read_table(path, TRIP_COLUMNS, unique=[("vehicle",)])
    check_table(table, ("battery_kwh",))
    has = table.values.keys()
    if ("vehicle" in has) == ("count" in has):
        raise InputError(f"{path}: must have either a column vehicle, one vehicle a row, or a column count")
    count = table["count"] if "count" in has else np.ones(len(table))
    if not count.sum() > 0:
        raise InputError(f"{path}: count sums to {count.sum():g}; somebody must depart")
    _refuse_said(stated, path, file)
    widths = (fleet.pop("soc_step", SOC_STEP), fleet.pop("battery_step_kwh", BATTERY_STEP_KWH))
    for name, width in zip(("soc_step", "battery_step_kwh"), widths, strict=True):
        if isinstance(width, bool) or not isinstance(width, int | float) or not 0 < width < 1e6:
            raise InputError(f"{file}: fleet.{name}: {width!r}; must be a number above 0")
    for row in np.flatnonzero(table["soc"] > 1)[:1] if "soc" in has else ():
        raise InputError(f"{table.place(row)}: soc = {table['soc'][row]:g}; must be a share of the battery, 0 to 1")
    classes = fleet["classes"]
    if not isinstance(classes, dict) or not all(isinstance(member, dict) for member in classes.values()):
        return Trips(table, count, np.full(len(table), ""), {}, ())  # the schema says what is wrong with them
    label = _class_of_rows(table, list(classes))
    if "soc" in has and stated.get("soc_type_offset", 0) != 0:
        raise InputError(
            f"{file}: fleet.soc_type_offset: {stated['soc_type_offset']!r}; must be 0 or left out: {path.name} has a column soc"
        )
    if "soc" in has:
        fleet["soc_type_offset"] = 0.0
    made, member, notes = {}, np.full(len(table), "", dtype=object), []
    for name, values in classes.items():
        rows = np.flatnonzero((label == name) & (count > 0))
        if not len(rows):
            notes.append(f"fleet.classes.{name}: no vehicle of {path.name} has this class")
            continue
        for label_of, values_of, inside in _groups(name, values, rows, table, count, widths):
            made[label_of] = values_of | {"share": float(count[inside].sum() / count.sum())}
            member[inside] = label_of
    used = count > 0
    if len(made) > len(classes):
        notes.append(
            f"{path.name}: {int(used.sum())} rows are {len(made)} classes, by intervals of {widths[0]:g} in soc and "
            f"{widths[1]:g} kWh in battery_kwh"
        )
    member[~used] = next(iter(made))
    return Trips(table, count, member.astype(str), made, tuple(notes))


def _refuse_said(stated: dict, path: Path, file: Path) -> None:
    for key in _SAID:
        if key in stated:
            raise InputError(f"{file}: fleet.{key}: {path.name} says who departs when; remove one of the two")
    classes = stated.get("classes", {})
    for name, values in classes.items() if isinstance(classes, dict) else ():
        for key in ("share", "peak_over_mean") if isinstance(values, dict) else ():
            if key in values:
                raise InputError(f"{file}: fleet.classes.{name}.{key}: {path.name} says it; remove one of the two")


def _class_of_rows(table: Table, names: list[str]) -> np.ndarray:
    if "class" not in table.values:
        if len(names) > 1:
            raise InputError(f"{table.path}: no column class; must name one of {', '.join(names)} in each row")
        return np.full(len(table), names[0])
    for row, name in enumerate(table["class"].tolist()):
        if name not in names:
            raise InputError(f"{table.place(row)}: class = {name!r} is not one of fleet.classes: {', '.join(names)}")
    return table["class"]


def _groups(name: str, values: dict, rows, table: Table, count, widths):
    """Classes of the model for the rows of one class: name, values and rows of each."""
    soc, battery = (
        table[column][rows] if column in table.values else np.full(len(rows), values[key], dtype=float)
        for column, key in (("soc", "soc_arrival"), ("battery_kwh", "battery_kwh"))
    )
    stated = ("soc" in table.values, "battery_kwh" in table.values)
    bins = np.stack(
        [np.floor(v / width + 1e-9) * is_in for v, width, is_in in zip((soc, battery), widths, stated, strict=True)],
        axis=1,
    )
    kinds, inverse = np.unique(bins, axis=0, return_inverse=True)
    for kind in range(len(kinds)):
        inside = inverse.reshape(-1) == kind
        weight = count[rows][inside]
        means = {}
        if stated[1]:
            means["battery_kwh"] = float(np.average(battery[inside], weights=weight))
        if stated[0]:
            means["soc_arrival"] = float(np.average(soc[inside], weights=weight * battery[inside]))
        label = name if len(kinds) == 1 else f"{name}_{kind + 1}"
        yield label, values | means, rows[inside]
