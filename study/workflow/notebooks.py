"""Execute the notebooks in order, each only when something that it depends on has changed."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout
from tqdm import tqdm

from evlib.errors import StudyError
from evlib.files import sha256_file, write_json
from evlib.folders import DATA
from evlib.hashing import files_hash, lock_hash, package_sources, source_hash
from evlib.leftovers import remove_leftovers

__all__ = ["NotebookRun", "exclusive", "notebook_hash", "project_hash", "run_notebooks"]

log = logging.getLogger(__name__)

_STAMP_FORMAT = 1  # raise it when what a stamp vouches for changes
_THREADS = ("OPENBLAS", "OMP", "MKL", "NUMBA", "VECLIB", "RAYON")


@dataclass(frozen=True)
class NotebookRun:
    """One notebook, executed now or before.

    Attributes
    ----------
    source : Path
        The notebook in ``notebooks``, never written to.
    executed : Path
        Its executed copy in the build folder.
    recorded : tuple of str
        Names of the figures and tables that it recorded, sorted.
    skipped : bool
        Nothing had changed, so an earlier execution was taken.
    """

    source: Path
    executed: Path
    recorded: tuple[str, ...]
    skipped: bool


def run_notebooks(folder: Path, build: Path, *, cell_timeout_s: int = 600) -> list[NotebookRun]:
    """Execute the notebooks of a folder in order of name into ``build/notebooks``.

    Parameters
    ----------
    folder : Path
        Where the notebooks are; their kernels run there.
    build : Path
        Folder of artefacts.
    cell_timeout_s : int
        Time limit of one cell [s].

    Returns
    -------
    list of NotebookRun

    Raises
    ------
    StudyError
        The folder is not there, or a notebook failed: the message then holds its error and the path of the copy
        executed as far as it went.
    """
    folder, build = folder.resolve(), build.resolve()
    if not folder.is_dir():
        raise StudyError(f"{folder} is not a folder; --notebooks must name the folder that holds the notebooks.")
    shutil.rmtree(build / "running", ignore_errors=True)  # of a killed run; `exclusive` sees to it that none is at work
    for outputs in (build, build / "notebooks", build / "recorded"):
        outputs.mkdir(parents=True, exist_ok=True)
        remove_leftovers(outputs)
    sources = sorted(path for path in folder.glob("*.ipynb") if not path.name.startswith("."))
    if not sources:
        log.info("No notebooks in %s yet.", folder)
        return []
    _forget_others({path.stem for path in sources}, build)
    project = project_hash()
    progress = tqdm(sources, unit="notebook", leave=False, disable=None)
    return [_run(source, build, project, cell_timeout_s) for source in progress]


def project_hash() -> str:
    """Hash of what every notebook depends on: evlib, the lock, the data, the version of Python."""
    data = [
        path for path in DATA.rglob("*") if path.is_file() and path.suffix != ".md" and not path.name.startswith(".")
    ]
    parts = [_STAMP_FORMAT, sys.version_info[:2], source_hash(package_sources()), lock_hash(), files_hash(data)]
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def notebook_hash(path: Path, project: str) -> str:
    """Hash of a notebook's cells (not of its outputs or metadata) and of the project."""
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        content = [(cell["cell_type"], "".join(cell["source"])) for cell in cells]
    except (ValueError, KeyError, TypeError) as error:
        raise StudyError(f"{path} is not a notebook (format 4): {type(error).__name__}: {error}") from None
    return hashlib.sha256(json.dumps([project, content]).encode()).hexdigest()


@contextmanager
def exclusive(build: Path) -> Iterator[None]:
    """Hold the build folder for one run; the system lets go of it when the process ends, however it ends.

    Raises
    ------
    StudyError
        Another run holds it.
    """
    build.mkdir(parents=True, exist_ok=True)
    lock = FileLock(build / ".running")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise StudyError(f"Another run is writing to {build}; wait for it to end.") from None
    try:
        yield
    finally:
        lock.release()


def _run(source: Path, build: Path, project: str, cell_timeout_s: int) -> NotebookRun:
    executed = build / "notebooks" / source.name
    stamp = build / "notebooks" / f"{source.stem}.stamp.json"
    key = notebook_hash(source, project)
    outputs = _intact_outputs(stamp, key, build)
    skipped = outputs is not None
    if skipped:
        log.info("%s: unchanged", source.stem)
    else:
        stamp.unlink(missing_ok=True)  # before the first output changes, so that a killed run leaves no false stamp
        for sheet in _recorded_by(source.stem, build):
            _forget(sheet)
        start_s = time.monotonic()
        _execute(source, executed, build, cell_timeout_s)
        sheets = _recorded_by(source.stem, build)
        files = [executed, *(path for sheet in sheets for path in _companions(sheet) if path.exists())]
        outputs = {path.relative_to(build).as_posix(): sha256_file(path) for path in files}
        write_json(stamp, {"key": key, "outputs": outputs})
        log.info("%s: executed in %.0f s", source.stem, time.monotonic() - start_s)
    names = tuple(sorted(Path(path).name[: -len(".meta.json")] for path in outputs if path.endswith(".meta.json")))
    return NotebookRun(source, executed, names, skipped)


def _intact_outputs(stamp: Path, key: str, build: Path) -> dict[str, str] | None:
    """Checksums of the outputs by path if they were made by this very source and are as they were then."""
    try:
        content = json.loads(stamp.read_text(encoding="utf-8"))
        outputs = content["outputs"]
        intact = content["key"] == key and all(sha256_file(build / path) == digest for path, digest in outputs.items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return outputs if intact else None


def _execute(source: Path, executed: Path, build: Path, cell_timeout_s: int) -> None:
    import nbformat
    import papermill
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    # papermill writes as it goes, so it writes elsewhere, and the finished notebook is moved into place.
    running = build / "running" / source.name
    failed = build / "failed" / source.name
    running.parent.mkdir(parents=True, exist_ok=True)
    failed.unlink(missing_ok=True)
    shutil.copyfile(source, running)
    terminal = sys.stderr.isatty()
    try:
        with _kernel_environment(build, source.stem):
            papermill.execute_notebook(
                str(source),
                str(running),
                kernel_name="python3",
                cwd=str(source.parent),
                progress_bar={"desc": source.stem, "leave": False} if terminal else False,
                execution_timeout=cell_timeout_s,
                start_timeout=120,
                extra_arguments=["--IPKernelApp.log_level=40"],  # or a library's new warning becomes an output
            )
    except papermill.PapermillExecutionError as error:
        cause = f"{error.ename}: {error.evalue}"
        where = f"in cell {error.cell_index + 1}, which starts with {error.source.strip().splitlines()[0]!r}"
    except CellTimeoutError:
        cause, where = f"a cell took longer than {cell_timeout_s} s", "at its time limit"
    except DeadKernelError:
        cause, where = "the kernel died (out of memory, or killed)", "without an error of its own"
    else:
        nbformat.validate(nbformat.read(running, as_version=4))
        executed.parent.mkdir(parents=True, exist_ok=True)
        os.replace(running, executed)
        return
    failed.parent.mkdir(parents=True, exist_ok=True)
    os.replace(running, failed)
    raise StudyError(f"{source.name} failed {where}:\n  {cause}\nThe notebook as far as it ran: {failed}")


@contextmanager
def _kernel_environment(build: Path, stem: str) -> Iterator[None]:
    """Environment that a recorded kernel inherits: one thread, no personal profile, and where to record."""
    changes = {f"{name}_NUM_THREADS": "1" for name in _THREADS} | {
        "EVLIB_RECORD": "1",
        "EVLIB_NOTEBOOK": stem,
        "EVLIB_BUILD": str(build),
        "IPYTHONDIR": str(build / "ipython"),
        "JUPYTER_PREFER_ENV_PATH": "1",  # a kernel of the same name in the home folder must not be taken
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _recorded_by(stem: str, build: Path) -> list[Path]:
    """The meta.json files that a notebook wrote."""
    sheets = sorted((build / "recorded").glob("*.meta.json"))
    return [sheet for sheet in sheets if json.loads(sheet.read_text(encoding="utf-8"))["notebook"] == stem]


def _companions(sheet: Path) -> list[Path]:
    name = sheet.name[: -len(".meta.json")]
    return [sheet, sheet.with_name(f"{name}.json"), sheet.with_name(f"{name}.csv")]


def _forget(sheet: Path) -> None:
    for path in _companions(sheet):
        path.unlink(missing_ok=True)


def _forget_others(stems: set[str], build: Path) -> None:
    """Drop what notebooks that have been removed had recorded, so that their names are free."""
    for sheet in sorted((build / "recorded").glob("*.meta.json")):
        try:
            owner = json.loads(sheet.read_text(encoding="utf-8"))["notebook"]
        except (ValueError, KeyError, TypeError):
            owner = None
        if owner not in stems:
            _forget(sheet)
