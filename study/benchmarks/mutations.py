"""Spoil every field and every table of the scenarios, one at a time, and see whether the fault is named."""

from __future__ import annotations

import csv
import io
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from evlib.errors import InputError
from evlib.folders import DATA, SCENARIOS
from evlib.inputs.reading.strict_yaml import read_yaml
from evlib.inputs.scenario import Scenario, make_scenario

__all__ = ["HARMLESS", "Outcome", "all_outcomes", "try_mutations"]

NAMES = ("mini", "nguyen")
VALUES = {
    "text": "text",
    "nan": float("nan"),
    "inf": float("inf"),
    "-1": -1,
    "1e30": 1e30,
    "true": True,
    "null": None,
    "list": [1],
    "dict": {"a": 1},
}
CELLS = {"text": "text", "empty": "", "nan": "nan", "-1": "-1", "TRUE": "TRUE"}
GROUPS = ("origins", "stations", "destinations", "fleet.classes", "grid.zones", "grid.farms", "prices.import_tariff")
TABLES = {
    "roads.links_file": ("from", "to", "link"),
    "roads.nodes_file": ("node",),
    "grid.buses_file": ("bus",),
    "grid.branches_file": ("branch", "from_bus", "to_bus", "status"),
    "grid.ratings_file": ("from_bus", "to_bus"),
    "grid.profiles_file": (),
}
# What may load: the new scenario differs in exactly this, or it only touches what is said about a value, or a
# value that has a stated default is left out.
HARMLESS = {
    "* name = text": "a name of the scenario",
    "* description = text": "a description",
    "*: source = text": "where a value comes from is free text",
    "*: note removed": "a remark may be left out",
    "* switches.renewable_swap = true": "the other choice of this switch",
    "* switches removed": "switches have defaults, which both scenarios take",
    "* switches.* removed": "switches have defaults, which both scenarios take",
    "nguyen destinations removed": "needed for trip_end destination only",
    "nguyen roads.od_file removed": "needed for background traffic only",
    "nguyen roads.od_file = null": "needed for background traffic only",
    "nguyen fleet.arrival_levels removed": "the number of levels has a default",
    "mini_links.csv link column removed": "a label for readers, checked and not used",
    "mini_nodes.csv [xy] = -1": "a drawing coordinate",
    "*_buses.csv q_kvar = -1": "a capacitive load",
    "rts_gmlc_2020-07-15_day.csv *_pu column removed": "a profile that neither load nor farm of mini names",
}
# Of these, the ones that leave every value as it was.
SAME_VALUES = ("*: source = text", "*: note*", "* switches removed", "* switches.* removed", "* link column removed")
SAME_VALUES += ("*_pu column removed",)


@dataclass(frozen=True)
class Outcome:
    """What came of one mutation.

    Attributes
    ----------
    label : str
        Scenario or file, field and change.
    status : {"refused", "harmless", "silent", "traceback"}
        An InputError; loaded as stated in ``HARMLESS``; loaded although it should not; any other error.
    message : str
        Of the error, or what differs.
    named : bool
        The message names the file or the field.
    seconds : float
        Time that it took [s].
    """

    label: str
    status: str
    message: str
    named: bool
    seconds: float


def try_mutations() -> tuple[int, int, int]:
    """Number of mutations tried, of those that pass silently, and of those that end in a traceback."""
    statuses = [outcome.status for outcome in all_outcomes()]
    return len(statuses), statuses.count("silent"), statuses.count("traceback")


def all_outcomes(names: tuple[str, ...] = NAMES) -> list[Outcome]:
    """Every mutation of the fields of scenarios and of the tables of `mini`.

    Parameters
    ----------
    names : tuple of str
        Scenarios whose fields are spoiled.

    Returns
    -------
    list of Outcome
    """
    outcomes = []
    for name in names:
        file = SCENARIOS / f"{name}.yaml"
        raw = read_yaml(file)
        original = make_scenario(raw, file)
        for field, change in _field_mutations(raw, ""):
            if name == "nguyen" and field.endswith(": source = text"):
                continue  # loads; that of mini tells enough
            with change():
                outcomes.append(_outcome(f"{name} {field}", field.split(" ")[0].rstrip(":"), raw, file, original))
    with tempfile.TemporaryDirectory() as folder:
        outcomes += _table_outcomes(Path(folder))
    return outcomes


def _outcome(label: str, field: str, raw, file: Path, original: Scenario, table: str = "") -> Outcome:
    start_s = time.perf_counter()
    try:
        scenario = make_scenario(raw, file)
    except InputError as error:
        message, status = str(error), "refused"
    except Exception as error:
        message, status = f"{type(error).__name__}: {error}", "traceback"
    else:
        message, status = _judge(label, field, scenario, original, table)
    named = (table or file.name) in message or (not table and field in message)
    return Outcome(label, status, message, named, time.perf_counter() - start_s)


def _judge(label: str, field: str, scenario: Scenario, original: Scenario, table: str) -> tuple[str, str]:
    """What differs after loading, and whether that is stated to be harmless."""
    if not any(fnmatchcase(label, pattern) for pattern in HARMLESS):
        return "loads, and is not stated to be harmless", "silent"
    before, after = _flat(original.model_dump()), _flat(scenario.model_dump())
    fields = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    if any(fnmatchcase(label, pattern) for pattern in SAME_VALUES):
        same = scenario.hash == original.hash
        return f"values {'stay' if same else 'change'}", "harmless" if same else "silent"
    just_this = all(name == field or name.startswith(f"{field}.") for name in fields) and bool(fields) != bool(table)
    changed = scenario.hash != original.hash and just_this
    return f"changes {', '.join(fields) or table}", "harmless" if changed else "silent"


def _flat(values, prefix: str = "") -> dict:
    if isinstance(values, dict):
        parts = values.items()
    elif isinstance(values, tuple | list):
        parts = ((item.get("name", i) if isinstance(item, dict) else i, item) for i, item in enumerate(values))
    else:
        return {prefix: values}
    flat = {}
    for key, item in parts:
        flat |= _flat(item, f"{prefix}.{key}".lstrip("."))
    return flat


def _field_mutations(node: dict, path: str) -> Iterator[tuple[str, object]]:
    """Label and context of every change of the fields of a mapping and of what stands in it."""
    for key in list(node):
        name = f"{path}.{key}".lstrip(".")
        if isinstance(node[key], dict) and "value" in node[key]:
            yield from _quantity_mutations(node, key, name)
        else:
            if path not in GROUPS:
                yield from _plain_mutations(node, key, name)
            if isinstance(node[key], dict):
                yield from _field_mutations(node[key], name)
    if path:
        yield f"{path} unknown key", lambda: _changed(node, lambda values: values.update(surprise="text"))
    if path.rpartition(".")[0] in GROUPS:
        yield f"{path} key name", lambda: _changed(node, lambda values: values.update(name="text"))


def _plain_mutations(node: dict, key: str, name: str) -> Iterator[tuple[str, object]]:
    for label, value in VALUES.items():
        if node[key] != value:
            yield f"{name} = {label}", _setting(node, key, value)
    yield f"{name} removed", lambda: _changed(node, lambda values: values.pop(key))
    yield f"{name} misspelt", lambda: _changed(node, lambda values: values.update({f"{key}x": values.pop(key)}))


def _quantity_mutations(node: dict, key: str, name: str) -> Iterator[tuple[str, object]]:
    leaf = node[key]
    for label, value in VALUES.items():
        if leaf["value"] != value or isinstance(leaf["value"], bool) != isinstance(value, bool):
            yield f"{name} = {label}", _setting(leaf, "value", value)
    yield f"{name} removed", lambda: _changed(node, lambda values: values.pop(key))
    yield f"{name} misspelt", lambda: _changed(node, lambda values: values.update({f"{key}x": values.pop(key)}))
    yield f"{name} alone", _setting(node, key, leaf["value"])
    yield f"{name}: unit changed", _setting(leaf, "unit", "parrots")
    yield f"{name}: unknown key", _setting(leaf, "surprise", 1)
    for part in list(leaf):
        if part != "note":
            yield f"{name}: {part} removed", lambda part=part: _changed(leaf, lambda values: values.pop(part))
            yield f"{name}: {part} = null", _setting(leaf, part, None)
            yield f"{name}: {part} = list", _setting(leaf, part, ["text"])
    if "note" in leaf:
        yield f"{name}: note removed", lambda: _changed(leaf, lambda values: values.pop("note"))
        yield f"{name}: note = list", _setting(leaf, "note", ["text"])
    yield f"{name}: source = text", _setting(leaf, "source", "text")
    low, high = leaf["range"]
    if low < high:
        yield f"{name}: range inverted", _setting(leaf, "range", [high, low])
    yield f"{name}: range = true", _setting(leaf, "range", [False, True])


def _setting(node: dict, key: str, value):
    return lambda: _changed(node, lambda values: values.update({key: value}))


@contextmanager
def _changed(node: dict, change):
    """A mapping with a change, in the same place; afterwards as it was."""
    saved = dict(node)
    try:
        change(node)
        yield
    finally:
        node.clear()
        node.update(saved)


def _table_outcomes(folder: Path) -> list[Outcome]:
    """Every column of every table of `mini`, in a folder of its own."""
    (folder / "scenarios").mkdir()
    file = Path(shutil.copy(SCENARIOS / "mini.yaml", folder / "scenarios"))
    raw = read_yaml(file)
    paths = {field: Path(raw[field.split(".")[0]][field.split(".")[1]]).name for field in TABLES}
    for name in paths.values():
        shutil.copy(DATA / name, folder)
    original = make_scenario(raw, file)
    outcomes = []
    for field, name in paths.items():
        path = folder / name
        text = path.read_text(encoding="utf-8")
        for column, change, spoiled in _table_mutations(text, TABLES[field]):
            path.write_text(spoiled, encoding="utf-8")
            outcomes.append(_outcome(f"{name} {column} {change}", column, raw, file, original, table=name))
        path.write_text(text, encoding="utf-8")
    return outcomes


def _table_mutations(text: str, whole: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
    """Column, change and content of a table with one fault; cells are changed in a row in the middle."""
    comments = [line for line in text.splitlines() if line.startswith("#")]
    header, *rows = csv.reader(line for line in text.splitlines() if not line.startswith("#"))
    middle = len(rows) // 2

    def written(names, cells) -> str:
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerows([names, *cells])
        return "\n".join([*comments, out.getvalue()])

    for position, column in enumerate(header):
        for label, cell in (CELLS | ({"1.5": "1.5"} if column in whole else {})).items():
            cells = [list(row) for row in rows]
            cells[middle][position] = cell
            yield column, f"= {label}", written(header, cells)
        without = [row[:position] + row[position + 1 :] for row in rows]
        yield column, "column removed", written(header[:position] + header[position + 1 :], without)
        twice = [[*row, row[position]] for row in rows]
        yield column, "column duplicated", written([*header, column], twice)
        yield column, "column misspelt", written([f"{name}x" if name == column else name for name in header], rows)
    yield "row", "duplicated", written(header, [*rows[: middle + 1], *rows[middle:]])
    yield "column", "unknown added", written([*header, "surprise"], [[*row, "1"] for row in rows])
    yield "rows", "removed", written(header, [])
