"""A committed figure changes when its numbers or its drawing do, and not with the machine's last digits."""

import json

import pytest

from evlib.files import write_text
from study.workflow.compare import same_drawing, same_number, same_table
from study.workflow.export import update_figures

KINDS = ("csv", "html", "pdf", "png")


def place(folder, value=10.0, title="Load", mark=b"", name="01_load", caption="It rises.", alt="A line"):
    """The four files of a figure with one number in it, in the form that the exporter writes."""
    drawing = {"data": [{"y": [value, 1.0], "name": "c1"}], "layout": {"title": {"text": title}, "width": 900}}
    write_text(folder / f"{name}.csv", f"station,load_kw\nc1,{value!r}\nc2,1.0\n")
    plot = f'Plotly.newPlot( "{name}", {json.dumps(drawing["data"])}, {json.dumps(drawing["layout"])}, {{}})'
    words = f'<div aria-label="{alt}"><script>{plot}</script></div>\n<figcaption>{caption}\n</figcaption>'
    write_text(folder / f"{name}.html", f"{words}\n</html>\n")
    (folder / f"{name}.pdf").write_bytes(b"%PDF" + mark + b"\n%%EOF\n")
    (folder / f"{name}.png").write_bytes(b"\x89PNG" + mark + b"IEND\xaeB`\x82")


def meta(**tolerance):
    return {"01_load": {"kind": "figure", "tolerance": tolerance}}


@pytest.fixture
def folders(tmp_path):
    fresh, committed = tmp_path / "fresh", tmp_path / "committed"
    place(fresh)
    committed.mkdir()
    changed = update_figures(meta(), fresh, committed)
    assert changed == [*(f"01_load.{kind}" for kind in KINDS), "SHA256SUMS"]
    return fresh, committed


def test_unchanged_study_touches_nothing(folders):
    assert update_figures(meta(), *folders) == []


@pytest.mark.parametrize(
    ("value", "tolerance", "replaced"),
    [
        (10.0 + 1e-6, {}, False),
        (10.0 + 1e-4, {}, True),
        (10.0 + 1e-4, {"load_kw": 1e-3}, False),
        (10.0 + 1e-2, {"load_kw": 1e-3}, True),
    ],
)
def test_replaced_only_when_numbers_differ_beyond_tolerance(folders, value, tolerance, replaced):
    """Other fonts give other pictures: they alone are no change. All four files move together."""
    fresh, committed = folders
    before = {path.name: path.read_bytes() for path in committed.iterdir()}
    place(fresh, value, mark=b"other fonts")
    changed = update_figures(meta(**tolerance), fresh, committed)
    if replaced:
        assert changed == [*(f"01_load.{kind}" for kind in KINDS), "SHA256SUMS"]
        assert all(
            (committed / f"01_load.{kind}").read_bytes() == (fresh / f"01_load.{kind}").read_bytes() for kind in KINDS
        )
    else:
        assert changed == []
        assert {path.name: path.read_bytes() for path in committed.iterdir()} == before


def test_new_words_in_the_drawing_replace_the_figure(folders):
    fresh, committed = folders
    place(fresh, title="Load falls")
    assert "01_load.png" in update_figures(meta(), fresh, committed)


@pytest.mark.parametrize("words", [{"caption": "It rises a little."}, {"alt": "A rising line"}], ids=["caption", "alt"])
def test_words_around_the_drawing_replace_the_figure(folders, words):
    """A caption or an alternative text that alone has changed, with the numbers as they were."""
    fresh, committed = folders
    place(fresh, **words)
    assert "01_load.html" in update_figures(meta(), fresh, committed)
    assert next(iter(words.values())) in (committed / "01_load.html").read_text()
    assert update_figures(meta(), fresh, committed) == []


@pytest.mark.parametrize("kind", KINDS)
def test_missing_or_cut_file_is_restored(folders, kind):
    """A png, pdf or html cut short is restored alone; without its csv the figure is compared anew and written whole."""
    fresh, committed = folders
    path = committed / f"01_load.{kind}"
    path.unlink()
    assert path.name in update_figures(meta(), fresh, committed)
    path.write_bytes(path.read_bytes()[:-9])
    assert path.name in update_figures(meta(), fresh, committed)
    assert path.read_bytes() == (fresh / path.name).read_bytes()


def test_figure_no_longer_made_is_removed_and_other_files_stay(folders):
    fresh, committed = folders
    place(fresh, name="02_new")
    (committed / "README.md").write_text("mine")
    changed = update_figures({"02_new": meta()["01_load"]}, fresh, committed)
    assert "01_load.csv" in changed
    assert sorted(path.name for path in committed.iterdir()) == [
        *(f"02_new.{kind}" for kind in KINDS),
        "README.md",
        "SHA256SUMS",
    ]


def test_tables_compare_words_exactly_and_numbers_within_tolerance(tmp_path):
    a, b = tmp_path / "a.csv", tmp_path / "b.csv"
    write_text(a, "bus,voltage_pu\nb1,1.0\nb2,\n")
    for text, same in {
        "bus,voltage_pu\nb1,1.0000001\nb2,\n": True,
        "bus,voltage_pu\nb3,1.0\nb2,\n": False,
        "bus,voltage_pu\nb1,1.0\nb2,0.0\n": False,
        "bus,v_pu\nb1,1.0\nb2,\n": False,
        "bus,voltage_pu\nb1,1.0\n": False,
        "": False,
    }.items():
        write_text(b, text)
        assert same_table(a, b) is same, text


def test_rows_compare_by_the_tolerance_that_stands_in_them(tmp_path):
    """Row 1 may move by 0.5, row 2 by 100; a fresh file that allows itself more is measured by the committed one."""
    a, b = tmp_path / "a.csv", tmp_path / "b.csv"
    write_text(a, "what,ours,tolerance\nvoltage,1.0,0.5\ncost,1000.0,100.0\nshare,,0.1\n")
    for text, same in {
        "what,ours,tolerance\nvoltage,1.4,0.5\ncost,1090.0,110.0\nshare,,0.1\n": True,
        "what,ours,tolerance\nvoltage,1.6,0.9\ncost,1000.0,100.0\nshare,,0.1\n": False,
        "what,ours,tolerance\nvoltage,1.0,0.5\ncost,1101.0,100.0\nshare,,0.1\n": False,
        "what,ours,tolerance\nvoltage,1.4,0.3\ncost,1000.0,100.0\nshare,,0.1\n": False,
        "what,ours,tolerance\nvoltage,1.0,0.5\ncost,1000.0,201.0\nshare,,0.1\n": False,
        "what,ours,tolerance\nvoltage,1.0,0.5\ncost,1000.0,100.0\nshare,0.0,0.1\n": False,
        "what,ours,tolerance\nvoltage,1.1,\ncost,1000.0,100.0\nshare,,0.1\n": False,
    }.items():
        write_text(b, text)
        assert same_table(a, b, {"ours": "tolerance"}) is same, text


def test_numbers_near_zero_infinite_or_nan():
    inf, nan = float("inf"), float("nan")
    assert same_number(0.0, 9e-10)
    assert not same_number(0.0, 1e-8)
    assert same_number(inf, inf)
    assert not same_number(inf, -inf)
    assert same_number(nan, nan)
    assert not same_number(nan, 0.0)


def test_drawings_differ_in_structure_or_type():
    assert same_drawing({"a": [1, 2.0, None, "x"]}, {"a": [1.0, 2, None, "x"]})
    for other in (
        {"a": [1, 2.0, None]},
        {"a": [1, 2.0, None, "y"]},
        {"b": [1, 2.0, None, "x"]},
        {"a": [True, 2.0, None, "x"]},
    ):
        assert not same_drawing({"a": [1, 2.0, None, "x"]}, other)
