"""A coordination run on disk: one file, always complete, from which the run continues as if it had never stopped."""

from __future__ import annotations

import json
import zipfile
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from evlib.assignment.gaps import Gaps
from evlib.coordination.cutting_planes import CutMemory
from evlib.coordination.iteration import Iterate, IterationRow, State
from evlib.errors import InputError
from evlib.files import write_npz
from evlib.flexibility.column_generation import PricedColumn
from evlib.flexibility.schedule import Schedule
from evlib.hashing import code_hash

__all__ = ["load_state", "save_state"]


def save_state(path: str | Path, state: State, scenario, method: str, charging: str, objective: str) -> None:
    """Write the state of a run and what it belongs to, first under a temporary name.

    Parameters
    ----------
    path : path-like
        An NPZ file: the arrays, and a JSON text that says what they are.
    state : State
    scenario : Scenario
    method, charging, objective : str
    """
    arrays: dict[str, np.ndarray] = {}
    head = _belongs_to(scenario, method, charging, objective)
    head |= {"name": scenario.name, "state": _packed(vars(state), arrays, {})}
    write_npz(path, head=np.array(json.dumps(head)), **arrays)


def load_state(path: str | Path, scenario, method: str, charging: str, objective: str) -> State:
    """Read what :func:`save_state` wrote, exactly.

    Raises
    ------
    InputError
        If there is no such file, or it is incomplete, or the run had another scenario, version of the code, method,
        charging or objective.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file; must be a run saved by coordinate")
    try:
        with np.load(path, allow_pickle=False) as file:
            head = json.loads(str(file["head"]))
            arrays = {name: file[name] for name in file.files if name != "head"}
        state = _unpacked(head.pop("state"), arrays)
        belongs = {name: head[name] for name in _BELONGS}
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: {error}; must be a whole run saved by coordinate") from error
    for name, wanted in _belongs_to(scenario, method, charging, objective).items():
        if belongs[name] != wanted:
            raise InputError(f"{path}: {_BELONGS[name]} {belongs[name]!r}; must be {wanted!r} to go on, so start anew")
    if set(state) != {item.name for item in fields(State)}:
        raise InputError(f"{path}: holds {', '.join(sorted(state))}; must be a whole run saved by coordinate")
    return State(**state)


_BELONGS = {
    "scenario": "was made from the scenario of hash",
    "code": "was made by the code of hash",
    "method": "was made with method",
    "charging": "was made with charging",
    "objective": "was made with objective",
}

_RECORDS = {kind.__name__: kind for kind in (CutMemory, Gaps, Iterate, IterationRow, PricedColumn, Schedule)}


def _belongs_to(scenario, method, charging, objective) -> dict[str, str]:
    return dict(zip(_BELONGS, (scenario.hash, code_hash(), method, charging, objective), strict=True))


def _packed(value: Any, arrays: dict, names: dict) -> Any:
    """The value in a form that JSON can hold, with arrays by name; an array that occurs twice is stored once."""
    if isinstance(value, np.ndarray):
        if id(value) not in names:
            names[id(value)] = f"a{len(arrays)}"
            arrays[names[id(value)]] = value
        return {"array": names[id(value)]}
    if type(value) in _RECORDS.values():
        return {type(value).__name__: _packed(vars(value), arrays, names)}
    if isinstance(value, dict):
        return {"dict": {key: _packed(item, arrays, names) for key, item in value.items()}}
    if isinstance(value, list | tuple):
        kind = "list" if isinstance(value, list) else "tuple"
        return {kind: [_packed(item, arrays, names) for item in value]}
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"a run cannot hold a {type(value).__name__}")


def _unpacked(value: Any, arrays: dict) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, item),) = value.items()
    if kind == "array":
        return arrays[item]
    if kind in _RECORDS:
        return _RECORDS[kind](**_unpacked(item, arrays))
    if kind == "dict":
        return {key: _unpacked(part, arrays) for key, part in item.items()}
    return {"list": list, "tuple": tuple}[kind](_unpacked(part, arrays) for part in item)
