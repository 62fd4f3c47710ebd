"""Draws of an earlier table count only where some of them come out alike when solved again."""

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
    row = {"nearest_total_cny": 100.0 / 3.0 + draw.number, "error": "", "nearest_left": 1e-16, "nearest_settled": None}
    for strategy, settled in (("informed", 1), ("user", 1), ("coordinated", 1)):
        row |= {f"{strategy}_total_cny": 30.0 + draw.number, f"{strategy}_settled": settled}
    return dict(sorted((row | {"verdict": "reproduced"}).items()))


def write_table(path, design, draws, rows=None, scenario=None):
    rows = rows or {draw.number: measured(draw) for draw in draws}
    head = f"# code: {'c0de' * 16}\n# design: mini.yaml, scenario mini {scenario or design.scenario.hash}\n"
    path.write_text(head + table_of(design, draws, rows).to_csv(index=False, float_format="%.6g"), encoding="utf-8")
    return path


def test_the_table_is_the_same_again(design, draws, tmp_path):
    file = write_table(tmp_path / "table.csv", design, draws)
    assert adopt(file, design, draws, measured, tmp_path / "draws", "key") == [0, 2, 5]
    rows = read_draws(tmp_path / "draws", range(N + 1), "key")
    again = write_table(tmp_path / "again.csv", design, draws, rows).read_text(encoding="utf-8")
    assert again.replace(",c0dec0dec0de,", ",,") == file.read_text(encoding="utf-8")


def test_every_draw_says_by_which_code_it_was_solved(design, draws, tmp_path):
    file = write_table(tmp_path / "table.csv", design, draws)
    adopt(file, design, draws, measured, tmp_path / "draws", "key")
    rows = read_draws(tmp_path / "draws", range(N + 1), "key")
    assert {row["code"] for row in rows.values()} == {"c0dec0dec0de"}
    # A table of adopted draws is adopted again: the first code stays.
    second = write_table(tmp_path / "second.csv", design, draws, rows)
    adopt(second, design, draws, measured, tmp_path / "later", "other")
    assert read_draws(tmp_path / "later", [3], "other")[3]["code"] == "c0dec0dec0de"


def test_a_draw_solved_since_stays_as_it_is(design, draws, tmp_path):
    file = write_table(tmp_path / "table.csv", design, draws)
    adopt(file, design, draws, measured, tmp_path / "draws", "key")
    before = (tmp_path / "draws" / "draw_00001.json").stat().st_mtime_ns
    adopt(file, design, draws, measured, tmp_path / "draws", "key")
    assert (tmp_path / "draws" / "draw_00001.json").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"nearest_total_cny": 35.4}, r"draw 2, nearest_total_cny: 35.3333; the present code gives 35.4: solve all"),
        ({"coordinated_settled": 0}, r"draw 2, coordinated_settled: 1.*; the present code gives 0"),
        ({"coordinated_total_cny": 32.2}, r"draw 2, coordinated_total_cny: 32.*; the present code gives 32.2"),
        ({"nearest_left": None}, r"draw 2, nearest_left: 1e-16; the present code gives None"),
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


@pytest.mark.parametrize("change", [{"coordinated_total_cny": 32.1}, {"verdict": "immaterial"}])
def test_what_certificates_leave_open_may_differ(change, design, draws, tmp_path):
    """Settled totals agree within half a percent."""
    file = write_table(tmp_path / "table.csv", design, draws)
    assert adopt(file, design, draws, lambda draw: measured(draw) | change if draw.number == 2 else measured(draw),
                 tmp_path / "draws", "key") == [0, 2, 5]  # fmt: skip


def test_draws_that_did_not_settle_are_solved_anew(design, draws, tmp_path):
    rows = {draw.number: measured(draw) | ({"user_settled": 0} if draw.number in (2, 5) else {}) for draw in draws}
    file = write_table(tmp_path / "table.csv", design, draws, rows)
    assert adopt(file, design, draws, measured, tmp_path / "draws", "key") == [0, 3, 4]
    assert sorted(read_draws(tmp_path / "draws", range(N + 1), "key")) == [0, 1, 3, 4]


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
    nameless = write_table(tmp_path / "nameless.csv", design, draws)
    nameless.write_text(nameless.read_text(encoding="utf-8").partition("\n")[2], encoding="utf-8")
    with pytest.raises(InputError, match="does not say by which code"):
        adopt(nameless, design, draws, measured, tmp_path / "draws", "key")
