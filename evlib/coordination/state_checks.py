"""Whether a state read from a file, or flows to start from, belong to the problem: types, shapes, demand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import is_dataclass
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np

from evlib.coordination.iteration import State
from evlib.coordination.problem import CoupledProblem
from evlib.errors import InputError

__all__ = ["check_shapes", "check_start", "check_types"]

_FLOWS = ("paths", "classes", "departure steps")
_BUSES, _STATIONS = ("buses", "grid steps"), ("stations", "steps")
_SHAPES = {
    "State.flows_veh": _FLOWS,
    "State.price_cny_kwh": _BUSES,
    "State.rent_cny": _STATIONS,
    "State.crowded": _STATIONS,
    "State.plan_kwh": ("cohorts", "stay steps"),
    "State.monitored": ("watches", "limits", *_BUSES),
    "Iterate.flows_veh": _FLOWS,
    "Iterate.price_cny_kwh": _BUSES,
    "Iterate.rent_cny": _STATIONS,
    "PricedColumn.price_cny_kwh": ("stations", "grid steps"),
    "CutMemory.vehicle_cny": ("cohorts",),
    "CutMemory.price_cny_kwh": _BUSES,
    "Schedule.charge_kw": ("cohorts", "stay steps"),
    "Schedule.discharge_kw": ("cohorts", "stay steps"),
    "Schedule.energy_kwh": ("cohorts", "stay ends"),
    "Schedule.terminal_kwh": ("cohorts",),
    "Schedule.unserved_kwh": ("cohorts",),
}


def check_types(path: Path, state: State) -> None:
    """Whether every field holds what its dataclass says, and lists that belong together are of one length.

    Raises
    ------
    InputError
        Names the file and the first field that does not.
    """
    complaint = next(_complaints(state, State, "state"), None)
    if complaint is not None:
        raise InputError(f"{path}: {complaint}; must be a run saved by coordinate")
    lengths = {"rows": state.rows, "iterates": state.iterates}
    if state.cuts is not None:
        lengths = lengths | {name: getattr(state.cuts, name) for name in ("grid_cny", "vehicle_cny", "price_cny_kwh")}
    for names in (("rows", "iterates"), ("grid_cny", "vehicle_cny", "price_cny_kwh")):
        numbers = {name: len(lengths[name]) for name in names if name in lengths}
        if len(set(numbers.values())) > 1:
            raise InputError(f"{path}: lengths {numbers}; must be the same")


def check_shapes(path: Path, state: State, problem: CoupledProblem) -> None:
    """Whether every array has the shape that the problem gives it, and holds numbers, or true and false where it should.

    Raises
    ------
    InputError
        Names the file, the first array that has not, and the right shape.
    """
    sizes = _sizes(problem)
    for name, kind, array in _arrays(state, "state"):
        shape = tuple(sizes[size] for size in _SHAPES[kind])
        if array.shape != shape:
            meaning = " x ".join(_SHAPES[kind])
            raise InputError(f"{path}: {name} has shape {array.shape}; must be {shape}, {meaning}")
        if array.dtype != (bool if kind in ("State.crowded", "State.monitored") else float):
            raise InputError(f"{path}: {name} is of type {array.dtype}; must be as saved by coordinate")


def check_start(start_veh: np.ndarray, problem: CoupledProblem, resume=None) -> None:
    """Whether flows to start from are a split of the demand over paths.

    Raises
    ------
    InputError
        Another shape, a flow that is negative or no number, an origin whose departures are not its demand, or a run to
        resume, which has flows already.
    """
    if resume is not None:
        raise InputError(f"start_veh: {resume} is resumed, which has flows already; give one of the two")
    start_veh, shape = np.asarray(start_veh, dtype=float), problem.fixed_veh.shape
    if start_veh.shape != shape:
        raise InputError(f"start_veh: shape {start_veh.shape}; must be {shape}, {' x '.join(_FLOWS)}")
    if not (start_veh >= 0).all():
        raise InputError(f"start_veh: least flow {start_veh.min():g} veh; must be 0 or more")
    for o, (origin, demand) in enumerate(zip(problem.network.origins, problem.demand_veh, strict=True)):
        departing = start_veh[problem.network.path_origin == o].sum(axis=0)
        wrong = np.argwhere(np.abs(departing - demand) > 1e-9 + 1e-6 * demand)
        if len(wrong):
            m, k = wrong[0]
            where = f"{origin}, {problem.network.classes[m]}, step {k}"
            raise InputError(
                f"start_veh: {departing[m, k]:g} veh depart from {where}; must be {demand[m, k]:g}, its demand"
            )


def _sizes(problem: CoupledProblem) -> dict[str, int]:
    network, vehicles = problem.network, problem.cohorts.domain
    n_classes, n_departures = problem.demand_veh.shape[1:]
    n_buses, n_steps = problem.case.load_kw.shape
    return {
        "watches": 2,
        "limits": 4,
        "paths": len(network.paths),
        "classes": n_classes,
        "departure steps": n_departures,
        "stations": len(network.stations),
        "steps": network.time.n_steps,
        "buses": n_buses,
        "grid steps": n_steps,
        "cohorts": vehicles.n,
        "stay steps": vehicles.n_steps,
        "stay ends": vehicles.n_steps + 1,
    }


def _arrays(record: Any, name: str) -> Iterator[tuple[str, str, np.ndarray]]:
    """All arrays of a record and of the records in it: name, dataclass and field, array."""
    for field, value in vars(record).items():
        for item in value if isinstance(value, list | tuple) else [value]:
            if is_dataclass(item):
                yield from _arrays(item, f"{name}.{field}")
            elif isinstance(item, np.ndarray):
                yield f"{name}.{field}", f"{type(record).__name__}.{field}", item


def _complaints(value: Any, hint: Any, name: str) -> Iterator[str]:
    """What a value has that its type does not allow, one text for each."""
    kind, options = get_origin(hint) or hint, get_args(hint)
    if kind is UnionType:
        if not any(next(_complaints(value, option, name), None) is None for option in options):
            yield f"{name} is a {type(value).__name__}, not {hint}"
    elif isinstance(value, bool) != (kind is bool) or not isinstance(value, (float, int) if kind is float else kind):
        yield f"{name} is a {type(value).__name__}, not a {kind.__name__}"
    elif is_dataclass(kind):
        for field, part in get_type_hints(kind).items():
            yield from _complaints(getattr(value, field), part, f"{name}.{field}")
    elif kind is tuple and options[-1] is not Ellipsis:
        if len(value) != len(options):
            yield f"{name} has {len(value)} entries, not {len(options)}"
        for k, (item, option) in enumerate(zip(value, options, strict=False)):
            yield from _complaints(item, option, f"{name}[{k}]")
    elif kind in (list, tuple):
        for k, item in enumerate(value):
            yield from _complaints(item, options[0], f"{name}[{k}]")
