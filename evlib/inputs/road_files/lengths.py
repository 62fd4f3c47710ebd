"""Length of roads: a column of the table of links, or what a speed drives in the free-flow time."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from evlib.errors import InputError
from evlib.inputs.road_files.room import RoadColumns, check_room

__all__ = ["road_lengths"]


def road_lengths(spec, links: RoadColumns, file: Path) -> dict[str, np.ndarray]:
    """Length of each road.

    Parameters
    ----------
    spec : ScenarioSpec
    links : RoadColumns
    file : Path
        The scenario's file, named in messages.

    Returns
    -------
    dict of str -> ndarray
        ``link_length_km``, shape (n_links,) [km]; nothing where lengths are neither given nor needed.

    Raises
    ------
    InputError
        Lengths are given twice, or missing although driving takes energy; what :func:`check_room` refuses.
    """
    lengths = _lengths(spec, links, file)
    check_room(spec, links, lengths.get("link_length_km"), file)
    return lengths


def _lengths(spec, links: RoadColumns, file: Path) -> dict[str, np.ndarray]:
    speed = spec.roads.free_flow_km_h
    if links.length_km is not None:
        if speed is not None:
            raise InputError(
                f"{file}: roads.free_flow_km_h: {speed:g}, but {links.path} has a column length_km; remove one of the two"
            )
        return {"link_length_km": links.length_km}
    if speed is not None:
        return {"link_length_km": links.free_flow_min * speed / 60.0}
    for member in spec.fleet.classes:
        if member.drive_kwh_km:
            raise InputError(
                f"{file}: fleet.classes.{member.name}.drive_kwh_km: {member.drive_kwh_km:g}, but roads have no length; "
                f"set roads.free_flow_km_h, or give {links.path} a column length_km"
            )
    return {}
