"""The assumptions of the study: one typed, validated, frozen scenario, read from YAML and CSV files.

The file is longer than others because reading, varying and hashing a scenario have to agree on what belongs to it.
"""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError, model_validator

from evlib.errors import InputError
from evlib.folders import SCENARIOS
from evlib.inputs.reading.local_clock import clock_at, minutes_until
from evlib.inputs.reading.provenance import Provenance, check_provenance, split_provenance
from evlib.inputs.reading.sections import explain, quantities, stated, suggest
from evlib.inputs.reading.strict_yaml import read_yaml
from evlib.inputs.scenario_tables import Tables, read_tables
from evlib.inputs.schema import ScenarioSpec, TariffBlock, check_shares
from evlib.traffic.time_grid import clock_to_min

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Scenario", "load_scenario", "make_scenario"]


class Scenario(ScenarioSpec):
    """One case of the study: its parameters, their provenance, and the tables that they name.

    Built by :func:`load_scenario`; varied by :meth:`replace`. Sections are attributes (``scenario.fleet.vehicles``);
    the tables read from CSV files are under ``scenario.tables``.
    """

    _tables: Tables
    _provenance: dict[str, Provenance]
    _file: Path
    _own: object = None

    @model_validator(mode="after")
    def _consistent(self):
        check_shares("origins", self.origins)
        if not self.stations:
            raise ValueError("stations is empty; name at least one station")
        _check_destinations(self)
        _check_times(self)
        _check_driving(self)
        _check_zones(self)
        _check_tariff("import_tariff", self.prices.import_tariff)
        for tariff in self.prices.feeder_tariffs or ():
            _check_tariff(f"feeder_tariffs.{tariff.name}.blocks", tariff.blocks)
        return self

    @property
    def tables(self) -> Tables:
        """Contents of the CSV files as read-only arrays."""
        return self._tables

    @property
    def file(self) -> Path:
        """The YAML file that the scenario was read from."""
        return self._file

    @property
    def own_case(self):
        """What the file says, as an OwnCase, if it is a case of one's own; else None."""
        return self._own

    @property
    def currency(self) -> str:
        """Currency of all prices and costs; in names and units of results it is called CNY whatever it is."""
        return "CNY" if self._own is None else self._own.currency

    @property
    def hash(self) -> str:
        """SHA-256 over every stated value and the content of every table, but not over their provenance."""
        text = json.dumps(stated(self), sort_keys=True) + self._tables.content_hash
        return hashlib.sha256(text.encode()).hexdigest()

    def replace(self, changes: dict | None = None, **switches) -> Scenario:
        """Return the same scenario with some values changed, validated anew.

        Parameters
        ----------
        changes : dict, optional
            Dotted field name -> new value; ``*`` stands for every member of a group, for example
            ``{"stations.*.plugs": 400, "grid.load_scale": 2.5}``. A group is replaced by a dict from names to members,
            whose quantities may be values alone or ``{value, unit, source, range}`` as in the file.
        **switches
            Fields of the section ``switches``, for example ``limits="hard"``.

        Returns
        -------
        Scenario
            A new scenario, whose hash reflects the changes. Values may lie outside their stated range.

        Raises
        ------
        InputError
            A name does not exist, or a value is not allowed.
        """
        changes = dict(changes or {}) | {f"switches.{key}": value for key, value in switches.items()}
        values, stated = self.model_dump(), {}
        for name, value in changes.items():
            if not isinstance(name, str):
                raise InputError(f"{self._file}: replace {name!r}: must be a dotted field name, as in 'fleet.vehicles'")
            if isinstance(value, dict) and "*" not in name:
                value = split_provenance(value, name, stated, self._file)
            _assign(values, name.split("."), value, name, self._file)
        scenario = _checked(values, self._provenance | stated, self._file, is_own=self._own is not None)
        check_provenance(scenario, stated, self._file)
        scenario._own = self._own
        scenario._tables = (self._own.tables_for if self._own else read_tables)(scenario, self._file)
        return scenario

    def parameters(self) -> pd.DataFrame:
        """Every quantity with its value, unit, source and range, one row each, in the order of the sections.

        Values alone that :meth:`replace` added have source ``replace``, kind ``not stated`` and no range. In a case of
        one's own, values without a source are ``not stated``, and those of the package a ``default``.
        """
        import pandas as pd  # here, as it takes long to load and reading a scenario does not need it

        rows = []
        kinds = {"article": "fact of the article", "assumption": "assumption", "replace": "not stated"}
        kinds |= {"not stated": "not stated", "default": "default"}
        for name, unit, value in quantities(self):
            origin = self._provenance.get(name, Provenance(unit, "replace", math.nan, math.nan))
            source_kind = kinds.get(origin.source, "source")
            rows.append((name, value, unit, source_kind, origin.source, origin.low, origin.high, origin.note))
        columns = ["parameter", "value", "unit", "kind", "source", "low", "high", "note"]
        return pd.DataFrame(rows, columns=columns)


def _check_destinations(spec: ScenarioSpec) -> None:
    if spec.destinations:
        check_shares("destinations", spec.destinations)
    if spec.switches.trip_end == "destination" and not spec.destinations:
        raise ValueError("switches.trip_end is 'destination', but destinations is empty; name at least one")


def _check_times(spec: ScenarioSpec) -> None:
    """Stays of whole steps; peaks of departures and of the spike within the time that they belong to."""
    time, fleet, spike = spec.time, spec.fleet, spec.grid.spike
    for member in fleet.classes:
        steps = member.stay_min / time.step_min
        if abs(steps - round(steps)) > 1e-9 or steps < 1:
            raise ValueError(
                f"fleet.classes.{member.name}.stay_min {member.stay_min} must be whole steps of {time.step_min} min"
            )
    if spike and spike.peak_step >= time.n_steps:
        raise ValueError(f"grid.spike.peak_step {spike.peak_step} must be a step 0..{time.n_steps - 1} of the horizon")
    window_min = (time.last_departure_step + 1) * time.step_min
    try:
        late = minutes_until(fleet.peak_clock, time) > window_min
    except ValueError as error:
        raise ValueError(f"time.start_clock or fleet.peak_clock: {error}") from None
    if late:
        raise ValueError(
            f"fleet.peak_clock {fleet.peak_clock!r} must lie in {time.start_clock}..{clock_at(window_min, time)}, the time of "
            "departures (time.start_clock to the end of time.last_departure_step)"
        )


def _check_driving(spec: ScenarioSpec) -> None:
    """Energy of driving is stated for all classes or for none."""
    stated_by = {member.name: member.drive_kwh_km is not None for member in spec.fleet.classes}
    for name, given in stated_by.items():
        if not given and any(stated_by.values()):
            raise ValueError(
                f"fleet.classes.{name}.drive_kwh_km is missing, but other classes have one; "
                "give it, or 0 for a class whose driving takes no energy"
            )


def _check_zones(spec: ScenarioSpec) -> None:
    zones = {zone.name for zone in spec.grid.zones}
    placed = [(f"farms.{farm.name}", farm.zone) for farm in spec.grid.farms]
    spike = [("spike", spec.grid.spike.zone)] if spec.grid.spike else []
    for label, zone in [*placed, *spike]:
        if zone not in zones:
            raise ValueError(f"grid.{label}.zone {zone!r} is not one of the zones {sorted(zones)}")


def _check_tariff(key: str, blocks: tuple[TariffBlock, ...]) -> None:
    """Blocks repeat every day: the last one of a day holds until the first one of the next."""
    if not blocks:
        raise ValueError(f"prices.{key} is empty; give at least one block")
    by_minute: dict[int, str] = {}
    for block in blocks:
        minute = clock_to_min(block.from_clock)
        if minute in by_minute:
            raise ValueError(
                f"prices.{key}: {by_minute[minute]} and {block.name} both begin at {block.from_clock}; keep one"
            )
        by_minute[minute] = block.name


def load_scenario(name_or_path: str | Path) -> Scenario:
    """Read and check a scenario.

    Parameters
    ----------
    name_or_path : str or Path
        ``"nguyen"`` or ``"mini"`` (a file in ``data/scenarios``), or the path of a YAML file or of a folder with a
        ``case.yaml``. File names inside it are relative to the YAML file.

    Returns
    -------
    Scenario
        Frozen and complete: nothing is read from disk later.

    Raises
    ------
    InputError
        A missing file, an unknown or missing key, a wrong unit, or a value that is not allowed. The message names file,
        field and value, and says what would be right.
    """
    file = Path(name_or_path)
    file = file / "case.yaml" if (file / "case.yaml").is_file() else file
    if file.suffix not in (".yaml", ".yml"):
        if file.exists():
            how = "make one of files of roads and feeders: python -m evlib new FOLDER --roads FILE --feeder FILE"
            raise InputError(f"{file}: no scenario, must be a .yaml file; {how}")
        file = SCENARIOS / f"{name_or_path}.yaml"
    if not file.is_file():
        known = ", ".join(sorted(path.stem for path in SCENARIOS.glob("*.yaml")))
        raise InputError(f"{file}: no such scenario file; give a path to a .yaml file or one of: {known}")
    return make_scenario(read_yaml(file), file)


def make_scenario(raw, file: Path, *, sources: bool = True) -> Scenario:
    """Check what a YAML file holds, with the tables that it names.

    Parameters
    ----------
    raw : object
        Content of the file, with ``{value, unit, source, range}`` for every quantity.
    file : Path
        Named in messages; file names in ``raw`` are relative to it.
    sources : bool, optional
        Whether every quantity must have a source and a range. A case of one's own never needs them.

    Returns
    -------
    Scenario

    Raises
    ------
    InputError
        As for :func:`load_scenario`.
    """
    if raw is None:
        raise InputError(f"{file}: the file is empty; a scenario is a mapping of sections")
    if not isinstance(raw, dict):
        raise InputError(f"{file}: a scenario is a mapping of sections, this is a {type(raw).__name__}")
    if "own_case" in raw:
        return _own_scenario(raw, file)
    provenance: dict[str, Provenance] = {}
    try:
        scenario = _checked(split_provenance(raw, "", provenance, file), provenance, file)
    except InputError as error:
        if not str(error).endswith("this key is required"):
            raise
        how = "a case of your own begins with own_case: 1, as `python -m evlib new` writes it, and may leave most keys out"
        raise InputError(f"{error}; {how}") from None
    for name, unit, value in quantities(scenario):
        if name not in provenance and sources:
            how = f"{{value: {value}, unit: {unit}, source: assumption, range: [low, high]}}"
            command = f"python -m evlib convert {file} FOLDER"
            raise InputError(
                f"{file}: {name}: {value!r} stands alone; write {how}, or make it a case of your own, which needs no sources: "
                f"{command}"
            )
    check_provenance(scenario, provenance, file)
    scenario._tables = read_tables(scenario, file)
    return scenario


def _own_scenario(raw: dict, file: Path) -> Scenario:
    """A case of one's own: the same checks, but sources and ranges are not asked for."""
    from evlib.inputs.own_case.expand import expand  # needed for such cases only

    own = expand(raw, file)
    try:
        scenario = _checked(own.values, dict(own.provenance), file, is_own=True)
        check_provenance(scenario, own.provenance, file)
        scenario._own, scenario._tables = own, own.tables_for(scenario, file)
    except InputError as error:
        raise InputError(own.in_own_words(str(error))) from None
    for name, unit, _ in quantities(scenario):
        source = "default" if any(f"{name}.".startswith(f"{key}.") for key in own.defaulted) else "not stated"
        scenario._provenance.setdefault(name, Provenance(unit, source, math.nan, math.nan))
    return scenario


def _checked(values: dict, provenance: dict[str, Provenance], file: Path, *, is_own=False) -> Scenario:
    try:
        scenario = Scenario.model_validate(values, context={"own_case": is_own})
    except ValidationError as error:
        raise InputError(explain(error, Scenario, values, file)) from None
    scenario._file = file
    scenario._provenance = provenance
    return scenario


def _assign(values, keys: list[str], new, name: str, file: Path) -> None:
    key, inner_keys = keys[0], keys[1:]
    if isinstance(values, tuple | list):
        chosen = [member for member in values if key in ("*", member.get("name"))]
        if inner_keys == ["name"]:
            raise InputError(f"{file}: replace {name!r}: a member's key is its name; replace the whole group")
        if not chosen or not inner_keys:
            known = ", ".join(str(member.get("name")) for member in values)
            raise InputError(f"{file}: replace {name!r}: {key!r} names no member with a field; members are {known}")
        for member in chosen:
            _assign(member, inner_keys, new, name, file)
        return
    if not isinstance(values, dict) or key not in values:
        known = list(values) if isinstance(values, dict) else []
        raise InputError(f"{file}: replace {name!r}: unknown key {key!r}{suggest(key, known)}")
    if inner_keys:
        _assign(values[key], inner_keys, new, name, file)
    else:
        values[key] = new
