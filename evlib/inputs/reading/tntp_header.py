"""The header of a TNTP network: which field stands in which column of this very file."""

from __future__ import annotations

import re
from pathlib import Path

from evlib.errors import InputError

__all__ = ["EXTRA_FIELDS", "LEFT_OUT", "LINK_FIELDS", "column_order"]

# Columns of a link row in the format's order, each with its smallest allowed value.
LINK_FIELDS = {
    "tail": 1,
    "head": 1,
    "capacity_veh": 0,
    "length": 0,
    "free_flow_time": 0,
    "b": 0,
    "power": 0,
    "speed": 0,
    "toll": 0,
    "link_type": 0,
}
# Fields of some files only.
EXTRA_FIELDS = {"lanes": 0, "critical_speed": 0}
# Fields that a header may leave out, with the value that then holds.
LEFT_OUT = {"speed": 0.0, "toll": 0.0, "link_type": 0}
# What headers of published files call these fields.
_HEADER_NAMES = {
    "tail": ("init_node", "init", "from"),
    "head": ("term_node", "term", "to"),
    "capacity_veh": ("capacity", "capacity_per_lane", "lane_capacity"),
    "lanes": ("number_of_lanes", "nlanes"),
    "critical_speed": ("crit_speed",),
    "free_flow_time": ("time", "fftt", "free_flow_travel_time"),
    "b": ("alpha",),
    "power": ("beta",),
    "speed": ("speed_limit",),
    "link_type": ("type",),
}
_TWO_WORDS = ("init node", "term node", "free flow time", "free flow travel time", "speed limit", "link type")
_TWO_WORDS += ("capacity per lane", "critical speed", "number of lanes", "lane capacity")


def column_order(
    path: Path, metadata: dict[str, tuple[int, str]], rows: list[tuple[int, str]]
) -> tuple[list[str], bool]:
    """Fields in the order in which the file's header names them, and whether capacities are per lane.

    Parameters
    ----------
    path : Path
        For messages.
    metadata : dict of str -> (int, str)
        Key -> line, value.
    rows : list of (int, str)
        Numbered lines after the metadata.

    Raises
    ------
    InputError
        A field that is unknown, missing or named twice; a capacity per lane where no column holds the lanes.
    """
    stated = [(line, text) for line, text in rows if text.startswith("~")]
    if "ORIGINAL HEADER" in metadata:
        stated.append(metadata["ORIGINAL HEADER"])
    per_lane = next((line for line, text in stated if re.search(r"per[ _]lane|lane[ _]capacity", text.lower())), None)
    headers = [(line, _header_names(text)) for line, text in stated]
    line, names = next((header for header in headers if _is_header(header[1])), (0, list(LINK_FIELDS)))
    if per_lane is not None and "lanes" not in names:
        raise InputError(
            f"{path}: line {per_lane}: capacity is per lane; must be that of the road: multiply by its lanes, or name a "
            "column of lanes"
        )
    other = [name for name in names if name not in LINK_FIELDS | EXTRA_FIELDS]
    missing = [name for name in LINK_FIELDS if name not in names and name not in LEFT_OUT]
    twice = sorted({name for name in names if names.count(name) > 1})
    if other or missing or twice:
        faults = {"names": other, "lacks": missing, "repeats": twice}
        faults = ", ".join(f"{verb} {', '.join(fields)}" for verb, fields in faults.items() if fields)
        raise InputError(f"{path}: line {line}: the header {faults}; must have the fields {', '.join(LINK_FIELDS)}")
    return names, per_lane is not None


def _is_header(names: list[str]) -> bool:
    """A remark may hold some of the words; a header names both ends and more fields."""
    return {"tail", "head"} <= {*names} and len({*names} & {*LINK_FIELDS}) >= 4


def _header_names(text: str) -> list[str]:
    """Fields that a header line names; names without their units, and known ones by the format's word."""
    text = re.sub(r"\(.*?\)", "", text.lower().replace("~", " ").replace(";", " "))
    for words in _TWO_WORDS:
        text = text.replace(words, words.replace(" ", "_"))
    cells = text.split("\t") if text.strip().count("\t") >= 2 else text.split()
    names = ["_".join(cell.split()) for cell in cells if cell.strip()]
    known = {alias: field for field, aliases in _HEADER_NAMES.items() for alias in aliases}
    return [known.get(name, name) for name in names]
