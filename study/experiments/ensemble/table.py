"""The table of an ensemble, from the files of its draws: ``ensemble_nguyen.csv``."""

from __future__ import annotations

import functools
import hashlib
import logging
from pathlib import Path

import pandas as pd

from evlib.errors import InputError
from evlib.files import sha256_file, write_text
from evlib.folders import RESULTS, build_dir
from study.experiments.ensemble.adopt import CODE_DIGITS, adopt
from study.experiments.ensemble.draws import Draw, draws_of, scenario_of
from study.experiments.ensemble.engine import Task, compute, read_draws
from study.experiments.ensemble.knobs import Design, read_design
from study.experiments.ensemble.one_draw import PRICE_TOLERANCE, solve_draw
from study.experiments.ensemble.weather import surplus_by_day
from study.experiments.provenance import run_hash, write_table

__all__ = ["COMMITTED", "ENSEMBLE_FILE", "N_DRAWS", "design_key", "ensemble", "table_of", "write"]

log = logging.getLogger(__name__)

ENSEMBLE_FILE = "ensemble_nguyen.csv"
COMMITTED, N_DRAWS = "nguyen", 256
UNTIMED = ("cpu_s",)


def design_key(design: Design) -> str:
    """Version of an ensemble: hash of code, design, scenario and weather; the number of draws does not count."""
    parts = [run_hash(__name__), sha256_file(design.file), design.scenario.hash]
    parts += [sha256_file(design.weather.file)] if design.weather else []
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()


def solve_of_design(job: tuple[str, str, Draw]) -> dict:
    """Solve one draw of a design: what a worker is given.

    Parameters
    ----------
    job : (str, str, Draw)
        Name or path of the design; its version.

    Returns
    -------
    dict
        See :func:`study.experiments.ensemble.one_draw.solve_draw`, with ``code``, first digits of the code's hash.

    Raises
    ------
    InputError
        This machine has another design, scenario or weather.
    """
    name, key, draw = job
    design, own_key, code = _design(name)
    if own_key != key:
        raise InputError(
            f"{design.file}: version {own_key[:12]} here; must be {key[:12]}: copy data/ and the sources again"
        )
    try:
        scenario = scenario_of(design, draw)
    except InputError as error:
        return {"error": f"scenario: {error}", "cpu_s": 0.0, "code": code}
    return solve_draw(scenario) | {"code": code}


@functools.cache  # a worker is given many draws of one design
def _design(name: str) -> tuple[Design, str, str]:
    design = read_design(name)
    return design, design_key(design), run_hash(__name__)[:CODE_DIGITS]


def table_of(design: Design, draws: list[Draw], rows: dict[int, dict]) -> pd.DataFrame:
    """One row a draw: ``draw``, ``day``, its surplus, the knobs' numbers, and what was measured.

    Parameters
    ----------
    design : Design
    draws : list of Draw
    rows : dict of int to dict
        By number of a draw; draws without a row are left out.

    Returns
    -------
    DataFrame
        By number. Day and knobs of draw 0, the base case, are nan. ``day_c2_mwh`` and the like: surplus of the day with
        the scenario's own farms and loads, whatever the knobs [MWh]. ``code``: by which code a draw was solved.
    """
    knobs = [knob.name for knob in design.knobs]
    heads = {draw.number: {"draw": draw.number, "day": draw.day} | draw.knobs for draw in draws}
    zones = {}
    if design.weather:
        surplus = surplus_by_day(design.scenario, design.weather)
        zones = {f"day_{zone}_mwh": surplus[zone] for zone in design.weather.zones}
    for name, by_day in zones.items():
        heads = {number: head | {name: by_day.get(head["day"])} for number, head in heads.items()}
    table = pd.DataFrame([heads[number] | rows[number] for number in sorted(rows)])
    measured = [name for name in _columns(rows) if name not in UNTIMED]
    return table.reindex(columns=["draw", "day", *zones, *knobs, *measured])


def _columns(rows: dict[int, dict]) -> list[str]:
    """Names in the order of the first row that has all numbers, after ``error`` and ``code``."""
    longest = max(rows.values(), key=len, default={})
    return ["error", "code", *(name for name in longest if name not in ("error", "code"))]


def ensemble(
    n: int = N_DRAWS,
    name: str = COMMITTED,
    *,
    scheduler: str | None = None,
    workers: int | None = None,
    so_far: bool = False,
    adopted: Path | None = None,
    folder: Path = RESULTS,
) -> Path:
    """Compute what is missing of an ensemble and write its table.

    Parameters
    ----------
    n : int
        Number of draws beside the base case.
    name : str
        Design in ``data/ensembles``, or path of a YAML file.
    scheduler, workers : optional
        As in :func:`study.experiments.ensemble.engine.compute`.
    so_far : bool
        Compute nothing, and write the table of what is there.
    adopted : Path, optional
        A table of the same draws by earlier code, whose draws count once three of them have been solved again.
    folder : Path
        For the table of the design ``nguyen`` with at least 256 draws; all others go to ``build/ensemble``.

    Returns
    -------
    Path
        The table.

    Raises
    ------
    InputError
        See :func:`study.experiments.ensemble.knobs.read_design`, :func:`study.experiments.ensemble.adopt.adopt` and
        :func:`study.experiments.ensemble.engine.compute`.
    """
    design = read_design(name)
    draws, key, code = draws_of(design, n), design_key(design), run_hash(__name__)
    results = build_dir() / "ensemble" / key[:16]
    if adopted is not None:
        adopt(adopted, design, draws, lambda draw: solve_draw(scenario_of(design, draw)), results, key)
    if so_far:
        rows = read_draws(results, [draw.number for draw in draws], key)
    else:
        known_as = name if name == COMMITTED else str(design.file.resolve())
        jobs = {draw.number: (known_as, key, draw) for draw in draws}
        rows = compute(jobs, Task(solve_of_design, __name__, key), results, scheduler=scheduler, workers=workers)
    if not rows:
        raise InputError(f"{results}: holds no draw yet; compute some: python -m study ensemble")
    table = table_of(design, draws, rows)
    notes = (
        f"design: {design.file.name}, scenario {design.scenario.name} {design.scenario.hash}",
        f"draws: {len(rows) - (0 in rows)} beside draw 0, which is the base case itself; four strategies each, v2g, newton",
        f"settled: relative gap within {design.scenario.coordination.tol_relative_gap:g}, price gap {PRICE_TOLERANCE:g}; "
        "converged: as in the base case, price gap 1e-4",
    )
    if name == COMMITTED and len(rows) > N_DRAWS:
        return write_table(ENSEMBLE_FILE, table, code, notes, folder=folder)
    file = build_dir() / "ensemble" / f"ensemble_{design.file.stem}.csv"
    command = f"python -m study ensemble --draws {n} --design {name}"
    head = "".join(f"# {note}\n" for note in (f"command: {command}", f"code: {code}", *notes))
    write_text(file, head + table.to_csv(index=False, float_format="%.6g", lineterminator="\n"))
    log.info("wrote %s", file)
    return file


def write(folder: Path = RESULTS) -> Path:
    """Compute all draws on this machine and write the table (hours on one core)."""
    return ensemble(folder=folder)
