"""What an ensemble varies and how far, read from a YAML file and checked against its scenario."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from evlib import load_scenario
from evlib.errors import InputError
from evlib.folders import DATA
from evlib.inputs.reading.sections import quantities, suggest
from evlib.inputs.reading.strict_yaml import read_yaml
from evlib.inputs.scenario import Scenario

__all__ = ["DESIGNS", "Design", "Knob", "Weather", "read_design"]

DESIGNS = DATA / "ensembles"
HOW = ("value", "factor", "shift")
SCALES = ("linear", "log")
TOP_KEYS = ("scenario", "seed", "fixed", "weather", "knobs")
KNOB_KEYS = ("sets", "how", "low", "high", "unit", "scale", "label", "why", "round_to")
WEATHER_KEYS = ("file", "zones", "least_surplus_mwh", "least_deficit_mwh", "strata")


@dataclass(frozen=True)
class Knob:
    """One number that is varied, and the values of the scenario that it sets.

    Attributes
    ----------
    name, label, why : str
    sets : tuple of str
        Dotted names of the scenario's quantities, without ``*``.
    how : {"value", "factor", "shift"}
        Whether the quantities become the number, are multiplied by it, or raised by it.
    low, high : float
        Range, in ``unit``.
    unit : str
        Unit of the quantities; "1" for a factor.
    scale : {"linear", "log"}
        Whether the number or its logarithm is uniform over the range.
    round_to : float, optional
        The quantities are rounded to multiples of this, in their unit.
    """

    name: str
    sets: tuple[str, ...]
    how: str
    low: float
    high: float
    unit: str
    scale: str
    label: str
    why: str
    round_to: float | None = None

    def at(self, share: float) -> float:
        """The number at a share 0..1 of the range."""
        if self.scale == "log":
            return self.low * (self.high / self.low) ** share
        return self.low + (self.high - self.low) * share

    def new_value(self, old: float, number: float) -> float:
        """Value of a quantity, from that before and the knob's number."""
        value = {"value": number, "factor": old * number, "shift": old + number}[self.how]
        return value if self.round_to is None else self.round_to * round(value / self.round_to)


@dataclass(frozen=True)
class Weather:
    """From which days a draw takes its weather, see :mod:`study.experiments.ensemble.weather`.

    Attributes
    ----------
    file : Path
        Series of a whole year.
    zones : tuple of str
        Two zones whose surplus orders the days.
    least_surplus_mwh : float
        Both zones have at least this much surplus on a day that counts [MWh].
    least_deficit_mwh : float
        All zones together have at least this much deficit on a day that counts [MWh].
    strata : int
        Groups of days by the surplus of the first zone.
    """

    file: Path
    zones: tuple[str, str]
    least_surplus_mwh: float
    least_deficit_mwh: float
    strata: int


@dataclass(frozen=True)
class Design:
    """An ensemble: a scenario, what is varied in it, and the seed of its draws.

    Attributes
    ----------
    file : Path
    scenario : Scenario
        The base case, and what all draws have in common.
    seed : int
    knobs : tuple of Knob
    weather : Weather or None
        None if all draws keep the scenario's day.
    """

    file: Path
    scenario: Scenario
    seed: int
    knobs: tuple[Knob, ...]
    weather: Weather | None


def read_design(name_or_path: str | Path) -> Design:
    """Read and check what an ensemble varies.

    Parameters
    ----------
    name_or_path : str or Path
        Name of a file in ``data/ensembles``, or the path of a YAML file.

    Returns
    -------
    Design

    Raises
    ------
    InputError
        A file, key or unit that is missing, unknown or wrong; a range that is inverted; a number that the scenario does
        not allow. The message names file, knob and value, and says what would be right.
    """
    file = Path(name_or_path)
    file = file if file.suffix in (".yaml", ".yml") else DESIGNS / f"{name_or_path}.yaml"
    if not file.is_file():
        known = ", ".join(sorted(path.stem for path in DESIGNS.glob("*.yaml")))
        raise InputError(f"{file}: no such file; give the path of a .yaml file or one of: {known}")
    raw = _mapping(read_yaml(file), file, "file", TOP_KEYS, needed=("scenario", "seed", "knobs"))
    if not _is_whole(raw["seed"]):
        raise InputError(f"{file}: seed: {raw['seed']!r}; must be a whole number of at least 0")
    scenario = _with_fixed(load_scenario(_scenario_name(raw["scenario"], file)), raw.get("fixed"), file)
    knobs = raw["knobs"]
    if not isinstance(knobs, dict) or not knobs:
        raise InputError(f"{file}: knobs: {knobs!r}; must be a mapping from names to knobs, at least one")
    read = tuple(_knob(str(name), node, scenario, file) for name, node in knobs.items())
    _check_together(read, file)
    for knob in read:
        _check_ends(knob, scenario, file)
    return Design(file, scenario, raw["seed"], read, _weather(raw.get("weather"), scenario, file))


def _scenario_name(value, file: Path) -> str:
    if not isinstance(value, str):
        raise InputError(f"{file}: scenario: {value!r}; must be the name or path of a scenario")
    beside = file.parent / value
    return str(beside) if beside.suffix in (".yaml", ".yml") else value


def _with_fixed(scenario: Scenario, fixed, file: Path) -> Scenario:
    if fixed is None:
        return scenario
    if not isinstance(fixed, dict):
        raise InputError(f"{file}: fixed: {fixed!r}; must be a mapping from the scenario's keys to values")
    try:
        return scenario.replace(fixed)
    except InputError as error:
        raise InputError(f"{file}: fixed: {error}") from None


def _mapping(node, file: Path, place: str, known, needed=()) -> dict:
    if not isinstance(node, dict):
        raise InputError(f"{file}: {place}: {node!r}; must be a mapping with the keys {', '.join(known)}")
    for key in node:
        if key not in known:
            raise InputError(f"{file}: {place}: unknown key {key!r}{suggest(str(key), list(known))}")
    for key in needed:
        if key not in node:
            raise InputError(f"{file}: {place}: {key} is missing; must have {', '.join(needed)}")
    return node


def _knob(name: str, node, scenario: Scenario, file: Path) -> Knob:
    place = f"knobs.{name}"
    needed = ("sets", "how", "low", "high", "unit", "scale", "label", "why")
    node = _mapping(node, file, place, KNOB_KEYS, needed)
    for key, known in (("how", HOW), ("scale", SCALES)):
        if node[key] not in known:
            raise InputError(f"{file}: {place}.{key}: {node[key]!r}; must be one of {', '.join(known)}")
    for key in ("unit", "label", "why"):
        if not isinstance(node[key], str) or not node[key].strip():
            raise InputError(f"{file}: {place}.{key}: {node[key]!r}; must be text, in quotes if it is a number")
    low, high = (_number(node[key], file, f"{place}.{key}") for key in ("low", "high"))
    if not low < high:
        raise InputError(f"{file}: {place}: range {low:g}..{high:g} is inverted or empty; low must be below high")
    if low <= 0 and node["scale"] == "log":
        raise InputError(f"{file}: {place}.low: {low:g}; must be above 0 on a log scale, or scale must be linear")
    step = node.get("round_to")
    if step is not None and _number(step, file, f"{place}.round_to") <= 0:
        raise InputError(f"{file}: {place}.round_to: {step!r}; must be above 0")
    sets = _expanded(node["sets"], node["how"], node["unit"], scenario, file, place)
    return Knob(name, sets, node["how"], low, high, node["unit"], node["scale"], node["label"], node["why"], step)


def _number(value, file: Path, place: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InputError(f"{file}: {place}: {value!r}; must be a finite number")
    return float(value)


def _is_whole(value) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _expanded(sets, how: str, unit: str, scenario: Scenario, file: Path, place: str) -> tuple[str, ...]:
    """Names of the quantities that a knob sets, each of the knob's unit."""
    if not isinstance(sets, list) or not sets or not all(isinstance(key, str) for key in sets):
        raise InputError(f"{file}: {place}.sets: {sets!r}; must be a list of the scenario's keys, at least one")
    units = {name: field_unit for name, field_unit, _ in quantities(scenario)}
    chosen: list[str] = []
    for key in sets:
        names = [name for name in units if _matches(name, key)]
        if not names:
            raise InputError(
                f"{file}: {place}.sets: {key!r} is no quantity of scenario {scenario.name}{suggest(key, list(units))}"
            )
        for name in names:
            right = "1" if how == "factor" else units[name]
            if unit != right:
                raise InputError(f"{file}: {place}.unit: {unit!r}; must be {right!r} to {how} {name}")
        chosen += names
    if len(set(chosen)) < len(chosen):
        raise InputError(f"{file}: {place}.sets: {sets!r} sets a key twice; keep one")
    return tuple(chosen)


def _matches(name: str, pattern: str) -> bool:
    parts, wanted = name.split("."), pattern.split(".")
    return len(parts) == len(wanted) and all(w in ("*", p) for p, w in zip(parts, wanted, strict=True))


def _check_together(knobs: tuple[Knob, ...], file: Path) -> None:
    """Two knobs may both scale or shift a key, but none may set one that another knob sets too."""
    owner: dict[str, Knob] = {}
    for knob in knobs:
        for key in knob.sets:
            other = owner.setdefault(key, knob)
            if other is not knob and "value" in (knob.how, other.how):
                raise InputError(f"{file}: knobs.{knob.name}: {key} is set by {other.name} too; keep one")


def _check_ends(knob: Knob, scenario: Scenario, file: Path) -> None:
    """Refuse ends that the scenario does not allow."""
    old = {name: value for name, _, value in quantities(scenario)}
    for end in (knob.low, knob.high):
        try:
            scenario.replace({key: knob.new_value(old[key], end) for key in knob.sets})
        except InputError as error:
            raise InputError(f"{file}: knobs.{knob.name}: its end {end:g} is not allowed: {error}") from None


def _weather(node, scenario: Scenario, file: Path) -> Weather | None:
    if node is None:
        return None
    node = _mapping(node, file, "weather", WEATHER_KEYS, WEATHER_KEYS)
    series = file.parent / str(node["file"])
    if not series.is_file():
        raise InputError(f"{series.resolve()}: no such file; weather.file of {file} names it as {node['file']!r}")
    zones, known = node["zones"], [zone.name for zone in scenario.grid.zones]
    if not isinstance(zones, list) or len(zones) != 2 or not all(zone in known for zone in zones):
        raise InputError(f"{file}: weather.zones: {zones!r}; must be two of {', '.join(known)}")
    least = [_number(node[key], file, f"weather.{key}") for key in ("least_surplus_mwh", "least_deficit_mwh")]
    if not _is_whole(node["strata"]) or node["strata"] < 1:
        raise InputError(f"{file}: weather.strata: {node['strata']!r}; must be a whole number of at least 1")
    return Weather(series.resolve(), (zones[0], zones[1]), *least, node["strata"])
