"""Room on roads: how many vehicles of the fleet fit, so that a queue that does not is seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from evlib.errors import InputError

__all__ = ["check_room", "room_veh"]

KEYS = ("jam_veh_km_lane", "lanes", "ev_share")


def room_veh(scenario) -> np.ndarray | None:
    """Vehicles of the fleet that fit on each road at jam density, shape (n_links,); None if the scenario does not say.

    .. math:: room_a = jam \\cdot lanes \\cdot length_a \\cdot share

    Parameters
    ----------
    scenario : Scenario
    """
    roads = scenario.roads
    if roads.jam_veh_km_lane is None:
        return None
    return roads.jam_veh_km_lane * roads.lanes * roads.ev_share * scenario.tables.link_length_km


def check_room(spec, links, length_km: np.ndarray | None, file: Path) -> None:
    """Refuse a jam density at which fewer vehicles stand on a road than drive there at capacity.

    Parameters
    ----------
    spec : ScenarioSpec
    links : Table
    length_km : ndarray, shape (n_links,), or None
        Length of each road [km].
    file : Path
        The scenario's file, named in messages.

    Raises
    ------
    InputError
        Some of the keys `KEYS` are given and not all; roads have no length; or the jam density is too low.
    """
    roads = spec.roads
    given = [key for key in KEYS if getattr(roads, key) is not None]
    if not given:
        return
    if len(given) < len(KEYS):
        missing = next(key for key in KEYS if key not in given)
        raise InputError(f"{file}: roads.{given[0]} without roads.{missing}; give {', '.join(KEYS)}, or none of them")
    if length_km is None:
        raise InputError(
            f"{file}: roads.jam_veh_km_lane: {roads.jam_veh_km_lane:g}, but roads have no length; set roads.free_flow_km_h, "
            f"or give {links.path} a column length_km"
        )
    flowing = roads.capacity_veh_h * links["a"] / 60.0
    least = flowing / (roads.lanes * roads.ev_share * length_km)
    row = int(least.argmax())
    if roads.jam_veh_km_lane < least[row]:
        raise InputError(
            f"{file}: roads.jam_veh_km_lane: {roads.jam_veh_km_lane:g}: road {links['from'][row]}-{links['to'][row]} has "
            f"room for fewer than the {flowing[row]:.3g} vehicles of the fleet that drive on it at capacity; must be at least "
            f"{least[row]:.4g} veh/km and lane"
        )
