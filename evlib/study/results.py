"""Results too long to recompute each time: made by one command, committed in data/results with what made them."""

from __future__ import annotations

import functools
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from evlib import load_scenario
from evlib.artefacts import write_text
from evlib.coordination import coordinate
from evlib.hashing import lock_hash, source_hash
from evlib.paths import RESULTS, ROOT

__all__ = ["METHODS_FILE", "compare_methods", "is_stale", "renew_hash", "variant_of", "write_methods"]

METHODS_FILE = "methods_nguyen.csv"
COMMAND = "python -m evlib.study results"
VARIANTS = {
    "base": {},
    "plugs doubled": {},
    "30 iterations": {"coordination.iterations": 30},
    # Prices and flows from the program alone, travel times frozen: no steps through the loading.
    "program alone": {
        "coordination.iterations": 30,
        "coordination.traffic_steps": 0,
        "coordination.metric_cny_veh": 120.0,
    },
}
RUNS = (
    ("base", "joint", "user"),
    ("base", "joint", "system"),
    ("plugs doubled", "joint", "system"),
    ("program alone", "joint", "user"),
    ("program alone", "joint", "system"),
    ("30 iterations", "inertia", "system"),
    ("30 iterations", "best_response", "system"),
)
MEASURES = ("excess_cny_veh", "relative_gap", "price_gap", "flow_residual")
_PRESENTATION = ("evlib.study", "evlib.figures", "evlib.recording", "evlib.claims")


@functools.cache  # what a process has read of itself stays as it was, as in `evlib.hashing.code_hash`
def run_hash() -> str:
    """Hash of the sources in evlib that the runs import, without presentation, and of the lock.

    Returns
    -------
    str
        SHA-256; comments and docstrings do not count. Take it before a long run: files may change meanwhile.
    """
    # In a process of its own: this one may have imported more.
    script = "import json, sys, evlib.study.results; print(json.dumps(sorted(sys.modules)))"
    listed = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    files = set()
    for name in json.loads(listed.stdout):
        if name.split(".")[0] == "evlib" and not name.startswith(_PRESENTATION):
            stem = ROOT.joinpath(*name.split("."))
            files.add(stem / "__init__.py" if stem.is_dir() else stem.with_suffix(".py"))
    return hashlib.sha256(f"{source_hash(files, ROOT)} {lock_hash()}".encode()).hexdigest()


def is_stale(file: Path = RESULTS / METHODS_FILE) -> bool:
    """Whether committed results were made by another state of the code than the present one."""
    return f"# code: {run_hash()}\n" not in file.read_text(encoding="utf-8")


def renew_hash(file: Path = RESULTS / METHODS_FILE) -> None:
    """Write the present code hash into committed results that were found to be the same still."""
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    fresh = f"# code: {run_hash()}\n"
    write_text(file, "".join(fresh if line.startswith("# code: ") else line for line in lines))


def variant_of(scenario, name: str):
    """The scenario under one of the names of ``VARIANTS``."""
    changes = dict(VARIANTS[name])
    if name == "plugs doubled":
        changes |= {f"stations.{station.name}.plugs": 2 * station.plugs for station in scenario.stations}
    return scenario.replace(changes) if changes else scenario


def compare_methods(scenario, runs=RUNS, *, report: Callable[[str], None] = print) -> pd.DataFrame:
    """Convergence tables of several methods on one scenario and its variants, charging v2g, one below the other.

    Parameters
    ----------
    scenario : Scenario
    runs : iterable of (variant, method, objective)
    report : callable
        Takes a line of text.

    Returns
    -------
    DataFrame
        ``variant``, ``method``, ``objective``, ``iteration``, ``excess_cny_veh``, ``relative_gap``, ``price_gap`` (nan
        where it was not measured), ``flow_residual`` (nan in the last row), ``best`` (the iterate that the method
        returns).

    Raises
    ------
    InputError
        Unknown method or objective.
    """
    tables = []
    for variant, method, objective in runs:
        found = coordinate(variant_of(scenario, variant), method=method, objective=objective)
        best = found.certificate["best_iteration"]
        table = found.convergence[["iteration", *MEASURES]].copy()
        for place, (name, value) in enumerate((("variant", variant), ("method", method), ("objective", objective))):
            table.insert(place, name, value)
        table["best"] = (table["iteration"] == best).astype(int)
        tables.append(table)
        excess, gap = found.certificate["excess_cny_veh"], found.certificate["relative_gap"]
        settled = "converged" if found.certificate["converged"] else "not converged"
        report(f"{variant}, {method}, {objective}: excess {excess:.3g} CNY/veh, relative gap {gap:.2g}, {settled}")
    return pd.concat(tables, ignore_index=True)


def write_methods(folder: Path = RESULTS, *, report: Callable[[str], None] = print) -> Path:
    """Compare the methods at full size and write the table, with the command and the code hash on top.

    Parameters
    ----------
    folder : Path
    report : callable
        Takes a line of text.

    Returns
    -------
    Path
        The file, replaced once everything is there.
    """
    scenario, code = load_scenario("nguyen"), run_hash()
    table = compare_methods(scenario, report=report)
    head = [
        f"# command: {COMMAND}",
        f"# code: {code}",
        f"# scenario: nguyen {scenario.hash}, charging v2g; tol_relative_gap {scenario.coordination.tol_relative_gap:g}",
        f"# {scenario.coordination.iterations} iterations where a variant names no other number",
    ]
    file = folder / METHODS_FILE
    rows = table.to_csv(index=False, float_format="%.6g", lineterminator="\n")
    write_text(file, "\n".join(head) + "\n" + rows)
    report(f"wrote {file.relative_to(ROOT) if file.is_relative_to(ROOT) else file}")
    return file
