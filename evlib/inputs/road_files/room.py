"""Room on roads: how many vehicles of the fleet fit, so that a queue that does not is seen."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evlib.errors import InputError

__all__ = ["RoadColumns", "check_room", "room_veh"]

KEYS = ("jam_veh_km_lane", "lanes", "ev_share")


@dataclass(frozen=True)
class RoadColumns:
    """What a table says of each road.

    Attributes
    ----------
    path : Path
    tail, head : ndarray, shape (n_links,)
    free_flow_min : ndarray, shape (n_links,)
        [min].
    capacity_veh_h : ndarray, shape (n_links,), or float
        [veh/h].
    length_km, lanes : ndarray, shape (n_links,), or None
        None where the table has no such column.
    """

    path: Path
    tail: np.ndarray
    head: np.ndarray
    free_flow_min: np.ndarray
    capacity_veh_h: np.ndarray | float
    length_km: np.ndarray | None = None
    lanes: np.ndarray | None = None


def room_veh(scenario) -> np.ndarray | None:
    """Vehicles of the fleet that fit on each road at jam density, shape (n_links,); None if the scenario does not say.

    .. math:: room_a = jam \\cdot lanes_a \\cdot length_a \\cdot share

    Parameters
    ----------
    scenario : Scenario
        Lanes are those of each road where its table has them, else ``roads.lanes`` of all.
    """
    roads = scenario.roads
    if roads.jam_veh_km_lane is None:
        return None
    tables = scenario.tables
    lanes = roads.lanes if tables.link_lanes is None else tables.link_lanes
    return roads.jam_veh_km_lane * lanes * roads.ev_share * tables.link_length_km


def check_room(spec, links: RoadColumns, length_km: np.ndarray | None, file: Path) -> None:
    """Refuse a jam density at which fewer vehicles stand on a road than drive there at capacity.

    Parameters
    ----------
    spec : ScenarioSpec
    links : RoadColumns
    length_km : ndarray, shape (n_links,), or None
        Length of each road [km].
    file : Path
        The scenario's file, named in messages.

    Raises
    ------
    InputError
        Some of the keys `KEYS` are given and not all; lanes are given twice; roads have no length; or the jam density is
        too low.
    """
    roads = spec.roads
    if links.lanes is not None and roads.lanes is not None:
        raise InputError(
            f"{file}: roads.lanes: {roads.lanes}, but {links.path} has a column lanes; remove one of the two"
        )
    keys = [key for key in KEYS if key != "lanes" or links.lanes is None]
    given = [key for key in keys if getattr(roads, key) is not None]
    if not given:
        return
    if len(given) < len(keys):
        missing = next(key for key in keys if key not in given)
        raise InputError(f"{file}: roads.{given[0]} without roads.{missing}; give {', '.join(keys)}, or none of them")
    if length_km is None:
        raise InputError(
            f"{file}: roads.jam_veh_km_lane: {roads.jam_veh_km_lane:g}, but roads have no length; set roads.free_flow_km_h, "
            f"or give {links.path} a column length_km"
        )
    flowing = links.capacity_veh_h * links.free_flow_min / 60.0
    least = flowing / ((roads.lanes if links.lanes is None else links.lanes) * roads.ev_share * length_km)
    row = int(least.argmax())
    if roads.jam_veh_km_lane < least[row]:
        raise InputError(
            f"{file}: roads.jam_veh_km_lane: {roads.jam_veh_km_lane:g}: road {links.tail[row]}-{links.head[row]} has "
            f"room for fewer than the {flowing[row]:.3g} vehicles of the fleet that drive on it at capacity; must be at least "
            f"{least[row]:.4g} veh/km and lane"
        )
