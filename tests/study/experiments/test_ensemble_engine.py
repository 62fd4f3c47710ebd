"""The engine of ensembles on draws that cost nothing: it stops anywhere, goes on, and ends at the same files."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from distributed import LocalCluster

from evlib.errors import InputError, StudyError
from study.experiments.ensemble import engine
from study.experiments.ensemble.engine import Task, compute, draw_path, read_draw

MODULE = "study.experiments.ensemble.draws"
# What processes started apart need to import this file.
APART = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])}


def square(number):
    return {"error": "", "square": number**2, "third": number / 3}


def fall(number):
    if number == 2:
        raise ZeroDivisionError("no such number")
    return square(number)


def linger(job):
    """Note the process, and take a moment: long enough to be killed in the middle."""
    number, folder = job
    (Path(folder) / f"{os.getpid()}.worker").touch()
    time.sleep(0.15)
    return square(number)


def kill_first(job):
    """The first process that comes here dies."""
    number, folder = job
    try:
        (Path(folder) / "dead").touch(exist_ok=False)
    except FileExistsError:
        return square(number)
    os.kill(os.getpid(), signal.SIGKILL)


def bytes_of(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.glob("draw_*.json"))}


@pytest.fixture(scope="module")
def nearby():
    """A scheduler and two workers within this process, at an address like any other."""
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=":0") as cluster:
        yield cluster.scheduler_address


TASK = Task(square, MODULE, "a" * 64)


def test_a_run_in_two_parts_is_the_run_in_one(tmp_path, nearby):
    """Draws, not the order of work, decide the files; what is there is not computed again."""
    draws = {number: number for number in range(12)}
    whole = compute(draws, TASK, tmp_path / "whole", scheduler=nearby)
    assert whole == {number: square(number) for number in range(12)}
    compute({number: number for number in (7, 3, 0)}, TASK, tmp_path / "parts", scheduler=nearby)
    before = draw_path(tmp_path / "parts", 7).stat().st_mtime_ns
    assert compute(draws, TASK, tmp_path / "parts", scheduler=nearby) == whole
    assert draw_path(tmp_path / "parts", 7).stat().st_mtime_ns == before
    assert bytes_of(tmp_path / "whole") == bytes_of(tmp_path / "parts")


def test_an_error_that_is_no_result_keeps_all_other_draws(tmp_path, nearby):
    with pytest.raises(StudyError, match=r"1 draws are missing, .* draw 2: ZeroDivisionError: no such number"):
        compute({n: n for n in range(4)}, Task(fall, MODULE, "b"), tmp_path, scheduler=nearby)
    assert list(bytes_of(tmp_path)) == ["draw_00000.json", "draw_00001.json", "draw_00003.json"]


def test_results_of_another_version_are_refused_and_stay(tmp_path, nearby):
    compute({1: 1}, TASK, tmp_path, scheduler=nearby)
    before = bytes_of(tmp_path)
    with pytest.raises(
        InputError, match=r"draw_00001\.json: holds draw 1 of version aaaaaaaaaaaa; this is draw 1 of c"
    ):
        compute({1: 1, 2: 2}, Task(square, MODULE, "c" * 64), tmp_path, scheduler=nearby)
    assert bytes_of(tmp_path) == before


@pytest.mark.parametrize("text", ["", "{", "[]", '{"draw": 1, "key": "k"}', "null"])
def test_a_file_that_is_no_draw_is_named(tmp_path, text):
    draw_path(tmp_path, 1).write_text(text)
    with pytest.raises(InputError, match=r"draw_00001\.json: is no result of a draw .* remove it"):
        read_draw(tmp_path, 1, "k")


def test_a_worker_with_other_code_is_refused_before_any_draw(tmp_path, nearby, monkeypatch):
    monkeypatch.setattr(engine, "_code_of_worker", lambda module: "f" * 64)
    with pytest.raises(InputError, match=r"worker inproc.*: has code ffffffffffff; must be .*: start it from the same"):
        compute({1: 1}, TASK, tmp_path, scheduler=nearby)
    assert bytes_of(tmp_path) == {}


def test_a_worker_that_joins_later_is_asked_by_its_first_draw(tmp_path, nearby, monkeypatch):
    monkeypatch.setattr(engine, "_check_workers", lambda *_: None)
    real = engine.run_hash
    answers = iter(["0" * 64])
    monkeypatch.setattr(engine, "run_hash", lambda module: next(answers, real(module)))  # what this side asks for
    with pytest.raises(InputError, match=r"worker .*, process \d+: has code .*; must be 000000000000"):
        compute({1: 1}, TASK, tmp_path, scheduler=nearby)
    assert bytes_of(tmp_path) == {}


def test_an_unreachable_scheduler_is_said_in_time_with_what_to_do_instead(tmp_path):
    start = time.monotonic()
    with pytest.raises(
        InputError, match=r"scheduler tcp://127\.0\.0\.1:9: does not answer within 0\.5 s .*python -m study"
    ):
        compute({1: 1}, TASK, tmp_path, scheduler="tcp://127.0.0.1:9", connect_s=0.5)
    assert time.monotonic() - start < 5
    with pytest.raises(InputError, match=r"scheduler nonsense://x: .*python -m study"):
        compute({1: 1}, TASK, tmp_path, scheduler="nonsense://x", connect_s=0.5)


@pytest.mark.parametrize("workers", [0, -1])
def test_no_workers_are_no_way_to_compute(tmp_path, workers):
    with pytest.raises(InputError, match=f"workers: {workers}; must be at least 1"):
        compute({1: 1}, TASK, tmp_path, workers=workers)


def test_a_scheduler_without_workers_is_said(tmp_path):
    with LocalCluster(n_workers=0, processes=False, dashboard_address=":0") as cluster:
        with pytest.raises(InputError, match=r"has no worker; start some with `dask worker inproc.*python -m study"):
            compute({1: 1}, TASK, tmp_path, scheduler=cluster.scheduler_address, connect_s=0.2)


@pytest.mark.verify
def test_a_draw_whose_worker_dies_is_computed_by_another(tmp_path):
    """Processes started by the engine: one is killed within a draw."""
    folder = tmp_path / "shared"
    folder.mkdir()
    draws = {number: (number, str(folder)) for number in range(8)}
    rows = compute(draws, Task(kill_first, MODULE, "k"), tmp_path / "results", workers=2)
    assert (folder / "dead").exists()
    assert rows == {number: square(number) for number in range(8)}


@pytest.mark.verify
def test_a_scheduler_and_two_workers_started_apart_one_killed(tmp_path):
    """By their own commands, as on other machines; the first worker that has computed something is killed."""
    file = tmp_path / "scheduler.json"
    dask = [sys.executable, "-m", "distributed.cli.dask_scheduler"]
    worker = [sys.executable, "-m", "distributed.cli.dask_worker", "--scheduler-file", str(file), "--nthreads", "1"]
    running = [subprocess.Popen([*dask, "--scheduler-file", str(file), "--port", "0", "--no-dashboard"], env=APART)]
    try:
        running += [subprocess.Popen([*worker, "--no-dashboard", "--no-nanny"], env=APART) for _ in range(2)]
        while not file.exists():
            time.sleep(0.1)
        address = json.loads(file.read_text())["address"]
        draws = {number: (number, str(tmp_path)) for number in range(40)}
        killer = subprocess.Popen([sys.executable, "-c", KILL, str(tmp_path)])
        running.append(killer)
        rows = compute(draws, Task(linger, MODULE, "k"), tmp_path / "results", scheduler=address, connect_s=30)
        assert killer.wait(30) == 0
        assert len(list(tmp_path.glob("*.worker"))) == 2
    finally:
        for process in running:
            process.kill()
            process.wait()
    assert rows == {number: square(number) for number in range(40)}


KILL = """
import os, pathlib, signal, sys, time
folder = pathlib.Path(sys.argv[1])
while len(found := list(folder.glob("*.worker"))) < 2:
    time.sleep(0.05)
os.kill(int(found[0].stem), signal.SIGKILL)
"""


@pytest.mark.verify
def test_the_whole_run_killed_goes_on_to_the_same_files(tmp_path):
    """The engine itself is killed; nothing is half-written, and the second run computes the rest only."""
    program = (
        "import sys, time, pathlib\n"
        "from study.experiments.ensemble.engine import Task, compute\n"
        "import ensemble_toy\n"
        f"if __name__ == '__main__':\n"
        f"    task = Task(ensemble_toy.slow, {MODULE!r}, 'k')\n"
        "    compute({n: n for n in range(20)}, task, pathlib.Path(sys.argv[1]), workers=1)\n"
    )
    toy = "import time\n\ndef slow(n):\n    time.sleep(0.1)\n    return {'error': '', 'third': n / 3}\n"
    (tmp_path / "ensemble_toy.py").write_text(toy)
    (tmp_path / "program.py").write_text(program)
    environment = APART | {"PYTHONPATH": os.pathsep.join([str(tmp_path), APART["PYTHONPATH"]])}

    def start(folder):
        command = [sys.executable, str(tmp_path / "program.py"), str(tmp_path / folder)]
        return subprocess.Popen(command, env=environment)

    killed = start("killed")
    while len(bytes_of(tmp_path / "killed")) < 5:
        assert killed.poll() is None
        time.sleep(0.05)
    killed.kill()
    killed.wait()
    partly = bytes_of(tmp_path / "killed")
    assert 5 <= len(partly) < 20
    assert start("killed").wait(60) == 0
    assert start("whole").wait(60) == 0
    files = bytes_of(tmp_path / "killed")
    assert files == bytes_of(tmp_path / "whole")
    assert len(files) == 20
    assert partly.items() <= files.items()
