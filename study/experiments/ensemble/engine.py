"""Solves draws on any number of machines: one small file a draw, so that a run can stop anywhere and go on later."""

from __future__ import annotations

import functools
import json
import logging
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from evlib.errors import InputError, StudyError
from evlib.files import write_json
from evlib.leftovers import remove_leftovers
from study.experiments.provenance import run_hash

__all__ = ["Task", "compute", "draw_path", "read_draw", "read_draws"]

log = logging.getLogger(__name__)

CONNECT_S = 5.0
LOCAL = "python -m study ensemble"


@dataclass(frozen=True)
class Task:
    """What every draw of a run has in common.

    Attributes
    ----------
    function : callable
        From a draw, of any type that can be pickled, to a dict that JSON can hold; importable by workers.
    module : str
        Module whose sources, with those that it imports, decide the numbers; workers must have the same.
    key : str
        Version of the run: code, design and data. Files of another version are refused.
    """

    function: Callable
    module: str
    key: str


def draw_path(folder: Path, number: int) -> Path:
    """File of one draw."""
    return folder / f"draw_{number:05d}.json"


def read_draw(folder: Path, number: int, key: str) -> dict | None:
    """What was computed of one draw; None if there is no file.

    Raises
    ------
    InputError
        A file of another version, or one that is damaged. It stays as it is.
    """
    file = draw_path(folder, number)
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        made_by, row, whose = content["key"], content["row"], content["draw"]
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{file}: is no result of a draw ({type(error).__name__}: {error}); remove it") from error
    if made_by != key or whose != number:
        what = f"draw {whose} of version {str(made_by)[:12]}"
        raise InputError(f"{file}: holds {what}; this is draw {number} of {key[:12]}: use another folder or remove it")
    return row


def read_draws(folder: Path, numbers: Sequence[int], key: str) -> dict[int, dict]:
    """The draws of a run that are there, by number."""
    rows = {number: read_draw(folder, number, key) for number in numbers}
    return {number: row for number, row in rows.items() if row is not None}


def compute(
    draws: dict,
    task: Task,
    folder: Path,
    *,
    scheduler: str | None = None,
    workers: int | None = None,
    connect_s: float = CONNECT_S,
) -> dict[int, dict]:
    """Compute the draws that are not there yet, in their order, and return all of them.

    Parameters
    ----------
    draws : dict of int to object
        Number of a draw -> what its function is given.
    task : Task
    folder : Path
        Of the files, one a draw; only this process writes there.
    scheduler : str, optional
        Address of a dask scheduler, such as ``tcp://host:8786``. By default workers are started here.
    workers : int, optional
        Number of processes to start here; by default one a core.
    connect_s : float
        How long to wait for a scheduler and for its first worker [s].

    Returns
    -------
    dict of int to dict
        Number -> row, sorted. They do not depend on who computed them, nor in how many runs.

    Raises
    ------
    InputError
        Files of another version; no workers wanted; a scheduler that does not answer or has no workers; a worker with
        other code. Nothing that is there is touched.
    StudyError
        Draws that ended in an error that is no result; all others are kept.
    """
    if workers is not None and workers < 1:
        raise InputError(f"workers: {workers}; must be at least 1")
    remove_leftovers(folder)
    done = read_draws(folder, list(draws), task.key)
    left = [number for number in draws if number not in done]
    if left:
        with _client(scheduler, workers, connect_s) as client:
            _run(client, {number: draws[number] for number in left}, task, folder, len(done))
        done |= read_draws(folder, left, task.key)
    return dict(sorted(done.items()))


def _run(client, draws: dict, task: Task, folder: Path, n_done: int) -> None:
    from distributed import as_completed
    from distributed.scheduler import KilledWorker

    code = run_hash(task.module)
    _check_workers(client, task.module, code)
    _quiet()
    futures = {}
    for place, (number, draw) in enumerate(draws.items()):
        arguments = (task.function, draw, task.module, code)
        key = f"draw-{number}-{task.key[:12]}-{os.getpid()}"
        futures[client.submit(_on_worker, *arguments, key=key, priority=-place, pure=False)] = number
    failed: list[str] = []
    bar = tqdm(total=len(draws) + n_done, initial=n_done, unit="draw", smoothing=0.05, disable=None)
    try:
        for future in as_completed(futures):
            number = futures.pop(future)
            try:
                row = future.result()
            except InputError:
                raise
            except KilledWorker as error:
                failed.append(f"draw {number}: ended its worker {error.allowed_failures + 1} times")
            except Exception as error:
                failed.append(f"draw {number}: {type(error).__name__}: {error}")
            else:
                write_json(draw_path(folder, number), {"draw": number, "key": task.key, "row": row})
                if row.get("error"):
                    log.info("draw %d: %s", number, row["error"])
            if len(failed) and failed[-1].startswith(f"draw {number}:"):
                log.warning("%s", failed[-1])
            future.release()
            bar.update()
    finally:
        bar.close()
        client.cancel(list(futures))
    if failed:
        raise StudyError(f"{len(failed)} draws are missing, all others are kept; the first: {failed[0]}")


def _on_worker(function: Callable, draw, module: str, code: str) -> dict:
    """On a worker: refuse with other code, else compute."""
    _refuse_other_code(module, code)
    return function(draw)


def _refuse_other_code(module: str, code: str) -> None:
    here = run_hash(module)
    if here != code:
        where = f"worker {os.uname().nodename}, process {os.getpid()}"
        raise InputError(f"{where}: has code {here[:12]}; must be {code[:12]}: start it from the same sources")


def _code_of_worker(module: str) -> str:
    return run_hash(module)


def _check_workers(client, module: str, code: str) -> None:
    """Ask all workers for their code before any draw; who joins later is asked by its first draw."""
    for address, found in client.run(_code_of_worker, module, on_error="return").items():
        if isinstance(found, BaseException):
            raise InputError(f"worker {address}: cannot run this study: {found}; start it from the same sources")
        if found != code:
            raise InputError(
                f"worker {address}: has code {found[:12]}; must be {code[:12]}: start it from the same sources"
            )


@contextmanager
def _client(scheduler: str | None, workers: int | None, connect_s: float):
    """A client of the scheduler, or of workers that are started here and end with it."""
    import dask
    from distributed import Client, LocalCluster

    _quiet()
    if scheduler is None:
        n_workers = workers or os.cpu_count() or 1
        settings = {
            "distributed.worker.memory.target": False,
            "distributed.worker.memory.spill": False,
            "distributed.scheduler.worker-ttl": None,  # a solver may keep a worker from answering for a while
        }
        with (
            dask.config.set(settings),
            LocalCluster(
                n_workers=n_workers,
                threads_per_worker=1,
                processes=True,
                dashboard_address=":0",
                silence_logs=logging.CRITICAL,
                env={"TQDM_DISABLE": "1"},
            ) as cluster,
            Client(cluster) as client,
        ):
            yield client
        return
    try:
        client = Client(scheduler, timeout=connect_s)
    except (OSError, ValueError, TimeoutError) as error:
        raise InputError(
            f"scheduler {scheduler}: does not answer within {connect_s:g} s ({_first_line(error)}); start one with `dask "
            f"scheduler`, or compute on this machine: {LOCAL}"
        ) from error
    with client:
        try:
            client.wait_for_workers(1, timeout=connect_s)
        except TimeoutError as error:
            raise InputError(
                f"scheduler {scheduler}: has no worker; start some with `dask worker {scheduler} --nthreads 1`, or compute "
                f"on this machine: {LOCAL}"
            ) from error
        yield client


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


@functools.cache
def _quiet() -> None:
    """Keep what the workers' machinery says about itself off the terminal."""
    for name in ("distributed", "tornado", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    if not sys.warnoptions:
        import warnings

        warnings.filterwarnings("ignore", module="distributed")
