"""Results too long to recompute each time: made by one command, committed in data/results with what made them."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from evlib import load_scenario
from evlib.artefacts import write_text
from evlib.coordination import coordinate
from evlib.hashing import lock_hash, source_hash
from evlib.paths import RESULTS, ROOT

__all__ = ["METHODS_FILE", "compare_methods", "write_methods"]

METHODS_FILE = "methods_nguyen.csv"
COMMAND = "python -m evlib.study results"
# Replies to prices settle into their ways within few iterations, each of which is as long as an exact one of joint.
PLAIN_ITERATIONS = 12
RUNS = (("joint", "user"), ("joint", "system"), ("inertia", "system"), ("best_response", "system"))
MEASURES = ("excess_cny_veh", "relative_gap", "price_gap", "flow_residual")
_PRESENTATION = ("evlib.study", "evlib.figures", "evlib.recording")


def run_hash() -> str:
    """Hash of the sources in evlib that this process has imported, without presentation, and of the lock.

    Returns
    -------
    str
        SHA-256; comments and docstrings do not count. Take it before a long run: files may change meanwhile.
    """
    modules = [(name, getattr(module, "__file__", None)) for name, module in sorted(sys.modules.items())]
    files = {
        Path(file)
        for name, file in modules
        if file and (name == "evlib" or name.startswith("evlib.")) and not name.startswith(_PRESENTATION)
    }
    return hashlib.sha256(f"{source_hash(files, ROOT)} {lock_hash()}".encode()).hexdigest()


def compare_methods(scenario, runs=RUNS, *, report: Callable[[str], None] = print) -> pd.DataFrame:
    """Convergence tables of several methods on one scenario, charging v2g, one below the other.

    Parameters
    ----------
    scenario : Scenario
    runs : iterable of (method, objective)
        ``joint`` runs as the scenario says; the others run 12 iterations, all of them exact.
    report : callable
        Takes a line of text.

    Returns
    -------
    DataFrame
        ``method``, ``objective``, ``iteration``, ``excess_cny_veh``, ``relative_gap``, ``price_gap`` (nan where it was
        not measured), ``flow_residual`` (nan in the last row), ``best`` (the iterate that the method returns).

    Raises
    ------
    InputError
        Unknown method or objective.
    """
    fewer = {"coordination.iterations": PLAIN_ITERATIONS, "coordination.exact_iterations": PLAIN_ITERATIONS}
    tables = []
    for method, objective in runs:
        case = scenario if method == "joint" else scenario.replace(fewer)
        found = coordinate(case, method=method, objective=objective)
        best = found.certificate["best_iteration"]
        table = found.convergence[["iteration", *MEASURES]].copy()
        table.insert(0, "method", method)
        table.insert(1, "objective", objective)
        table["best"] = (table["iteration"] == best).astype(int)
        tables.append(table)
        excess, settled = found.certificate["excess_cny_veh"], found.certificate["converged"]
        report(f"{method}, {objective}: excess {excess:.3g} CNY/veh, {'converged' if settled else 'not converged'}")
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
        f"# joint: {scenario.coordination.iterations} iterations, the last {scenario.coordination.exact_iterations} with "
        "exact domains, price_gap measured at the start and there",
        f"# inertia, best_response: coordination.iterations and exact_iterations replaced by {PLAIN_ITERATIONS}",
    ]
    file = folder / METHODS_FILE
    rows = table.to_csv(index=False, float_format="%.6g", lineterminator="\n")
    write_text(file, "\n".join(head) + "\n" + rows)
    report(f"wrote {file.relative_to(ROOT) if file.is_relative_to(ROOT) else file}")
    return file
