"""Limits that a case of one's own leaves out: one zone for each feeder, with limits that never bind."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from evlib.errors import InputError
from evlib.inputs.own_case.case_feeders import CaseFeeders
from evlib.inputs.own_case.feeder_table import FeederTable

__all__ = ["wide_limits", "zones_of_farms"]


def wide_limits(
    values: dict, feeders: CaseFeeders, plug_kw, own: FeederTable | None, defaulted: list[str], file: Path
) -> None:
    """Every feeder is a zone, with limits that never bind unless the file states others."""
    widest, grid = _widest_mw(values, feeders, plug_kw), values["grid"]
    if "import_limit_mw" not in grid:
        grid["import_limit_mw"] = widest
        defaulted.append("grid.import_limit_mw")
    if "zones" not in grid:
        defaulted.append("grid.zones")
        limits = {"import_limit_mw": widest, "export_limit_mw": widest, "backup_mw": 0.0}
        stated = own.limits() if own else [{}] * len(feeders.zones)
        grid["zones"] = {
            name: {"buses": list(buses), **limits, **more}
            for (name, buses), more in zip(feeders.zones.items(), stated, strict=True)
        }
    elif own and any(own.limits()):
        key = next(iter(own.limits()[0]))
        raise InputError(f"{file}: grid.zones: beside {key} of {own.table.path.name}; keep limits in one of the two")


def _widest_mw(values: dict, feeders: CaseFeeders, plug_kw) -> float:
    """A limit that never binds: twice all loads, plugs and farms together, rounded up [MW]."""
    stations, classes, farms = (
        group if isinstance(group, dict) else {}
        for group in (values["stations"], values["fleet"]["classes"], values["grid"].get("farms"))
    )
    plugs = [station.get("plugs", 0.0) for station in stations.values() if isinstance(station, dict)]
    powers = [member.get("charge_kw", 0.0) for member in classes.values() if isinstance(member, dict)]
    ratings = [member.get("rating_mw", 0.0) for member in farms.values() if isinstance(member, dict)]
    if not all(isinstance(value, int | float) and 0 <= value < 1e9 for value in (*plugs, *powers, *ratings)):
        return 1000.0  # whoever wrote them is told by the schema
    most = sum(plugs) * max(powers, default=0.0) if plug_kw is None else float(np.dot(plugs, plug_kw))
    return float(math.ceil(2 * ((feeders.feeder.load_kw.sum() + most) / 1000.0 + sum(ratings))) + 1)


def zones_of_farms(grid: dict) -> None:
    """A farm that names no zone is in the one of its bus."""
    farms, zones = (grid.get(key) if isinstance(grid.get(key), dict) else {} for key in ("farms", "zones"))
    for farm in farms.values():
        if isinstance(farm, dict) and "zone" not in farm:
            at = [
                name
                for name, zone in zones.items()
                if isinstance(zone, dict) and farm.get("bus") in zone.get("buses", ())
            ]
            farm |= {"zone": at[0]} if at else {}
