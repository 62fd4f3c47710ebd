"""A scenario in the study's own format as a case of one's own, with the same values and tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from evlib.errors import InputError
from evlib.files import write_text
from evlib.inputs.feeder_files import BRANCH_COLUMNS, BUS_COLUMNS
from evlib.inputs.new_case.whole_folder import in_words_of_sources, refuse_existing, whole_folder
from evlib.inputs.reading.sections import quantities
from evlib.inputs.reading.strict_yaml import read_yaml
from evlib.inputs.scenario import Scenario, load_scenario, make_scenario

__all__ = ["convert"]

_SECTIONS = ("time", "roads", "destinations", "fleet", "grid", "prices", "emissions", "coordination", "switches")
_MEMBERS = ("classes", "zones", "farms", "import_tariff", "destinations")
_FILES = {
    "roads": {"links_file": "links.csv", "nodes_file": "nodes.csv"},
    "grid": {"buses_file": "buses.csv", "branches_file": "branches.csv", "profiles_file": "profile.csv"},
}
# Said by the tables of a case, or without a meaning there.
_GONE = {"roads": ("od_file", "capacity_veh_h"), "grid": ("ratings_file",)}


def convert(file: str | Path, folder: str | Path) -> tuple[Path, tuple[str, ...]]:
    """Write a scenario in the study's format as a case of one's own.

    Parameters
    ----------
    file : str or Path
        Scenario with sections as ``data/scenarios/mini.yaml``; sources and ranges may be missing.
    folder : str or Path
        Made if it does not exist; it may not hold a case already.

    Returns
    -------
    file : Path
        The case's YAML file. Values keep their sources and ranges where the format has room for them.
    notes : tuple of str
        What could not be kept.

    Raises
    ------
    InputError
        What :func:`evlib.inputs.scenario.make_scenario` refuses, a case of one's own, or everyday traffic.
    """
    file, folder = Path(file), Path(folder)
    refuse_existing(folder)
    raw = read_yaml(file)
    if isinstance(raw, dict) and "own_case" in raw:
        raise InputError(f"{file}: own_case: this is a case of one's own already; nothing to convert")
    scenario = make_scenario(raw, file, sources=False)
    if scenario.roads.background_veh_h > 0:
        raise InputError(
            f"{file}: roads.background_veh_h: {scenario.roads.background_veh_h:g}; a case of one's own has no traffic beside its "
            "fleet: set it to 0"
        )
    notes = ["origins and stations are tables: sources and ranges of their shares and plugs are left out"]
    if scenario.roads.od_file:
        notes.append("roads.od_file: left out, as there is no everyday traffic")
    notes.append("a bus above the root stands for the grid; the feeder hangs on it without impedance")
    head = "# A case of one's own, converted from the study's format. `python -m evlib check` lists what is left out.\n"
    style = {"sort_keys": False, "default_flow_style": False, "width": 10**6, "allow_unicode": True}
    text = yaml.dump(_content(scenario), Dumper=_OneLine, **style)
    with whole_folder(folder) as place:
        for name, table in _tables(scenario).items():
            write_text(place / f"{name}.csv", table.to_csv(index=False, lineterminator="\n"))
        write_text(place / "case.yaml", head + text)
        with in_words_of_sources(place, folder, {}):
            load_scenario(place / "case.yaml")
    return folder / "case.yaml", tuple(notes)


class _Leaf(dict):
    """A quantity with its source, on one line."""


class _OneLine(yaml.SafeDumper):
    """Writes quantities and lists on one line each."""


_OneLine.add_representer(
    _Leaf, lambda dumper, leaf: dumper.represent_mapping("tag:yaml.org,2002:map", leaf, flow_style=True)
)
_OneLine.add_representer(
    list, lambda dumper, row: dumper.represent_sequence("tag:yaml.org,2002:seq", row, flow_style=True)
)


def _content(scenario: Scenario) -> dict:
    known = scenario._provenance
    plain = {name: value for name, _, value in quantities(scenario)}

    def written(node, path):
        if path in plain:
            origin = known.get(path)
            if origin is None:
                return plain[path]
            leaf = {
                "value": plain[path],
                "unit": origin.unit,
                "source": origin.source,
                "range": [origin.low, origin.high],
            }
            return _Leaf(leaf | ({"note": origin.note} if origin.note else {}))
        if isinstance(node, dict):
            return {key: written(child, f"{path}.{key}") for key, child in node.items() if child is not None}
        if isinstance(node, list) and path.rsplit(".", 1)[-1] in _MEMBERS:
            return {
                item["name"]: {
                    key: written(v, f"{path}.{item['name']}.{key}") for key, v in item.items() if key != "name"
                }
                for item in node
            }
        return node

    values = scenario.model_dump(mode="json")
    content = {"own_case": 1, "name": scenario.name, "description": scenario.description, "currency": "CNY"}
    for section in _SECTIONS:
        kept = values[section]
        if isinstance(kept, dict):
            kept = {key: child for key, child in kept.items() if key not in _GONE.get(section, ())}
            kept |= _FILES.get(section, {})
        elif not kept:
            continue
        content[section] = written(kept, section)
    return content


def _tables(scenario: Scenario) -> dict[str, pd.DataFrame]:
    tables, folder, grid = scenario.tables, scenario.file.parent, scenario.grid
    capacity = tables.link_capacity_veh_h
    links = {"link": np.arange(1, len(tables.link_tail) + 1), "from": tables.link_tail, "to": tables.link_head}
    if tables.link_length_km is not None and scenario.roads.free_flow_km_h is None:  # which the case keeps
        links["length_km"] = tables.link_length_km
    links["free_flow_min"] = tables.link_free_flow_min
    links["capacity_veh_h"] = scenario.roads.capacity_veh_h if capacity is None else capacity
    branches, feeder = _read(folder / grid.branches_file)[list(BRANCH_COLUMNS)], tables.feeder
    rating = dict(zip(feeder.branch.tolist(), tables.rating_mva.tolist(), strict=True))
    branches = branches.assign(rating_mva=[rating.get(number, np.nan) for number in branches["branch"]])
    columns = list(dict.fromkeys(["time", grid.load_column, *(farm.column for farm in grid.farms)]))
    return {
        "links": pd.DataFrame(links),
        "nodes": pd.DataFrame({"node": tables.node, "x": tables.node_x, "y": tables.node_y}),
        "origins": pd.DataFrame([(item.name, item.node, item.share) for item in scenario.origins], columns=_ORIGIN),
        "stations": pd.DataFrame(
            [(item.name, item.node, item.bus, item.plugs) for item in scenario.stations], columns=_STATION
        ),
        "buses": _read(folder / grid.buses_file)[list(BUS_COLUMNS)],
        "branches": branches,
        "profile": _read(folder / grid.profiles_file)[columns],
    }


_ORIGIN, _STATION = ["origin", "node", "share"], ["station", "node", "bus", "plugs"]


def _read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, comment="#", dtype={"time": str})
