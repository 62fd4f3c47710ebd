"""What a figure must have before it may leave its notebook, and what it leaves there."""

import json
import re

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from plotly.subplots import make_subplots

from evlib.errors import InputError
from evlib.figures import publish
from evlib.figures.publish import agree, record_table, show
from evlib.folders import ROOT

DATA = pd.DataFrame({"time_min": [0, 5, 10], "load_kw": [1.0, 1 / 3, -0.0]})


@pytest.fixture(autouse=True)
def build(tmp_path, monkeypatch):
    monkeypatch.setenv("EVLIB_BUILD", str(tmp_path / "a build"))
    monkeypatch.delenv("EVLIB_NOTEBOOK", raising=False)
    monkeypatch.delenv("EVLIB_RECORD", raising=False)
    return tmp_path / "a build"


def line(**layout):
    figure = go.Figure(go.Scatter(x=DATA.time_min, y=np.array([1.0, 1 / 3, np.nan])))
    titles = {"title": "The load falls", "xaxis_title": "time [min]", "yaxis_title": "load [kW]"}
    return figure.update_layout(**(titles | layout))


def test_numbers_drawing_and_caption_are_recorded(build):
    """Eight digits, nan as null, no packed arrays: small and the same on every machine."""
    show(line(), "01_load", DATA, {"load_kw": 0.01}, caption="The load\n  falls.", alt="A falling line")

    assert (build / "recorded" / "01_load.csv").read_text() == "time_min,load_kw\n0,1.0\n5,0.33333333\n10,0.0\n"
    drawing = json.loads((build / "recorded" / "01_load.json").read_text())
    assert drawing["data"][0]["y"] == [1.0, 0.33333333, None]
    meta = json.loads((build / "recorded" / "01_load.meta.json").read_text())
    assert meta["caption"] == "The load falls."
    assert meta["tolerance"] == {"load_kw": 0.01}


def test_caption_and_alternative_text_come_from_the_file_with_words_filled_in(build, tmp_path, monkeypatch):
    file = tmp_path / "texts.yaml"
    file.write_text("01_load: {caption: 'It falls by {share:.0%}.', alt: A falling line}\n")
    monkeypatch.setattr(publish, "TEXTS_FILE", file)
    publish._all_texts.cache_clear()
    show(line(), "01_load", DATA, share=0.5)
    meta = json.loads((build / "recorded" / "01_load.meta.json").read_text())
    assert (meta["caption"], meta["alt"]) == ("It falls by 50%.", "A falling line")
    for words, message in (
        ({}, "lacks the word 'share'"),
        ({"share": 0.5, "more": 1}, "has no place for the word 'more'"),
    ):
        with pytest.raises(InputError, match=message):
            show(line(), "01_load", DATA, **words)
    with pytest.raises(InputError, match="figure '01_other': caption is empty"):
        show(line(), "01_other", DATA)
    publish._all_texts.cache_clear()


def test_every_text_belongs_to_a_figure_of_a_notebook():
    """No text is left over, and none is missing."""
    cells = "".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "notebooks").glob("*.ipynb")))
    shown = set(re.findall(r'\\"(\d\d_[a-z0-9_]+)\\",', cells))
    assert set(publish._all_texts()) == shown


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"figure": line(title=None)}, "layout.title.text is empty"),
        ({"figure": line(title="x" * 101)}, "layout.title.text has 101 characters; at most 100 fit its width"),
        ({"figure": line(yaxis_title=" ")}, "layout.yaxis.title.text is empty"),
        ({"caption": " "}, "caption is empty"),
        ({"alt": ""}, "alt is empty"),
        ({"name": "Load"}, "two digits"),
        ({"data": DATA.iloc[:0]}, "at least one row"),
        ({"tolerance": {"load_mw": 1.0}}, "for one of the columns time_min, load_kw"),
        ({"tolerance": 0.0}, "must be above 0"),
    ],
)
def test_incomplete_figure_is_refused(build, change, message):
    """One clear error, and nothing is written."""
    good = {"figure": line(), "name": "01_load", "caption": "It falls.", "data": DATA, "alt": "A line"}
    with pytest.raises(InputError, match=message):
        show(**(good | change))
    assert not (build / "recorded").exists()


def test_axis_without_numbers_on_it_needs_no_title():
    """A map has hidden axes; in shared subplots the lower axis carries the title of its column."""
    show(line(xaxis_title=None, xaxis_visible=False), "01_map", DATA, caption="A map.", alt="A map")
    figure = make_subplots(2, 1, shared_xaxes=True)
    for row in (1, 2):
        figure.add_scatter(x=[0, 1], y=[0, 1], row=row, col=1)
        figure.update_yaxes(title="load [kW]", row=row)
    figure.update_layout(title="Two stations", xaxis2_title="time [min]")
    show(figure, "01_two", DATA, caption="Two.", alt="Two lines")
    with pytest.raises(InputError, match="xaxis2"):
        show(figure.update_layout(xaxis2_title=""), "01_two", DATA, caption="Two.", alt="Two lines")


def test_two_notebooks_cannot_record_the_same_name(monkeypatch):
    for notebook in ("01_a", "01_a", "02_b"):
        monkeypatch.setenv("EVLIB_NOTEBOOK", notebook)
        if notebook == "02_b":
            with pytest.raises(InputError, match=r"already recorded by 01_a\.ipynb"):
                record_table("claims", DATA)
        else:
            record_table("claims", DATA)


@pytest.mark.parametrize("recording", [True, False])
def test_only_a_live_notebook_gets_the_interactive_figure(monkeypatch, recording):
    """Recorded, the caption is all that a comparison sees; live, the figure is there too."""
    shown = []
    monkeypatch.setattr("IPython.get_ipython", lambda: object())
    monkeypatch.setattr("IPython.display.display", lambda data, raw, metadata: shown.append((data, metadata)))
    if recording:
        monkeypatch.setenv("EVLIB_RECORD", "1")
    show(line(), "01_load", DATA, caption="It falls.", alt="A falling line")

    [(data, metadata)] = shown
    assert data["text/plain"] == "It falls."
    assert ("application/vnd.plotly.v1+json" in data) is not recording
    assert metadata == {"evlib": {"figure": "01_load", "alt": "A falling line"}}


def test_tolerance_of_a_table_may_stand_in_its_rows(build):
    data = pd.DataFrame({"what": ["voltage", "cost"], "ours": [0.95, 1e4], "tolerance": [1e-3, 100.0]})
    record_table("claims", data, tolerance={"ours": "tolerance"})

    meta = json.loads((build / "recorded" / "claims.meta.json").read_text())
    assert meta["tolerance"] == {"ours": "tolerance"}


@pytest.mark.parametrize(
    ("limit", "values", "message"),
    [
        ("what", [1.0, 1.0], "one of the other numeric columns: tolerance"),
        ("tolerances", [1.0, 1.0], "one of the other numeric columns: tolerance"),
        ("ours", [1.0, 1.0], "one of the other numeric columns: tolerance"),
        ("tolerance", [1.0, -1.0], "0 or more in every row"),
        ("tolerance", [1.0, np.nan], "finite"),
    ],
)
def test_column_that_holds_no_tolerance_is_refused(build, limit, values, message):
    data = pd.DataFrame({"what": ["voltage", "cost"], "ours": [0.95, 1e4], "tolerance": values})
    with pytest.raises(InputError, match=message):
        record_table("claims", data, tolerance={"ours": limit})
    assert not (build / "recorded").exists()


def test_figure_has_no_tolerance_by_row():
    """Its drawing is compared too, and a drawing knows no rows."""
    with pytest.raises(InputError, match="must be above 0"):
        show(line(), "01_load", DATA, {"load_kw": "time_min"}, caption="It falls.", alt="A falling line")


@pytest.mark.parametrize(
    ("other", "limits"), [([1.0, 2.1], {"atol": 0.05}), ([1.0, np.nan], {"atol": 9.0}), ([1.0, 2.1], {"rtol": 0.01})]
)
def test_results_that_differ_do_not_agree(other, limits):
    with pytest.raises(AssertionError, match="two lists: apart by up to"):
        agree("two lists", [1.0, 2.0], other, **limits)


def test_results_that_agree_say_how_closely(capsys):
    agree("two lists", [1.0, 2.0], [1.0, 2.1], atol=0.1, rtol=0.01)
    agree("ones", np.ones((2, 3)), 1.0)
    agree("breach", [0.0, -1e-9], 0, atol=1e-6)
    assert (
        capsys.readouterr().out
        == "two lists: agree to 0.1 and 0.01 of the value\nones: agree to the last digit\nbreach: at most 1e-06\n"
    )
