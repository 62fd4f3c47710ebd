"""Notebooks are executed when something that they depend on has changed, and only then."""

import json
import os
import re
import signal
import subprocess
import sys
from unittest import TestCase

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from evlib.errors import StudyError
from evlib.files import write_json, write_text
from study.workflow import notebooks
from study.workflow.export import export_figures, page_drawing
from study.workflow.notebooks import exclusive, notebook_hash, run_notebooks
from study.workflow.refresh import NOT_EMBEDDED, committed_notebook, refresh_notebooks
from study.workflow.render import plotly_library

FIGURE = """figure = go.Figure(go.Scatter(x=[0, 5], y=[1.0, 2.0]))
figure.update_layout(title="The load rises</script>", xaxis_title="time [min]", yaxis_title="load [kW]")
show(figure, "01_load", "It rises.", pd.DataFrame({"time_min": [0, 5], "load_kw": [1.0, 2.0]}), "A rising line")"""


def save(path, *code, **metadata):
    cells = [new_markdown_cell("# A question"), *(new_code_cell(text, id=f"random{k}") for k, text in enumerate(code))]
    nbformat.write(new_notebook(cells=cells, metadata=metadata), path)


def environ(tmp_path):
    """The environment of a command whose artefacts go to ``tmp_path / "build"``."""
    return os.environ | {"EVLIB_BUILD": str(tmp_path / "build")}


# --- The decision to run, with an executor that only writes files ---


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A folder with two notebooks and a function that runs it and says which of them were executed."""
    folder, build, executed = tmp_path / "notebooks", tmp_path / "build", []
    folder.mkdir()
    for name in ("01_a", "02_b"):
        save(folder / f"{name}.ipynb", "1 + 1")
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
    return run


def test_second_run_executes_nothing(study):
    assert study() == ["01_a", "02_b"]
    assert study() == []


def test_changed_cell_runs_that_notebook_and_changed_output_none(study):
    """Pictures and outputs are written into the notebooks by make refresh: that is no change of what they say."""
    study()
    save(study.folder / "02_b.ipynb", "1 + 2")
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
    save(study.folder / "02_b.ipynb", "1 + 2")

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


def test_every_source_but_the_chain_counts(tmp_path, monkeypatch):
    """The project's hash sees the data; the hash of a notebook sees the project."""
    monkeypatch.setattr(notebooks, "DATA", tmp_path)
    monkeypatch.setattr(notebooks, "files_hash", lambda paths: repr([path.read_text() for path in paths]))
    (tmp_path / "loads.csv").write_text("1")
    before = notebooks.project_hash()
    (tmp_path / "README.md").write_text("words")
    assert notebooks.project_hash() == before
    (tmp_path / "loads.csv").write_text("2")
    assert notebooks.project_hash() != before
    save(tmp_path / "a.ipynb", "1")
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


def test_command_with_a_mistyped_folder_fails_with_one_message(tmp_path):
    command = [sys.executable, "-m", "study", "reproduce", "--notebooks", str(tmp_path / "x"), "--figures"]
    done = subprocess.run(
        [*command, str(tmp_path / "figures")], env=environ(tmp_path), capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "figures").exists()


def test_folder_without_notebooks_is_said(tmp_path, caplog):
    with caplog.at_level("INFO", "study"):
        assert run_notebooks(tmp_path, tmp_path / "build") == []
    assert caplog.messages == [f"No notebooks in {tmp_path} yet."]


def test_progress_goes_to_stdout_and_no_bar_into_a_file(tmp_path):
    """The lines of a run, as a pipe gets them; the bar is for terminals."""
    (tmp_path / "empty").mkdir()
    command = [sys.executable, "-m", "study", "reproduce", "--notebooks", str(tmp_path / "empty")]
    done = subprocess.run(command, env=environ(tmp_path), capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    assert done.returncode == 0
    assert lines[0] == f"No notebooks in {tmp_path / 'empty'} yet."
    assert re.fullmatch(r"Done in \d+\.\d s\.", lines[-1])
    assert done.stderr == ""


HOLD = """import sys, time
from pathlib import Path
from study.workflow.notebooks import exclusive
with exclusive(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_one_run_at_a_time(tmp_path):
    with exclusive(tmp_path):
        other = subprocess.run([sys.executable, "-c", HOLD, str(tmp_path)], capture_output=True, text=True, check=False)
    assert f"StudyError: Another run is writing to {tmp_path}; wait for it to end." in other.stderr
    assert other.stdout == ""
    with exclusive(tmp_path):
        pass


def test_killed_run_lets_go_of_the_build_folder(tmp_path):
    """SIGKILL leaves the process no time to tidy up: the system takes the lock from it."""
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(StudyError, match="Another run is writing"), exclusive(tmp_path):
            pass
        other.send_signal(signal.SIGKILL)
    with exclusive(tmp_path):
        pass


# --- The whole chain, with real kernels and a real browser ---


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """A good and a failing notebook, run for real in a folder with a space; what was logged, and the error."""
    base = tmp_path_factory.mktemp("a study")
    (base / "notebooks").mkdir()
    imports = "import pandas as pd, plotly.graph_objects as go\nfrom evlib.figures.publish import show"
    save(base / "notebooks" / "01_good.ipynb", imports, "print('a')\nprint('b')", FIGURE, "import os\nos.getcwd()[-9:]")
    save(
        base / "notebooks" / "02_bad.ipynb",
        "x = 1\nraise ValueError('capacity is negative')",
        kernelspec={"name": "old", "display_name": "Old"},
    )
    with TestCase().assertLogs("study", "INFO") as logs:  # caplog is not for fixtures of a whole module
        with pytest.raises(StudyError) as error:
            run_notebooks(base / "notebooks", base / "build")
        (base / "notebooks" / "02_bad.ipynb").unlink()
        runs = run_notebooks(base / "notebooks", base / "build")
    return base, runs, [record.getMessage() for record in logs.records], str(error.value)


def test_failed_notebook_is_named_with_its_error_and_place(executed):
    """The message leads to the copy with the traceback in it; the source and the good notebook are untouched."""
    base, runs, lines, message = executed
    failed = base / "build" / "failed" / "02_bad.ipynb"
    assert "02_bad.ipynb failed in cell 2" in message
    assert "ValueError: capacity is negative" in message
    assert str(failed) in message
    assert "capacity is negative" in failed.read_text()
    assert not (base / "build" / "notebooks" / "02_bad.ipynb").exists()
    assert lines[0].startswith("01_good: executed in")
    assert lines[1:] == ["01_good: unchanged"]
    assert runs[0].skipped


def test_figures_are_exported_and_left_alone_the_second_time(executed, caplog):
    base, runs, _, _ = executed
    figures = base / "figures"
    caplog.set_level("INFO", "study")
    export_figures(runs, base / "build", figures)
    names = ["01_load.csv", "01_load.html", "01_load.pdf", "01_load.png", "SHA256SUMS", "plotly.min.js"]
    assert sorted(path.name for path in figures.iterdir()) == names
    drawing = page_drawing(figures / "01_load.html")
    assert drawing["layout"]["title"]["text"] == "The load rises</script>"
    assert drawing == json.loads((base / "build" / "recorded" / "01_load.json").read_text())
    assert (figures / "plotly.min.js").read_bytes() == plotly_library().read_bytes()
    page = (figures / "01_load.html").read_bytes()
    assert page.count(b'src="plotly.min.js"') == 1
    assert b"It rises." in page
    assert b"CreationDate (D:20000101000000" in (figures / "01_load.pdf").read_bytes()
    assert (figures / "01_load.png").stat().st_size < 40_000
    before = {path.name: path.stat().st_mtime_ns for path in figures.iterdir()}
    export_figures(runs, base / "build", figures)
    assert {path.name: path.stat().st_mtime_ns for path in figures.iterdir()} == before
    assert caplog.messages[-1] == "1 figures and tables, 0 exported; figures/: nothing changed"

    (base / "build" / "figures" / "01_load.html").unlink()
    export_figures(runs, base / "build", figures)
    assert caplog.messages[-1] == "1 figures and tables, 1 exported; figures/: nothing changed"
    assert (base / "build" / "figures" / "01_load.html").read_bytes() == page


def test_refreshed_notebook_holds_picture_caption_and_no_trace_of_the_machine(executed):
    base, runs, _, _ = executed
    refresh_notebooks(runs, base / "build")
    source = base / "notebooks" / "01_good.ipynb"
    text = source.read_text()
    node = nbformat.read(source, 4)
    assert node.metadata == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    assert [cell.execution_count for cell in node.cells if cell.cell_type == "code"] == [1, 2, 3, 4]
    assert [cell.metadata for cell in node.cells] == [{}] * 5
    assert "papermill" not in text
    assert "random" not in text
    assert node.cells[2].outputs == [{"name": "stdout", "output_type": "stream", "text": "a\nb\n"}]
    [shown] = node.cells[3].outputs
    assert shown.data["text/plain"] == "It rises."
    assert shown.data["image/png"].startswith("iVBOR")
    assert "application/vnd.plotly.v1+json" not in shown.data
    assert shown.metadata["image/png"] == {"alt": "A rising line"}
    assert node.cells[4].outputs[0].data["text/plain"] == "'notebooks'"
    assert run_notebooks(base / "notebooks", base / "build")[0].skipped

    refresh_notebooks(runs, base / "build")
    assert source.read_text() == text


def test_figure_of_a_cell_that_is_not_to_be_embedded_stays_a_caption(tmp_path):
    """The same output with and without the tag; the picture is two bytes."""
    (tmp_path / "01_line.png").write_bytes(b"ab")
    label = {"evlib": {"figure": "01_line", "alt": "A line"}}
    shown = nbformat.v4.new_output("display_data", data={"text/plain": "It rises."}, metadata=label)
    cells = [new_code_cell("show()", outputs=[shown]) for _ in range(2)]
    cells[1].metadata = {"tags": [NOT_EMBEDDED]}
    embedded, left_out = (cell.outputs[0] for cell in committed_notebook(new_notebook(cells=cells), tmp_path).cells)
    assert embedded.data == {"text/plain": "It rises.", "image/png": "YWI="}
    assert left_out.data == {"text/plain": "It rises."}
    assert left_out.metadata == label


def test_equal_cells_get_different_identifiers(tmp_path):
    node = new_notebook(cells=[new_markdown_cell("same"), new_markdown_cell("same")])
    first, second = (cell.id for cell in committed_notebook(node, tmp_path).cells)
    assert second == f"{first}-2"


def test_where_a_stream_was_cut_does_not_matter(tmp_path):
    """The same two lines, sent in one piece or in two, give the same notebook; the other stream stays apart."""
    pieces = [("stdout", "a\n"), ("stdout", "b\n"), ("stderr", "c\n"), ("stdout", "d\n")]
    whole = [("stdout", "a\nb\n"), *pieces[2:]]
    results = []
    for streams in (pieces, whole):
        outputs = [nbformat.v4.new_output("stream", name=name, text=text) for name, text in streams]
        node = new_notebook(cells=[new_code_cell("f()", outputs=outputs)])
        results.append(nbformat.writes(committed_notebook(node, tmp_path)))
    assert results[0] == results[1]
