"""The section ``roads`` of a case of one's own, with the tables that it names."""

from __future__ import annotations

from pathlib import Path

from evlib.errors import InputError
from evlib.inputs.own_case.case_tables import CaseRoads, place_of, read_roads
from evlib.inputs.reading.plausible import refuse_absurd

__all__ = ["refuse_absurd_values", "roads_of_case"]


def roads_of_case(roads: dict, stated: dict, defaulted: list[str], file: Path) -> CaseRoads:
    """Read the roads of a case.

    Parameters
    ----------
    roads : dict
        Section with its defaults; ``capacity_veh_h_lane`` is taken out, and so is ``capacity_veh_h`` where each road has
        a capacity of its own.
    stated : dict
        The section as the file states it.
    defaulted : list of str
        Dotted names of what the file leaves out; a capacity that no road has by default is taken out.
    file : Path
        The case's file, named in messages; file names are relative to it.

    Returns
    -------
    CaseRoads

    Raises
    ------
    InputError
        What :func:`evlib.inputs.own_case.case_tables.read_roads` refuses, or a capacity that is no number.
    """
    lane_veh_h = roads.pop("capacity_veh_h_lane", None)
    for key, value in (("capacity_veh_h_lane", lane_veh_h), ("capacity_veh_h", roads["capacity_veh_h"])):
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if key in stated and (value is None or (key == "capacity_veh_h_lane" and not (number and 0 < value < 1e9))):
            raise InputError(f"{file}: roads.{key}: {value!r}; must be a number above 0 [veh/h]")
    read = read_roads(
        place_of(file.parent, "roads.links_file", roads["links_file"]),
        place_of(file.parent, "roads.nodes_file", roads["nodes_file"]),
        stated.get("capacity_veh_h"),
        lane_veh_h,
    )
    if read.capacity_veh_h is not None:
        del roads["capacity_veh_h"]
        if "roads.capacity_veh_h" in defaulted:
            defaulted.remove("roads.capacity_veh_h")
    return read


def refuse_absurd_values(spec, own: CaseRoads, file: Path) -> None:
    """Refuse what a validated case, or a variant of it, says beside its tables, or what nobody can mean.

    Parameters
    ----------
    spec : ScenarioSpec
    own : CaseRoads
    file : Path
        Named in messages.

    Raises
    ------
    InputError
        A capacity of all roads where each has its own, or a number beyond :data:`evlib.inputs.reading.plausible.LIMITS`.
    """
    shared = spec.roads.capacity_veh_h
    if own.capacity_veh_h is not None and shared is not None:
        raise InputError(
            f"{file}: roads.capacity_veh_h: {shared:g}: {own.table.path.name} says the capacity of each road; leave the key out, "
            "or remove the column"
        )
    if own.capacity_veh_h is None:
        if shared is None:
            raise InputError(f"{file}: roads.capacity_veh_h: None; must be a number above 0 [veh/h]")
        refuse_absurd([shared], "capacity_veh_h", lambda _: f"{file}", name="roads.capacity_veh_h")
    for member in spec.fleet.classes:
        for key in ("battery_kwh", "charge_kw"):
            name = f"fleet.classes.{member.name}.{key}"
            refuse_absurd([getattr(member, key)], key, lambda _: f"{file}", name=name)
