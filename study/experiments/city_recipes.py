"""Cases of classic roads and feeders, made of files that the study may not copy, coordinated by method city.

The files are looked for in the folders ``EVLIB_TNTP`` and ``EVLIB_MATPOWER``.
"""

from __future__ import annotations

import logging
import os
import tempfile
from pathlib import Path

import pandas as pd

from evlib.__main__ import main as evlib_command
from evlib.coordination.coordinate import coordinate
from evlib.errors import StudyError
from evlib.folders import RESULTS, ROOT
from evlib.inputs.new_case.check_case import case_report
from evlib.inputs.scenario import load_scenario
from study.experiments.provenance import run_hash, write_table

__all__ = ["RECIPES", "RECIPES_FILE", "recipe_row", "write"]

log = logging.getLogger(__name__)

RECIPES_FILE = "city_recipes.csv"
TNTP, MATPOWER = (
    Path(os.environ.get(f"EVLIB_{name.upper()}", ROOT.parent / "shared" / "data" / name))
    for name in ("tntp", "matpower")
)
# Name: roads, feeder, and what the command is told besides. Vehicles are so many that plugs are scarce at the peak.
RECIPES = {
    "siouxfalls_case69": ("SiouxFalls_net.tntp", "case69.m", ("--n-stations", "8", "--vehicles", "900")),
    "anaheim_case118zh": ("Anaheim_net.tntp", "case118zh.m", ("--n-stations", "8", "--vehicles", "900")),
}


def recipe_row(name: str) -> dict:
    """Make a case by its recipe, check it, coordinate it and measure the result.

    Parameters
    ----------
    name : str
        One of ``RECIPES``.

    Returns
    -------
    dict

    Raises
    ------
    StudyError
        A file that is not there.
    """
    roads, feeder, told = RECIPES[name]
    for file in (TNTP / roads, MATPOWER / feeder):
        if not file.is_file():
            raise StudyError(
                f"{file} is not there: fetch it, and set EVLIB_TNTP and EVLIB_MATPOWER to the files' folders"
            )
    with tempfile.TemporaryDirectory() as folder:
        case = Path(folder) / name
        made = evlib_command(
            ["new", str(case), "--roads", str(TNTP / roads), "--feeder", str(MATPOWER / feeder), *told]
        )
        if made:
            raise StudyError(f"{name}: python -m evlib new ended with code {made}")
        scenario = load_scenario(case / "case.yaml")
        log.info("%s", case_report(scenario))
        settled = coordinate(scenario, method="city")
    certificate = settled.certificate
    return {
        "case": name,
        "roads": len(scenario.tables.link_tail),
        "origins": len(scenario.origins),
        "buses": scenario.tables.feeder.n_bus,
        "stations": len(scenario.stations),
        "vehicles": scenario.fleet.vehicles,
        "paths": len(settled.network.paths),
        "iterations": certificate.iterations,
        "excess_cny_veh": certificate.excess_cny_veh,
        "excess_over_all_paths_cny_veh": certificate.excess_over_all_paths_cny_veh,
        "relative_gap": certificate.relative_gap,
        "price_gap": certificate.price_gap,
        "converged": certificate.converged,
        "largest_rent_cny": settled.rent_cny.max() if settled.rent_cny is not None else 0.0,
    }


def write(folder: Path = RESULTS) -> Path:
    """Make, check and coordinate all cases and write the table (a few minutes)."""
    code = run_hash(__name__)
    table = pd.DataFrame([recipe_row(name) for name in RECIPES])
    notes = [
        f"{name}: python -m evlib new FOLDER --roads {roads} --feeder {feeder} {' '.join(told)}; method city; v2g"
        for name, (roads, feeder, told) in RECIPES.items()
    ]
    notes.append("files: github.com/bstabler/TransportationNetworks and github.com/MATPOWER/matpower, not copied here")
    return write_table(RECIPES_FILE, table, code, notes, folder=folder)
