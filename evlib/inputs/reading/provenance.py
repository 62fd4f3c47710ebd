"""Where numbers come from: unit, source and range beside every value of a YAML file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from evlib.errors import InputError
from evlib.inputs.reading.sections import LARGEST, quantities

__all__ = ["Provenance", "check_provenance", "split_provenance"]

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


def split_provenance(node, path: str, provenance: dict[str, Provenance], file: Path):
    """Separate values from provenance: ``{value, unit, source, range}`` is replaced by its value.

    Parameters
    ----------
    node : object
        Part of a YAML file.
    path : str
        Its dotted name; empty for the whole file.
    provenance : dict
        Filled with dotted name -> Provenance.
    file : Path
        Named in messages.

    Returns
    -------
    object
        The same with values alone.

    Raises
    ------
    InputError
        A key of a quantity is missing or unknown, its range inverted, its source empty.
    """
    if isinstance(node, list):
        return [split_provenance(child, f"{path}.{index}", provenance, file) for index, child in enumerate(node)]
    if not isinstance(node, dict):
        return node
    stated = [key for key in ("unit", "source", "range") if key in node and not isinstance(node[key], dict)]
    if "value" in node or len(stated) > 1:
        provenance[path] = _provenance_of(node, path, file)
        return node["value"]
    values: dict = {}
    for key, child in node.items():
        if str(key) in values:
            raise InputError(f"{file}: {path}: key {str(key)!r} is there twice, as a number and as text; keep one")
        values[str(key)] = split_provenance(child, f"{path}.{key}".lstrip("."), provenance, file)
    return values


def _provenance_of(node: dict, path: str, file: Path) -> Provenance:
    for key in node:
        if key not in LEAF_KEYS:
            raise InputError(f"{file}: {path}: unknown key {key!r}; a parameter has {', '.join(LEAF_KEYS)}")
    missing = [key for key in ("value", "unit", "source", "range") if key not in node]
    if missing:
        raise InputError(f"{file}: {path}: {missing[0]} is missing; give value, unit, source (or assumption) and range")
    for key in ("unit", "source", "note"):
        text = node.get(key, "no note")
        if not isinstance(text, str) or not text.strip():
            raise InputError(f"{file}: {path}: {key} {text!r} is not text; must be text, in quotes if it is a number")
    low, high = _bounds(node["range"], path, file)
    return Provenance(node["unit"], node["source"], low, high, node.get("note", ""))


def _bounds(bounds, path: str, file: Path) -> tuple[float, float]:
    def is_number(bound):
        return isinstance(bound, int | float) and not isinstance(bound, bool) and abs(bound) < LARGEST

    if not (isinstance(bounds, list) and len(bounds) == 2 and all(is_number(bound) for bound in bounds)):
        raise InputError(f"{file}: {path}: range {bounds!r} is not [low, high], two finite numbers")
    low, high = float(bounds[0]), float(bounds[1])
    if low > high:
        raise InputError(f"{file}: {path}: range {bounds!r} is inverted; must be [low, high] with low <= high")
    return low, high


def check_provenance(section: BaseModel, provenance: dict[str, Provenance], file: Path) -> None:
    """Compare quantities with what is stated about them.

    Parameters
    ----------
    section : BaseModel
    provenance : dict of str -> Provenance
        By dotted name, as :func:`split_provenance` fills it.
    file : Path
        Named in messages.

    Raises
    ------
    InputError
        A unit that is not the field's, a value outside its range, or provenance of what is no quantity.
    """
    by_name = {name: (unit, value) for name, unit, value in quantities(section)}
    for name, origin in provenance.items():
        if name not in by_name:
            raise InputError(
                f"{file}: {name}: this field is no quantity; write the value alone, without unit and range"
            )
        unit, value = by_name[name]
        if origin.unit != unit:
            raise InputError(f"{file}: {name}: unit {origin.unit!r} is wrong; this field is in {unit!r}")
        if not origin.low <= value <= origin.high:
            raise InputError(f"{file}: {name}: value {value} is outside its own range [{origin.low}, {origin.high}]")
