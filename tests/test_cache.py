"""A solved case is kept, found again and never trusted blindly; a folder of results holds one result and what is the user's."""

import errno
import json
import logging
import os
import sys
from dataclasses import replace

import pandas as pd
import pytest

import evlib.results.result as result_files
from evlib import InputError, solve
from evlib.__main__ import main
from evlib.results.result import check_folder, read_result, write_result

MODULE = sys.modules["evlib.solve_scenario"]


@pytest.fixture(scope="module")
def solved(mini):
    return solve(mini, "no_ev", cache=False)


@pytest.fixture
def cache(solved, tmp_path, monkeypatch):
    """An empty cache, and a solver that answers at once and counts."""
    solves = []

    def answer(scenario, strategy, charging, method, files):
        solves.append((strategy, charging))
        return replace(solved, charging=charging) if charging != solved.charging else solved

    monkeypatch.setattr(MODULE, "_solve", answer)
    monkeypatch.setenv("EVLIB_CACHE", str(tmp_path / "cache"))
    answer.solves, answer.folder = solves, tmp_path / "cache"
    return answer


def change_digit(entry):
    table = entry / "buses.csv"
    table.write_text(table.read_text().replace("1", "2", 1))


def cut_at_a_line_end(entry):
    table = entry / "buses.csv"
    table.write_text("".join(table.read_text().splitlines(keepends=True)[:5]))


def edit_certificate(entry):
    head = json.loads((entry / "result.json").read_text())
    head["certificate"]["energy_residual_kwh"] = 7.0
    (entry / "result.json").write_text(json.dumps(head))


def cut_head(entry):
    text = (entry / "result.json").read_text()
    (entry / "result.json").write_text(text[: len(text) // 2])


def empty_folder(entry):
    for path in entry.iterdir():
        path.unlink()


def file_instead(entry):
    empty_folder(entry)
    entry.rmdir()
    entry.write_text("a file")


DAMAGE = {
    "digit": (change_digit, "buses.csv: has been changed"),
    "cut": (cut_at_a_line_end, "buses.csv: has been changed"),
    "empty": (lambda entry: (entry / "buses.csv").write_text(""), "buses.csv: has been changed"),
    "missing": (lambda entry: (entry / "buses.csv").unlink(), "buses.csv: no such file"),
    "renamed": (lambda entry: (entry / "buses.csv").rename(entry / "bus.csv"), "buses.csv: no such file"),
    "a folder": (lambda entry: [(entry / "buses.csv").unlink(), (entry / "buses.csv").mkdir()], "Is a directory"),
    "certificate": (edit_certificate, "result.json: has been changed"),
    "head cut": (cut_head, "result.json: JSONDecodeError"),
    "head no object": (lambda entry: (entry / "result.json").write_text("[1]"), "result.json: .*Error"),
    "head nested": (lambda entry: (entry / "result.json").write_text("[" * 100_000), "RecursionError"),
    "head not UTF-8": (lambda entry: (entry / "result.json").write_bytes(b"\xff{"), "UnicodeDecodeError"),
    "head missing": (lambda entry: (entry / "result.json").unlink(), "result.json: no such file"),
    "empty folder": (empty_folder, "result.json: no such file"),
    "a file": (file_instead, "Not a directory"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_entry_is_one_input_error_and_is_solved_again_and_replaced(mini, cache, caplog, kind):
    solve(mini, "no_ev")
    [entry] = cache.folder.iterdir()
    damage, complaint = DAMAGE[kind]
    damage(entry)
    with pytest.raises(InputError, match=complaint):
        read_result(mini, entry)
    with caplog.at_level(logging.WARNING, "evlib"):
        solve(mini, "no_ev")
    assert len(cache.solves) == 2
    [message] = caplog.messages
    assert str(entry) in message
    assert "damaged" in message
    solve(mini, "no_ev")
    assert len(cache.solves) == 2
    assert list(cache.folder.iterdir()) == [entry]
    assert read_result(mini, entry).strategy == "no_ev"


def test_an_entry_renamed_to_another_case_is_not_taken_for_it(mini, cache, caplog):
    solve(mini, "no_ev")
    [entry] = cache.folder.iterdir()
    solve(mini, "no_ev", "smart")
    [other] = set(cache.folder.iterdir()) - {entry}
    for path in other.iterdir():
        path.write_bytes((entry / path.name).read_bytes())
    solve(mini, "no_ev", "smart")
    assert len(cache.solves) == 3
    assert "charging 'v2g'; must be 'smart'" in caplog.text


def full(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("kind", ["full", "a file", "below a file"])
def test_a_cache_that_cannot_be_written_loses_no_result(mini, solved, cache, caplog, monkeypatch, kind):
    if kind == "full":
        monkeypatch.setattr(result_files, "write_csv", full)
    else:
        cache.folder.write_text("")
        monkeypatch.setenv("EVLIB_CACHE", str(cache.folder / "below" if kind == "below a file" else cache.folder))
    with caplog.at_level(logging.WARNING, "evlib"):
        assert solve(mini, "no_ev") is solved
    [message] = caplog.messages
    assert "could not be written" in message
    assert kind != "full" or not list(cache.folder.iterdir())


def test_what_another_process_has_solved_meanwhile_stays(mini, solved, cache, monkeypatch):
    """Both solve the same case; the second finds an intact entry and leaves it."""

    def both(scenario, *case):
        monkeypatch.setattr(MODULE, "_solve", cache)
        solve(mini, "no_ev")
        [entry] = cache.folder.iterdir()
        (entry / "mark").write_text("of the other process")
        return solved

    monkeypatch.setattr(MODULE, "_solve", both)
    solve(mini, "no_ev")
    [entry] = cache.folder.iterdir()
    assert (entry / "mark").exists()


def test_leftovers_in_the_cache_are_removed(mini, cache):
    (cache.folder / ".key.999999999-00ff.tmp").mkdir(parents=True)
    solve(mini, "no_ev")
    assert not list(cache.folder.glob(".*"))


# --- A folder that the user names ---


def test_a_folder_used_again_holds_the_new_tables_and_what_is_the_users(mini, solved, tmp_path):
    """Tables of an earlier result go if the new one does not write them; files of others stay, csv or not."""
    more = solved.tables | {"convergence": pd.DataFrame({"x": [1]}), "plug_rents": pd.DataFrame({"x": [1]})}
    write_result(result_files.Result(mini, "user", "v2g", "joint", solved.certificate, more), tmp_path)
    for name in ("notes.txt", "mine.csv"):
        (tmp_path / name).write_text("mine")
    (tmp_path / ".arcs.csv.999999999-00ff.tmp").write_text("left by a killed run")
    write_result(solved, tmp_path)
    expected = {f"{name}.csv" for name in solved.tables} | {"result.json", "notes.txt", "mine.csv"}
    assert {path.name for path in tmp_path.iterdir()} == expected
    assert read_result(mini, tmp_path).strategy == "no_ev"


def test_a_write_that_fails_leaves_the_old_result(mini, solved, tmp_path, monkeypatch):
    write_result(solved, tmp_path)
    monkeypatch.setattr(result_files, "write_json", full)
    with pytest.raises(OSError, match="No space left"):
        write_result(solved, tmp_path)
    assert read_result(mini, tmp_path).strategy == "no_ev"
    assert not list(tmp_path.glob(".*"))


def test_a_list_of_tables_does_not_reach_beyond_its_folder(solved, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "data.csv").write_text("mine")
    (tmp_path / "out" / "result.json").write_text(json.dumps({"tables": {"../data": {}}}))
    write_result(solved, tmp_path / "out")
    assert (tmp_path / "data.csv").read_text() == "mine"


def run(*arguments):
    return main(["solve", "mini", "--strategy", "no_ev", *map(str, arguments)])


@pytest.mark.parametrize("out", ["file", "file/below/it", "n" * 300])
def test_a_place_for_tables_is_checked_before_the_solve(cache, tmp_path, capsys, out):
    (tmp_path / "file").write_text("mine")
    assert run("--out", tmp_path / out) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {tmp_path / out}: ")
    assert line.endswith(("must be a folder", "must be a folder that can be written to"))
    assert cache.solves == []
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_check_leaves_no_trace(tmp_path):
    (tmp_path / "mine").write_text("mine")
    for folder in (tmp_path, tmp_path / "new" / "folder"):
        check_folder(folder)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_disk_that_fills_up_is_one_line(cache, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(result_files, "write_csv", full)
    assert run("--out", tmp_path / "out", "--no-cache") == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line == f"error: {tmp_path / 'out'}: No space left on device; the tables could not be written"


def test_ctrl_c_before_there_is_a_result_is_one_line(tmp_path, capsys, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(MODULE, "solve", interrupted)
    assert run("--out", tmp_path / "out") == 130
    assert capsys.readouterr().err.splitlines() == [f"interrupted before a result was written to {tmp_path / 'out'}"]
    assert not (tmp_path / "out").exists()
