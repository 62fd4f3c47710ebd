"""Tables committed in data/results: what made each, as its first lines say, and whether that is the present code."""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from evlib import MODULE_OF
from evlib.errors import StudyError
from evlib.files import write_text
from evlib.folders import RESULTS, ROOT
from evlib.hashing import lock_hash, source_hash

__all__ = [
    "LONG",
    "MAKERS",
    "NOT_COMMITTED",
    "command_of",
    "is_stale",
    "read_table",
    "renew_hash",
    "run_hash",
    "stale_files",
    "write_results",
    "write_table",
]

log = logging.getLogger(__name__)

# Every file, and the module that makes it by its function `write`.
MAKERS = {
    "methods_nguyen.csv": "study.experiments.coordination_methods",
    "domains.csv": "study.experiments.flexible_domains",
    "individual.csv": "study.experiments.individual_vehicles",
    "spillback_nguyen.csv": "study.experiments.queue_spillback",
    "sets_nguyen.csv": "study.experiments.vehicle_sets",
    "settling_mini.csv": "study.experiments.convergence_map",
    "runs_nguyen.csv": "study.experiments.strategy_runs",
    "waterfall_nguyen.csv": "study.experiments.waterfall",
    "day_nguyen.csv": "study.experiments.day_steps",
    "real_time_nguyen.csv": "study.experiments.real_time_days",
    "real_time_mini.csv": "study.experiments.real_time_mini",
    "city_iterations.csv": "study.experiments.city_runs",
    "city_days.csv": "study.experiments.city_runs",
    "city_steps.csv": "study.experiments.city_runs",
    "city_stations.csv": "study.experiments.city_runs",
    "city_roads.csv": "study.experiments.city_runs",
    "city_recipes.csv": "study.experiments.city_recipes",
    "variants_nguyen.csv": "study.experiments.variants",
    "plugs_capacity_nguyen.csv": "study.experiments.fair_case.plugs_capacity",
    "starts_nguyen.csv": "study.experiments.fair_case.starts",
    "tolls_nguyen.csv": "study.experiments.fair_case.toll_error",
    "moves_nguyen.csv": "study.experiments.fair_case.moved_vehicles",
    "weather_days_nguyen.csv": "study.experiments.fair_case.weather_days",
    "ensemble_nguyen.csv": "study.experiments.ensemble.table",
}
# Hours of computing, or files that the study may not copy: made only when asked for by name.
LONG = ("ensemble_nguyen.csv", "real_time_nguyen.csv", "real_time_mini.csv", "city_recipes.csv")
# Made where a user has files that are not ours; none is committed.
NOT_COMMITTED = ("city_recipes.csv",)
_PACKAGES = ("evlib", "study")
_COMPARED = (
    "study.experiments.fleets",
    "study.experiments.polymatroid_dispatch",
    "study.experiments.uxsim_reference",
)
# What counts besides for tables that hold claims, not only what claims are computed from.
_JUDGED = {
    "study.experiments.ensemble.table": (
        "study.experiments.ensemble.knobs",
        "study.experiments.ensemble.weather",
        "study.experiments.ensemble.draws",
        "study.experiments.ensemble.one_draw",
        "evlib.results.claim_row",
        "evlib.results.claims",
        "evlib.results.claims_grid",
        "evlib.results.claims_roads",
        "evlib.results.measures",
    )
}
_PRESENTATION = ("study", "evlib.figures", "evlib.results.claim", "evlib.results.measures")


def command_of(name: str) -> str:
    """The command that makes a file."""
    return f"python -m study results {name}"


@functools.cache  # what a process has read of itself stays as it was, as in `evlib.hashing.code_hash`
def run_hash(module: str) -> str:
    """Hash of the sources that a module's runs import, without presentation, and of the lock.

    Parameters
    ----------
    module : str
        One of the values of ``MAKERS``.

    Returns
    -------
    str
        SHA-256; comments and docstrings do not count. Take it before a long run: files may change meanwhile.
    """
    besides = (*_COMPARED, *_JUDGED.get(module, ()))
    counted = [name for name in imported(module) if name in besides or not name.startswith(_PRESENTATION)]
    return hashlib.sha256(f"{source_hash(map(_file_of, counted), ROOT)} {lock_hash()}".encode()).hexdigest()


def imported(module: str) -> set[str]:
    """Modules of the project that importing one brings in, read from the sources without running anything."""
    modules, left = set(), [module]
    while left:
        name = left.pop()
        if name in modules:
            continue
        modules.add(name)
        left += [name.rsplit(".", 1)[0]] if "." in name else []
        left += _imports(_file_of(name).read_text(encoding="utf-8"))
    return modules


@functools.cache  # by content: many modules import the same ones
def _imports(source: str) -> tuple[str, ...]:
    """Modules of the project that a source names in its imports."""
    names: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in _PACKAGES:
            members = [f"{node.module}.{alias.name}" for alias in node.names]
            names += [node.module, *(member for member in members if _file_of(member).is_file())]
            if node.module == "evlib":  # its public names are loaded when asked for
                names += [MODULE_OF[alias.name] for alias in node.names if alias.name in MODULE_OF]
        elif isinstance(node, ast.Import):
            names += [alias.name for alias in node.names if alias.name.split(".")[0] in _PACKAGES]
    return tuple(names)


def _file_of(name: str) -> Path:
    stem = ROOT.joinpath(*name.split("."))
    return stem / "__init__.py" if stem.is_dir() else stem.with_suffix(".py")


def is_stale(file: Path) -> bool:
    """Whether committed results were made by another state of the code than the present one."""
    return f"# code: {run_hash(MAKERS[file.name])}\n" not in file.read_text(encoding="utf-8")


def stale_files(folder: Path = RESULTS) -> list[str]:
    """Names of the committed results that are stale, see `is_stale`."""
    return [name for name in MAKERS if (folder / name).is_file() and is_stale(folder / name)]


def renew_hash(file: Path) -> None:
    """Write the present code hash into committed results, once a fresh run has shown that they still hold."""
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    fresh = f"# code: {run_hash(MAKERS[file.name])}\n"
    write_text(file, "".join(fresh if line.startswith("# code: ") else line for line in lines))


def read_table(name: str, folder: Path = RESULTS) -> pd.DataFrame:
    """A committed table."""
    return pd.read_csv(folder / name, comment="#")


def write_results(names: Sequence[str] = ()) -> None:
    """Make files anew; when no names are given, all but those that take hours.

    Raises
    ------
    StudyError
        An unknown name.
    """
    for name in names:
        if name not in MAKERS:
            raise StudyError(f"unknown results {name!r}; there are {', '.join(MAKERS)}")
    wanted = names or [name for name in MAKERS if name not in LONG]
    for module in dict.fromkeys(MAKERS[name] for name in wanted):  # one module may make several files
        importlib.import_module(module).write()


def write_table(
    name: str,
    table: pd.DataFrame,
    code: str,
    notes: Iterable[str] = (),
    *,
    folder: Path = RESULTS,
) -> Path:
    """Write a table with its command, its code hash and notes on top, six significant digits.

    Parameters
    ----------
    name : str
        One of ``MAKERS``.
    table : DataFrame
    code : str
        ``run_hash`` from before the run.
    notes : iterable of str
        Further lines.
    folder : Path

    Returns
    -------
    Path
        The file, replaced once the table is complete.
    """
    head = [f"# command: {command_of(name)}", f"# code: {code}", *(f"# {note}" for note in notes)]
    file = folder / name
    write_text(file, "\n".join(head) + "\n" + table.to_csv(index=False, float_format="%.6g", lineterminator="\n"))
    log.info("wrote %s", file.relative_to(ROOT) if file.is_relative_to(ROOT) else file)
    return file
