"""A coordination run on disk: one file, always complete, from which the run continues as if it had never stopped."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from evlib.assignment.gaps import Gaps
from evlib.coordination.iteration import Iterate, IterationRow, State
from evlib.coordination.joint.cutting_planes import CutMemory
from evlib.coordination.state_checks import check_types
from evlib.errors import InputError
from evlib.files import why_unwritable, write_npz
from evlib.flexibility.column_generation import PricedColumn
from evlib.flexibility.schedule import Schedule
from evlib.hashing import code_hash
from evlib.leftovers import remove_leftovers

__all__ = ["check_place", "load_state", "save_state"]


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
    text = json.dumps(head)
    write_npz(path, head=np.array(text), checksum=np.array(_checksum(text, arrays)), **arrays)


def check_place(path: str | Path) -> None:
    """Whether a run can be saved at a place; what killed processes left beside it is removed.

    Raises
    ------
    InputError
        A folder is at that place, or the folder around it is not there or cannot be written to.
    """
    path = Path(path)
    if os.path.isdir(path):
        raise InputError(f"save: {path} is a folder; must be a file")
    if os.path.lexists(path) and not os.path.isfile(path):
        raise InputError(f"save: {path} is something else than a file; must be a file")
    if reason := why_unwritable(path):
        raise InputError(f"save: {path}: {reason}; must be a file in a folder that can be written to")
    remove_leftovers(path.parent)


def load_state(path: str | Path, scenario, method: str, charging: str, objective: str) -> State:
    """Read what :func:`save_state` wrote, exactly.

    Raises
    ------
    InputError
        No such file, not a whole run or not as it was saved, or a run of another scenario, version of the code, method,
        charging or objective.
    """
    path = Path(path)
    if not os.path.isfile(path):
        raise InputError(f"{path}: no such file; must be a run saved by coordinate")
    try:
        head, arrays = _read(path)
        belongs = {name: head[name] for name in _BELONGS}
        state = State(**_whole(State, _unpacked(head["state"], arrays)))
    except Exception as error:  # whatever NumPy and zipfile raise at bytes that nobody has written
        reason = f"{type(error).__name__}: {error}"
        raise InputError(f"{path}: {reason}; must be a whole run saved by coordinate") from error
    for name, wanted in _belongs_to(scenario, method, charging, objective).items():
        if belongs[name] != wanted:
            raise InputError(f"{path}: {_BELONGS[name]} {belongs[name]!r}; must be {wanted!r} to go on, so start anew")
    check_types(path, state)
    return state


def _read(path: Path) -> tuple[dict, dict[str, np.ndarray]]:
    """Head and arrays of a file, if they are as they were written."""
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    text, checksum = str(arrays.pop("head")), str(arrays.pop("checksum"))
    if checksum != _checksum(text, arrays):
        raise ValueError("has been changed since it was written, its checksum is another")
    return json.loads(text), arrays


def _checksum(head: str, arrays: dict[str, np.ndarray]) -> str:
    digest = hashlib.sha256(head.encode())
    for name, array in sorted(arrays.items()):
        digest.update(f"\n{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


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
        return _RECORDS[kind](**_whole(_RECORDS[kind], _unpacked(item, arrays)))
    if kind == "dict":
        return {key: _unpacked(part, arrays) for key, part in item.items()}
    return {"list": list, "tuple": tuple}[kind](_unpacked(part, arrays) for part in item)


def _whole(kind: type, values: dict) -> dict:
    """The values of a record's fields, if they are all there."""
    wanted = {item.name for item in fields(kind)}
    if set(values) != wanted:
        raise ValueError(f"{kind.__name__} holds {', '.join(sorted(values))}, not {', '.join(sorted(wanted))}")
    return values
