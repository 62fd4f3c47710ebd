"""A day that was stopped goes on to the same bytes; a folder of another day is refused before anything is written."""

import shutil

import numpy as np
import pytest

from evlib.__main__ import main
from evlib.coordination.real_time import run as run_module
from evlib.coordination.real_time.run import real_time
from evlib.errors import InputError


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def whole(short, tmp_path_factory):
    out = tmp_path_factory.mktemp("whole") / "day"
    real_time(short, day="2020-07-15", signal="promised", seed=2, out=out)
    return out


class Stop(Exception):
    pass


@pytest.mark.parametrize(
    "stops", [(6,), *(pytest.param(stops, marks=pytest.mark.verify) for stops in ((0, 11), tuple(range(12))))]
)
def test_a_day_that_was_stopped_goes_on_to_the_same_bytes(short, whole, tmp_path, monkeypatch, stops):
    """Stopped after the folder of a step was written, and before its state was; once, or again and again."""
    save, left = run_module.save_state, list(stops)

    def fail(path, state):
        if left and state.step == left[0] + 1:
            left.pop(0)
            raise Stop
        save(path, state)

    monkeypatch.setattr(run_module, "save_state", fail)
    case = {"day": "2020-07-15", "signal": "promised", "seed": 2, "out": tmp_path / "day"}
    for _ in stops:
        with pytest.raises(Stop):
            real_time(short, **case)
    real_time(short, **case)
    assert contents(tmp_path / "day") == contents(whole)


def test_a_finished_day_is_read_again(short, whole):
    """Nothing is left to do, so accounts are those of the saved state."""
    before = contents(whole)
    again = real_time(short, day="2020-07-15", signal="promised", seed=2, out=whole)
    assert again.replan_s == []
    assert contents(whole) == before


@pytest.mark.parametrize(
    ("changes", "files", "message"),
    [
        ({"seed": 3}, {}, "holds another day"),
        ({"signal": "now"}, {}, "holds another day"),
        ({"day": "2020-07-16"}, {}, "holds another day"),
        ({}, {"state.npz": b"half"}, "must be the whole state of a day in real time"),
    ],
    ids=["seed", "signal", "weather", "damaged"],
)
def test_a_folder_of_another_day_is_refused(short, whole, tmp_path, changes, files, message):
    out = tmp_path / "day"
    shutil.copytree(whole, out)
    for name, content in files.items():
        (out / name).write_bytes(content)
    before = contents(out)
    with pytest.raises(InputError, match=message):
        real_time(short, **{"day": "2020-07-15", "signal": "promised", "seed": 2, "out": out} | changes)
    assert contents(out) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--signal", "loud"], "signal 'loud' is unknown; must be one of now, predicted, promised, informed, nearest"),
        (["--signal", "promised", "--charging", "uncontrolled"], "gives no prices to promise"),
        (["--day", "2020-13-01"], "must be a date YYYY-MM-DD"),
        (["--day", "2021-07-15"], "must hold 2021-07-15T"),
        (["--seed", "-1"], "seed: -1; must be a whole number, 0 or more"),
        (["--day", "2020-07-15", "--measured", "no_such.csv"], "no such file"),
    ],
    ids=["signal", "promise without prices", "no date", "another year", "seed", "no file"],
)
def test_the_command_refuses_before_it_writes(tmp_path, capsys, arguments, message):
    out = tmp_path / "day"
    assert main(["real-time", "mini", "--out", str(out), *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not out.exists()


def test_other_files_in_the_folder_are_left_alone(short, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="holds other files"):
        real_time(short, out=tmp_path)
    with pytest.raises(InputError, match="is no folder"):
        real_time(short, out=tmp_path / "thesis.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"path_set": "generated"}, "switches.path_set is 'generated'; in real time it must be 'enumerated'"),
        (
            {"grid_model": "cone"},
            "switches.grid_model is 'cone'; in real time it must be 'lindistflow' or 'cone_final'",
        ),
        ({"set": "zonotope"}, "switches.set is 'zonotope'; in real time it must be 'exact' or 'columns'"),
    ],
)
def test_what_cannot_run_in_real_time_is_said(short, changes, message):
    with pytest.raises(InputError, match=message):
        real_time(short.replace(**changes))


@pytest.mark.verify
def test_compliance_and_logit_hold_in_real_time(short):
    """By count: half follow, so about half of those who depart; logit drivers use nearly every way, of six."""
    scenario = short.replace({"fleet.compliance": 0.5, "fleet.logit_cny": 3.0})
    run = real_time(scenario, day="2020-07-15", seed=1)
    everybody, followers = run.accounts["vehicles_veh"], run.accounts["followers_veh"]
    assert abs(followers - everybody / 2) < 4 * np.sqrt(everybody / 4)
    assert run.state.departures_veh.sum() == everybody == np.rint(everybody)
    assert (run.state.followers_veh.sum(axis=(1, 2)) > 0).sum() >= 5


def test_whole_vehicles_have_the_expected_demand_as_their_mean(short):
    """Over 400 seeds, within four standard errors of the Poisson numbers; and no two seeds are alike."""
    from evlib.coordination.real_time.drivers.departures import draw_demand, draw_paths

    expected = np.full((2, 2, 6), 1.7)
    drawn = np.array([draw_demand(expected, seed) for seed in range(400)])
    assert abs(drawn.mean() - 1.7) < 4 * np.sqrt(1.7 / drawn.size)
    assert len({tuple(day.ravel()) for day in drawn}) == 400
    share, origin = np.array([[0.2], [0.8], [1.0]]), np.array([0, 0, 1])
    chosen = np.array([draw_paths(share, np.array([[10.0], [3.0]]), origin, seed, 5) for seed in range(400)])
    assert (chosen[:, :2].sum(axis=(1, 2)) == 10).all()
    assert (chosen[:, 2] == 3).all()
    assert abs(chosen[:, 0].mean() - 2.0) < 4 * np.sqrt(10 * 0.16 / 400)
