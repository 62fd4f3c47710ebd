"""Notebooks are executed when something that they depend on has changed, and only then."""

import re
import signal
import time

import nbformat
import pytest

from evlib.errors import StudyError
from evlib.files import write_json, write_text
from study.__main__ import main
from study.workflow import notebooks
from study.workflow.notebooks import exclusive, notebook_hash, run_notebooks

# --- The decision to run, with an executor that only writes files ---


@pytest.fixture
def study(tmp_path, monkeypatch, save_notebook):
    """A folder with two notebooks and a function that runs it and says which of them were executed."""
    folder, build, executed = tmp_path / "notebooks", tmp_path / "build", []
    folder.mkdir()
    for name in ("01_a", "02_b"):
        save_notebook(folder / f"{name}.ipynb", "1 + 1")
    monkeypatch.setattr(notebooks, "project_hash", lambda: "the project")

    def execute(source, target, build, cell_timeout_s):
        executed.append(source.stem)
        target.write_bytes(source.read_bytes())
        figure = build / "recorded" / f"fig_{source.stem}"
        write_text(figure.with_name(f"{figure.name}.csv"), "x\n1\n")
        write_json(figure.with_name(f"{figure.name}.meta.json"), {"kind": "table", "notebook": source.stem})

    monkeypatch.setattr(notebooks, "_execute", execute)

    def run():
        executed.clear()
        runs = run_notebooks(folder, build)
        assert [run.recorded for run in runs] == [(f"fig_{path.stem}",) for path in sorted(folder.glob("*.ipynb"))]
        return list(executed)

    run.folder, run.build, run.execute = folder, build, execute
    run.save_notebook = save_notebook
    return run


def test_second_run_executes_nothing(study):
    assert study() == ["01_a", "02_b"]
    assert study() == []


def test_changed_cell_runs_that_notebook_and_changed_output_none(study):
    """Pictures and outputs are written into the notebooks by make refresh: that is no change of what they say."""
    study()
    study.save_notebook(study.folder / "02_b.ipynb", "1 + 2")
    assert study() == ["02_b"]
    node = nbformat.read(study.folder / "01_a.ipynb", 4)
    node.cells[1].outputs = [nbformat.v4.new_output("stream", text="2")]
    nbformat.write(node, study.folder / "01_a.ipynb")
    assert study() == []


def test_changed_project_runs_all(study, monkeypatch):
    study()
    monkeypatch.setattr(notebooks, "project_hash", lambda: "the project with another evlib")
    assert study() == ["01_a", "02_b"]


@pytest.mark.parametrize("name", ["notebooks/01_a.ipynb", "recorded/fig_01_a.csv", "recorded/fig_01_a.meta.json"])
@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_damaged_output_is_made_again(study, name, damage):
    study()
    path = study.build / name
    whole = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(whole[:-2] if name != "recorded/fig_01_a.meta.json" else whole.replace(b"table", b"tabel"))
    assert study() == ["01_a"]
    assert path.read_bytes() == whole


def test_damaged_stamp_is_no_stamp(study):
    study()
    (study.build / "notebooks" / "01_a.stamp.json").write_text("[1")
    assert study() == ["01_a"]


def test_stopped_run_is_finished_by_the_next(study, monkeypatch):
    """Ctrl-C in the second notebook: the first is kept, the second is not taken for done although files of it exist."""
    study()
    study.save_notebook(study.folder / "02_b.ipynb", "1 + 2")

    def stop(source, target, build, cell_timeout_s):
        study.execute(source, target, build, cell_timeout_s)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(notebooks, "_execute", stop)
        with pytest.raises(KeyboardInterrupt):
            study()
    assert study() == ["02_b"]


def test_leftovers_of_a_killed_run_are_removed(study):
    """Temporary files and folders of processes that are gone, and the copy that was being executed."""
    leftover = ".a.json.999999999-00ff.tmp"
    for folder in ("", "notebooks", "recorded"):
        (study.build / folder / leftover).mkdir(parents=True)
    (study.build / "running").mkdir()
    (study.build / "running" / "00_renamed.ipynb").write_text("half")
    study()
    assert not list(study.build.rglob(leftover))
    assert not (study.build / "running").exists()


def test_removed_notebook_takes_its_figures_along(study):
    study()
    (study.folder / "01_a.ipynb").unlink()
    study()
    assert not list((study.build / "recorded").glob("fig_01_a*"))


def test_every_source_but_the_chain_counts(tmp_path, monkeypatch, save_notebook):
    """The project's hash sees the data; the hash of a notebook sees the project."""
    monkeypatch.setattr(notebooks, "DATA", tmp_path)
    monkeypatch.setattr(notebooks, "files_hash", lambda paths: repr([path.read_text() for path in paths]))
    (tmp_path / "loads.csv").write_text("1")
    before = notebooks.project_hash()
    (tmp_path / "README.md").write_text("words")
    assert notebooks.project_hash() == before
    (tmp_path / "loads.csv").write_text("2")
    assert notebooks.project_hash() != before
    save_notebook(tmp_path / "a.ipynb", "1")
    assert notebook_hash(tmp_path / "a.ipynb", "x") != notebook_hash(tmp_path / "a.ipynb", "y")


def test_file_that_is_no_notebook_is_named(study):
    (study.folder / "01_a.ipynb").write_text("{")
    with pytest.raises(StudyError, match=r"01_a\.ipynb is not a notebook"):
        study()


@pytest.mark.parametrize("kind", ["missing", "a file"])
def test_folder_that_is_not_there_is_an_error(tmp_path, kind):
    folder = tmp_path / "notebook"
    if kind == "a file":
        folder.write_text("no folder")
    with pytest.raises(StudyError, match=f"{folder} is not a folder; --notebooks must name the folder that"):
        run_notebooks(folder, tmp_path / "build")
    assert not (tmp_path / "build").exists()


@pytest.fixture
def command(forked, tmp_path):
    """A function that runs ``python -m study`` in a process of its own, whose artefacts go to ``tmp_path / "build"``."""
    return lambda *arguments: forked(main, [*arguments], environment={"EVLIB_BUILD": str(tmp_path / "build")})


def test_command_with_a_mistyped_folder_fails_with_one_message(tmp_path, command):
    done = command("reproduce", "--notebooks", str(tmp_path / "x"), "--figures", str(tmp_path / "figures"))
    assert done.exitcode == 1
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "figures").exists()


def test_folder_without_notebooks_is_said(tmp_path, caplog):
    with caplog.at_level("INFO", "study"):
        assert run_notebooks(tmp_path, tmp_path / "build") == []
    assert caplog.messages == [f"No notebooks in {tmp_path} yet."]


def test_progress_goes_to_stdout_and_no_bar_into_a_file(tmp_path, command):
    """The lines of a run, as a file gets them; the bar is for terminals."""
    (tmp_path / "empty").mkdir()
    done = command("reproduce", "--notebooks", str(tmp_path / "empty"))
    lines = done.stdout.splitlines()
    assert done.exitcode == 0
    assert lines[0] == f"No notebooks in {tmp_path / 'empty'} yet."
    assert re.fullmatch(r"Done in \d+\.\d s\.", lines[-1])
    assert done.stderr == ""


def hold(folder, held):
    with exclusive(folder):
        held.touch()
        time.sleep(60)


def test_one_run_at_a_time(tmp_path, forked):
    with exclusive(tmp_path):
        other = forked(hold, tmp_path, tmp_path / "held")
    assert f"StudyError: Another run is writing to {tmp_path}; wait for it to end." in other.stderr
    assert not (tmp_path / "held").exists()
    with exclusive(tmp_path):
        pass


def test_killed_run_lets_go_of_the_build_folder(tmp_path, forked):
    """SIGKILL leaves the process no time to tidy up: the system takes the lock from it."""

    def kill(process):
        while process.is_alive() and not (tmp_path / "held").exists():
            time.sleep(0.01)
        with pytest.raises(StudyError, match="Another run is writing"), exclusive(tmp_path):
            pass
        process.kill()

    assert forked(hold, tmp_path, tmp_path / "held", meanwhile=kill).exitcode == -signal.SIGKILL
    with exclusive(tmp_path):
        pass
