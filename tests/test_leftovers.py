"""What a killed process left behind is removed by the next; what a running one writes is not."""

import os
import subprocess
import sys
import time

import pytest

from evlib.files import replacing
from evlib.leftovers import remove_leftovers, temporary_folder, temporary_path

OTHER_MACHINE = "0123456789abcdef"


@pytest.fixture(scope="module")
def gone():
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_leftovers_of_a_killed_process_are_removed_and_nothing_else(tmp_path, gone):
    """A kill cannot be caught. Files and folders go; names that are not of evlib's form stay, however alike."""
    (tmp_path / f".a.csv.{gone}-00ff.tmp").write_text("half")
    (tmp_path / f".key.{gone}-00ff00ff.tmp").mkdir()
    (tmp_path / f".key.{gone}-00ff00ff.tmp" / "arcs.csv").write_text("half")
    others = ["a.csv", ".a.tmp", f".a.{gone}.tmp", f"a.{gone}-00ff.tmp", f".a.csv.{gone}-00ff"]
    for name in others:
        (tmp_path / name).write_text("whole")
    remove_leftovers(tmp_path)
    assert names(tmp_path) == sorted(others)
    remove_leftovers(tmp_path / "absent")


def test_a_file_that_is_being_written_stays(tmp_path):
    """By this process or by another that runs."""
    other = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    with replacing(tmp_path / "a.csv") as temporary, other:
        others = temporary.with_name(temporary.name.replace(str(os.getpid()), str(other.pid), 1))
        for path in (temporary, others):
            path.write_text("half")
        remove_leftovers(tmp_path)
        assert sorted(tmp_path.iterdir()) == sorted([temporary, others])


def test_of_another_machine_it_cannot_be_told_so_a_file_stays_for_a_day(tmp_path, gone):
    path = tmp_path / f".a.csv.{gone}-{OTHER_MACHINE}.tmp"
    path.write_text("half")
    remove_leftovers(tmp_path)
    assert path.exists()
    yesterday = time.time() - 25 * 3600
    os.utime(path, (yesterday, yesterday))
    remove_leftovers(tmp_path)
    assert not path.exists()


def test_of_another_user_it_cannot_be_told_so_a_file_stays_for_a_day(tmp_path, gone, monkeypatch):
    def refuse(process, signal):
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    path = tmp_path / f".a.csv.{gone}-00ff.tmp"
    path.write_text("half")
    remove_leftovers(tmp_path)
    assert path.exists()
    os.utime(path, (0, 0))
    remove_leftovers(tmp_path)
    assert not path.exists()


def test_a_temporary_name_says_whose_it_is(tmp_path):
    name = temporary_path(tmp_path / "a.csv").name
    assert name.startswith(f".a.csv.{os.getpid()}-")
    assert name.endswith(".tmp")
    assert temporary_path(tmp_path / "a.csv").name != name


def test_a_temporary_folder_goes_and_takes_those_of_killed_processes_along(tmp_path, gone):
    machine = temporary_path(tmp_path / "a").name.split("-")[-1][:8]
    (tmp_path / f"evlib-{gone}-{machine}00112233").mkdir()
    (tmp_path / f"evlib-{gone}-{machine}00112233" / "jobs.json").write_text("[]")
    others = [f"evlib-{gone}-11", "evlib-2024-11", "evlib-main", f"evlib-{os.getpid()}-{machine}00112233"]
    for name in others:
        (tmp_path / name).mkdir()
    with temporary_folder(tmp_path) as folder:
        assert folder.name.startswith(f"evlib-{os.getpid()}-")
        (folder / "jobs.json").write_text("[]")
    assert names(tmp_path) == sorted(others)
