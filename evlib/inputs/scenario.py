"""The assumptions of the study: one typed, validated, frozen scenario, read from YAML and CSV files."""

from __future__ import annotations

import difflib
import hashlib
import json
import typing
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import yaml
from pydantic import BaseModel, ValidationError

from evlib.errors import InputError
from evlib.folders import SCENARIOS
from evlib.inputs.scenario_tables import Tables, read_tables
from evlib.inputs.schema import ScenarioSpec, quantities

__all__ = ["Provenance", "Scenario", "load_scenario"]

LEAF_KEYS = ("value", "unit", "source", "range", "note")


@dataclass(frozen=True)
class Provenance:
    """Where the value of a parameter comes from.

    Attributes
    ----------
    unit : str
        Unit of the value, as declared for the field.
    source : str
        ``article`` (a fact stated in the article), ``assumption``, or the name of the source.
    low, high : float
        Range over which the value may reasonably vary, in the same unit.
    note : str
        Reason or remark, possibly empty.
    """

    unit: str
    source: str
    low: float
    high: float
    note: str = ""


class Scenario(ScenarioSpec):
    """One case of the study: its parameters, their provenance, and the tables that they name.

    Built by :func:`load_scenario`; varied by :meth:`replace`. Sections are attributes (``scenario.fleet.vehicles``);
    the tables read from CSV files are under ``scenario.tables``.
    """

    _tables: Tables
    _provenance: dict[str, Provenance]
    _file: Path

    @property
    def tables(self) -> Tables:
        """Contents of the CSV files as read-only arrays."""
        return self._tables

    @property
    def file(self) -> Path:
        """The YAML file that the scenario was read from."""
        return self._file

    @property
    def hash(self) -> str:
        """SHA-256 over every value and the content of every table, but not over their provenance."""
        values = self.model_dump(mode="json")
        text = json.dumps(values, sort_keys=True) + self._tables.content_hash
        return hashlib.sha256(text.encode()).hexdigest()

    def replace(self, changes: dict | None = None, **switches) -> Scenario:
        """Return the same scenario with some values changed, validated anew.

        Parameters
        ----------
        changes : dict, optional
            Dotted field name -> new value; ``*`` stands for every member of a group, for example
            ``{"stations.*.plugs": 400, "grid.load_scale": 2.5}``.
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
        values = self.model_dump()
        for name, value in changes.items():
            _assign(values, name.split("."), value, name, self._file)
        return _build(values, self._provenance, self._file)

    def parameters(self) -> pd.DataFrame:
        """Every quantity with its value, unit, source and range, one row each, in the order of the sections."""
        rows = []
        for name, unit, value in quantities(self):
            origin = self._provenance[name]
            source_kind = {"article": "fact of the article", "assumption": "assumption"}.get(origin.source, "source")
            rows.append((name, value, unit, source_kind, origin.source, origin.low, origin.high, origin.note))
        columns = ["parameter", "value", "unit", "kind", "source", "low", "high", "note"]
        return pd.DataFrame(rows, columns=columns)


def load_scenario(name_or_path: str | Path) -> Scenario:
    """Read and check a scenario.

    Parameters
    ----------
    name_or_path : str or Path
        ``"nguyen"`` or ``"mini"`` (a file in ``data/scenarios``), or the path of a YAML file. File names inside it are
        relative to the YAML file.

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
    if file.suffix not in (".yaml", ".yml"):
        file = SCENARIOS / f"{name_or_path}.yaml"
    if not file.is_file():
        known = ", ".join(sorted(path.stem for path in SCENARIOS.glob("*.yaml")))
        raise InputError(f"{file}: no such scenario file; give a path to a .yaml file or one of: {known}")
    try:
        raw = yaml.load(file.read_text(encoding="utf-8"), Loader=_UniqueKeyLoader)
    except yaml.YAMLError as error:
        raise InputError(f"{file}: not readable as YAML: {error}") from None
    if not isinstance(raw, dict):
        raise InputError(f"{file}: a scenario is a mapping of sections, this is a {type(raw).__name__}")
    provenance: dict[str, Provenance] = {}
    values = _split(raw, "", provenance, file)
    scenario = _build(values, provenance, file)
    _check_provenance(scenario)
    return scenario


class _UniqueKeyLoader(yaml.SafeLoader):
    """YAML loader that refuses a key given twice; YAML readers would otherwise silently keep one of the values."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key!r} appears twice; keep one", node.start_mark
                )
        return super().construct_mapping(node, deep)


def _build(values: dict, provenance: dict[str, Provenance], file: Path) -> Scenario:
    try:
        scenario = Scenario.model_validate(values)
    except ValidationError as error:
        raise InputError(_explain(error, file)) from None
    scenario._file = file
    scenario._provenance = provenance
    scenario._tables = read_tables(scenario, file)
    return scenario


def _split(node, path: str, provenance: dict[str, Provenance], file: Path):
    """Separate values from provenance: ``{value, unit, source, range}`` is replaced by its value."""
    if isinstance(node, list):
        return [_split(child, f"{path}.{index}", provenance, file) for index, child in enumerate(node)]
    if not isinstance(node, dict):
        return node
    if "value" not in node:
        return {str(key): _split(child, f"{path}.{key}".lstrip("."), provenance, file) for key, child in node.items()}
    for key in node:
        if key not in LEAF_KEYS:
            raise InputError(f"{file}: {path}: unknown key {key!r}; a parameter has {', '.join(LEAF_KEYS)}")
    missing = [key for key in ("unit", "source", "range") if key not in node]
    if missing:
        raise InputError(f"{file}: {path}: {missing[0]} is missing; give value, unit, source (or assumption) and range")
    bounds = node["range"]
    if not (isinstance(bounds, list) and len(bounds) == 2 and all(isinstance(b, int | float) for b in bounds)):
        raise InputError(f"{file}: {path}: range {bounds!r} is not [low, high]")
    provenance[path] = Provenance(
        str(node["unit"]), str(node["source"]), float(bounds[0]), float(bounds[1]), str(node.get("note", ""))
    )
    return node["value"]


def _check_provenance(scenario: Scenario) -> None:
    for name, unit, value in quantities(scenario):
        origin = scenario._provenance.get(name)
        if origin is None:
            raise InputError(
                f"{scenario.file}: {name}: {value!r} stands alone; write "
                f"{{value: {value}, unit: {unit}, source: assumption, range: [low, high]}}"
            )
        if origin.unit != unit:
            raise InputError(f"{scenario.file}: {name}: unit {origin.unit!r} is wrong; this field is in {unit!r}")
        if not origin.low <= value <= origin.high:
            raise InputError(
                f"{scenario.file}: {name}: value {value} is outside its own range [{origin.low}, {origin.high}]"
            )


def _assign(values, keys: list[str], new, name: str, file: Path) -> None:
    key, inner_keys = keys[0], keys[1:]
    if isinstance(values, tuple | list):
        chosen = [member for member in values if key in ("*", member.get("name"))]
        if not chosen or not inner_keys:
            known = ", ".join(str(member.get("name")) for member in values)
            raise InputError(f"{file}: replace {name!r}: {key!r} names no member with a field; members are {known}")
        for member in chosen:
            _assign(member, inner_keys, new, name, file)
        return
    if not isinstance(values, dict) or key not in values:
        known = list(values) if isinstance(values, dict) else []
        raise InputError(f"{file}: replace {name!r}: unknown key {key!r}{_suggest(key, known)}")
    if inner_keys:
        _assign(values[key], inner_keys, new, name, file)
    else:
        values[key] = new


def _suggest(key: str, known: list[str]) -> str:
    stem = key.rsplit("_", 1)[0]
    same_stem = [name for name in known if name.startswith(stem.split("_veh")[0] + "_") and stem]
    close = difflib.get_close_matches(key, known, n=1, cutoff=0.6) or same_stem[:1]
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known here: {', '.join(known)}" if known else ""


def _explain(error: ValidationError, file: Path) -> str:
    """One sentence on the first fault of a pydantic error: file, field, value, and what would be right."""
    errors = error.errors()
    fault = next((candidate for candidate in errors if candidate["type"] == "extra_forbidden"), errors[0])
    path = [str(part) for part in fault["loc"]]
    field = ".".join(path)
    if fault["type"] == "extra_forbidden":
        known = _fields_at(Scenario, path[:-1])
        return f"{file}: {field}: unknown key{_suggest(path[-1], known)}"
    if fault["type"] == "missing":
        return f"{file}: {field}: missing; this key is required"
    message = fault["msg"].removeprefix("Value error, ")
    value = fault["input"]
    shown = "" if isinstance(value, dict | tuple | list) else f" {value!r}"
    return f"{file}: {field or 'scenario'}:{shown} {message[:1].lower()}{message[1:]}"


def _fields_at(model, path: list[str]) -> list[str]:
    for part in path:
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            return []
        if part in model.model_fields:
            annotation = model.model_fields[part].annotation
            inner = [arg for arg in typing.get_args(annotation) if isinstance(arg, type)]
            model = inner[0] if inner else annotation
    return list(model.model_fields) if isinstance(model, type) and issubclass(model, BaseModel) else []
