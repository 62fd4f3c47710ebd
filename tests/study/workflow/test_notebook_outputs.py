"""Notebooks run for real: what is exported, what a refreshed notebook holds, and how a failure is told."""

import json
from pathlib import Path
from unittest import TestCase

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from evlib.errors import StudyError
from study.workflow import export
from study.workflow.export import export_figures, page_drawing
from study.workflow.notebooks import run_notebooks
from study.workflow.refresh import NOT_EMBEDDED, committed_notebook, refresh_notebooks
from study.workflow.render import plotly_library

FIGURE = """figure = go.Figure(go.Scatter(x=[0, 5], y=[1.0, 2.0]))
figure.update_layout(title="The load rises</script>", xaxis_title="time [min]", yaxis_title="load [kW]")
show(figure, "01_load", pd.DataFrame({"time_min": [0, 5], "load_kw": [1.0, 2.0]}), caption="It rises.", alt="A rising line")"""


@pytest.fixture(scope="module")
def executed(tmp_path_factory, save_notebook):
    """A good and a failing notebook, run for real in a folder with a space; what was logged, and the error."""
    base = tmp_path_factory.mktemp("a study")
    (base / "notebooks").mkdir()
    imports = "import pandas as pd, plotly.graph_objects as go\nfrom evlib.figures.publish import show"
    save_notebook(
        base / "notebooks" / "01_good.ipynb", imports, "print('a')\nprint('b')", FIGURE, "import os\nos.getcwd()[-9:]"
    )
    save_notebook(
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


def test_figures_are_exported_and_left_alone_the_second_time(executed, caplog, monkeypatch):
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

    # A page that is gone is made again; a browser need not draw the two pictures beside it once more.
    drawn = []
    monkeypatch.setattr(export, "render", drawn.extend)
    (base / "build" / "figures" / "01_load.html").unlink()
    export_figures(runs, base / "build", figures)
    assert caplog.messages[-1] == "1 figures and tables, 1 exported; figures/: nothing changed"
    assert (base / "build" / "figures" / "01_load.html").read_bytes() == page
    assert [Path(picture.out).suffix for picture in drawn] == [".png", ".pdf"]


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
