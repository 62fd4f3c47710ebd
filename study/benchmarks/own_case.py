"""A city of someone else: V2Sim's Nanjing, made a case and solved on shortest paths, in a process of its own."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from evlib.files import write_json
from evlib.folders import ROOT
from evlib.inputs.new_case.sources import feeder_source, road_source, station_source
from evlib.inputs.new_case.write_case import match_case, write_case
from evlib.inputs.scenario import load_scenario

__all__ = ["V2SIM", "city_scenario", "solve_city"]

V2SIM = Path(os.environ.get("EVLIB_V2SIM", ROOT.parent / "shared" / "data" / "v2sim"))
VEHICLES, HOURS = 5000.0, 8


def city_scenario(folder: Path):
    """Nanjing's roads, its 315 stations and five feeders as a case of 8 h in steps of 15 min with 5,000 vehicles.

    Parameters
    ----------
    folder : Path
        Where the case is written.

    Returns
    -------
    Scenario
    """
    stations, _ = station_source(V2SIM / "ux_Nanjing.fcs.xml")
    tables = match_case(road_source(V2SIM / "Nanjing.net.xml.gz"), feeder_source(V2SIM / "Nanjing.grid.xml"), stations)
    file = write_case(folder, tables, roads_from="V2Sim", feeders_from="V2Sim", vehicles=VEHICLES)
    file.write_text(file.read_text(encoding="utf-8").replace("hours: 12", f"hours: {HOURS}"), encoding="utf-8")
    return load_scenario(file)


def solve_city(folder: Path) -> float:
    """Make the case and solve it; processor time of this process since its start [s]."""
    from evlib import solve

    solve(city_scenario(folder), "shortest_path", "smart", cache=False)
    return time.process_time()


if __name__ == "__main__":
    write_json(Path(sys.argv[1]), solve_city(Path(sys.argv[2])))
