"""Draws of an earlier table count only where the present code gives the same numbers."""

import pytest

from evlib.errors import InputError
from study.experiments.ensemble.adopt import adopt
from study.experiments.ensemble.draws import draws_of
from study.experiments.ensemble.engine import read_draws
from study.experiments.ensemble.knobs import read_design
from study.experiments.ensemble.table import table_of

N = 5


@pytest.fixture(scope="module")
def design():
    return read_design("mini")


@pytest.fixture(scope="module")
def draws(design):
    return draws_of(design, N)


def measured(draw):
    """A row that depends on the draw alone, with every kind of cell, its columns in the order of files of draws."""
    row = {"cost_cny": 100.0 / 3.0 + draw.number, "error": "", "iterations": 4, "left": 1e-16, "undefined": None}
    return row | {"verdict": "reproduced"}


def write_table(path, design, draws, rows=None, scenario=None):
    rows = rows or {draw.number: measured(draw) for draw in draws}
    head = f"# design: mini.yaml, scenario mini {scenario or design.scenario.hash}\n"
    path.write_text(head + table_of(design, draws, rows).to_csv(index=False, float_format="%.6g"), encoding="utf-8")
    return path


def test_the_table_is_the_same_again(design, draws, tmp_path):
    file = write_table(tmp_path / "table.csv", design, draws)
    assert adopt(file, design, draws, measured, tmp_path / "draws", "key") == [0, 2, 5]
    rows = read_draws(tmp_path / "draws", range(N + 1), "key")
    assert write_table(tmp_path / "again.csv", design, draws, rows).read_bytes() == file.read_bytes()


def test_a_draw_solved_since_stays_as_it_is(design, draws, tmp_path):
    file = write_table(tmp_path / "table.csv", design, draws)
    adopt(file, design, draws, measured, tmp_path / "draws", "key")
    before = (tmp_path / "draws" / "draw_00001.json").stat().st_mtime_ns
    adopt(file, design, draws, measured, tmp_path / "draws", "key")
    assert (tmp_path / "draws" / "draw_00001.json").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cost_cny": 35.4}, r"draw 2, cost_cny: 35.3333; the present code gives 35.4: solve all draws anew"),
        ({"verdict": "not reproduced"}, r"draw 2, verdict: reproduced; the present code gives not reproduced"),
        ({"undefined": 1.0}, r"draw 2, undefined: None; the present code gives 1.0"),
        ({"error": "user: no solution"}, r"draw 2, error: ; the present code gives user: no solution"),
    ],
)
def test_other_numbers_are_refused_and_nothing_is_written(change, message, design, draws, tmp_path):
    file = write_table(tmp_path / "table.csv", design, draws)

    def other(draw):
        return measured(draw) | (change if draw.number == 2 else {})

    with pytest.raises(InputError, match=message):
        adopt(file, design, draws, other, tmp_path / "draws", "key")
    assert not (tmp_path / "draws").exists()


def test_tables_of_other_draws_are_refused(design, draws, tmp_path):
    knob = design.knobs[0].name
    others = draws_of(read_design("mini"), N)
    moved = [*others[:3], type(others[3])(3, others[3].knobs | {knob: others[3].knobs[knob] + 1.0}, others[3].day)]
    for file, message in (
        (write_table(tmp_path / "scenario.csv", design, draws, scenario="0" * 64), "made for another scenario"),
        (write_table(tmp_path / "knob.csv", design, moved, {3: measured(moved[3])}), f"draw 3, {knob}: .*; must be"),
        (write_table(tmp_path / "none.csv", design, draws, {0: measured(draws[0]) | {"error": "x"}}), "holds none"),
        (tmp_path / "missing.csv", "cannot be read as a table"),
    ):
        with pytest.raises(InputError, match=message):
            adopt(file, design, draws, measured, tmp_path / "draws", "key")
    (tmp_path / "columns.csv").write_text("draw,day\n0,\n", encoding="utf-8")
    with pytest.raises(InputError, match="has no column"):
        adopt(tmp_path / "columns.csv", design, draws, measured, tmp_path / "draws", "key")
