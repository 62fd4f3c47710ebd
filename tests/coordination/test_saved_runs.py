"""A run that stops and goes on ends at the same numbers; what cannot go on is refused; an interrupt keeps what there is."""

import itertools
import json
import logging
import os
import signal
import time
from contextlib import contextmanager

import numpy as np
import pytest

import evlib.coordination.saved_run as run_file
from evlib import InputError, solve
from evlib.__main__ import main
from evlib.assignment.gaps import gaps
from evlib.coordination.announced_price import price_gap
from evlib.coordination.coordinate import PRICE_GAP_TOLERANCE, coordinate
from evlib.coordination.methods import Joint, Newton
from evlib.coordination.problem import CoupledProblem
from evlib.files import write_npz

MEASURES = ["excess_cny_veh", "relative_gap", "price_gap", "flow_residual"]
FEW = {"coordination.iterations": 4, "coordination.exact_iterations": 2, "coordination.exact_period": 3}
FEW |= {"coordination.traffic_steps": 5}


class Stopped(Exception):
    pass


@contextmanager
def stopping_after(n, error=Stopped):
    """Stop the run that goes on in this block once it has logged so many iterations."""
    seen = itertools.count(1)

    class Stop(logging.Handler):
        def emit(self, record):
            if record.getMessage().startswith("iteration") and next(seen) == n:
                raise error

    logger, handler = logging.getLogger("evlib.coordination"), Stop()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


@pytest.fixture(scope="module")
def few(mini):
    return mini.replace(FEW)


@pytest.mark.parametrize(
    ("method", "switches"),
    [
        ("newton", {}),
        pytest.param("joint", {}, marks=pytest.mark.verify),
        pytest.param("bundle", {}, marks=pytest.mark.verify),
        pytest.param("inertia", {"switches.damping_rule": "adaptive"}, marks=pytest.mark.verify),
        pytest.param("best_response", {"switches.objective": "user"}, marks=pytest.mark.verify),
        pytest.param("joint", {"switches.set": "columns"}, marks=pytest.mark.verify),
    ],
)
def test_a_resumed_run_ends_as_if_it_had_never_stopped(few, method, switches, tmp_path):
    """To the bit: flows, prices, rents and every measured number. The stop comes while answers are mixed, pools filled."""
    scenario, file = few.replace(switches), tmp_path / "run.npz"
    through = coordinate(scenario, method=method)
    with pytest.raises(Stopped), stopping_after(2):
        coordinate(scenario, method=method, save=file)
    resumed = coordinate(scenario, method=method, resume=file, save=file)
    assert np.array_equal(resumed.flows_veh, through.flows_veh)
    assert np.array_equal(resumed.price_cny_kwh, through.price_cny_kwh)
    assert (resumed.rent_cny is None) == (through.rent_cny is None)
    assert np.array_equal(resumed.convergence[MEASURES], through.convergence[MEASURES], equal_nan=True)
    for name, value in vars(through.certificate).items():
        again = getattr(resumed.certificate, name)
        assert again == value or (value != value and np.isnan(again))


def test_a_run_that_has_ended_is_read_back_by_its_last_measurement_alone(few, tmp_path, caplog):
    file = tmp_path / "run.npz"
    ended = coordinate(few, save=file)
    with caplog.at_level(logging.INFO, "evlib.coordination"):
        again = coordinate(few, resume=file)
    assert sum(message.startswith("iteration") for message in caplog.messages) == 1
    assert np.array_equal(again.flows_veh, ended.flows_veh)


def test_interrupt_returns_the_best_iterate_and_says_so(few, monkeypatch, caplog):
    """Stopped within a mixed answer: the last iterate is measured with exact domains, and the certificate is its own."""
    few = few.replace({"coordination.iterations": 7, "coordination.exact_period": 7, "coordination.schedules": 1})
    whole_answer = Joint.answer

    def stopped(self, iteration):
        if iteration == 4:
            raise KeyboardInterrupt
        return whole_answer(self, iteration)

    monkeypatch.setattr(Joint, "answer", stopped)
    found = coordinate(few, method="joint", objective="user")
    certificate, table = found.certificate, found.convergence
    assert certificate.interrupted
    assert certificate.iterations == 4 == certificate.best_iteration
    assert caplog.messages[-1] == "interrupted; measuring iterate 4 of 7"
    assert table["priced_by"].tolist() == ["exact"] * 2 + ["mixed"] * 2 + ["mixed, then checked"]
    problem = CoupledProblem.of(few, "v2g", "user")
    traffic = problem.traffic.evaluate(found.flows_veh)
    fresh = gaps(traffic, problem.electricity(found.price_cny_kwh))
    assert fresh.excess_cny_veh == pytest.approx(certificate.excess_cny_veh, rel=1e-9)
    sizes = problem.sizes(traffic)
    cost = problem.dispatch(sizes).dispatch.objective_cny
    assert price_gap(problem, sizes, found.price_cny_kwh, cost) == pytest.approx(certificate.price_gap, abs=1e-7)
    within = certificate.relative_gap <= 0.01 and abs(certificate.price_gap) <= PRICE_GAP_TOLERANCE
    assert certificate.converged == within


def test_an_interrupt_that_strikes_in_compiled_code_is_one_too_and_other_errors_are_not(few, monkeypatch):
    whole_answer, cause = Newton.answer, KeyboardInterrupt()

    def stopped(self, iteration):
        if iteration == 1:
            raise in_compiled_code(cause)
        return whole_answer(self, iteration)

    monkeypatch.setattr(Newton, "answer", stopped)
    assert coordinate(few).certificate.interrupted
    cause = ValueError()
    with pytest.raises(SystemError, match="exception set"):
        coordinate(few)


def test_interrupt_before_the_first_answer_has_nothing_to_keep(few):
    with pytest.raises(KeyboardInterrupt), stopping_after(1, KeyboardInterrupt):
        coordinate(few)


def test_the_whole_run_is_not_called_interrupted(few):
    assert not coordinate(few, method="best_response").certificate.interrupted


def test_an_interrupted_solve_is_returned_but_not_cached(few, tmp_path, monkeypatch):
    monkeypatch.setenv("EVLIB_CACHE", str(tmp_path))
    with stopping_after(3, KeyboardInterrupt):
        assert solve(few, "coordinated", method="best_response").certificate.interrupted
    assert not list(tmp_path.iterdir())


def test_a_kill_while_saving_leaves_the_file_of_before(few, tmp_path, monkeypatch):
    file = tmp_path / "run.npz"
    with pytest.raises(Stopped), stopping_after(1):
        coordinate(few, save=file)
    before = file.read_bytes()

    def killed(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez_compressed", killed)
    with pytest.raises(KeyboardInterrupt):
        run_file.save_state(
            file, run_file.load_state(file, few, "newton", "v2g", "system"), few, "newton", "v2g", "system"
        )
    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["run.npz"]


@pytest.mark.parametrize(
    ("changes", "options", "message"),
    [
        ({"fleet.vehicles": 70.0}, {}, "was made from the scenario of hash"),
        ({}, {"method": "inertia"}, "was made with method 'newton'; must be 'inertia' to go on, so start anew"),
        ({}, {"charging": "smart"}, "was made with charging 'v2g'; must be 'smart'"),
        ({}, {"objective": "user"}, "was made with objective 'system'; must be 'user'"),
    ],
)
def test_a_run_of_something_else_is_refused(few, saved, changes, options, message):
    with pytest.raises(InputError, match=message):
        coordinate(few.replace(changes), resume=saved, **options)


@pytest.fixture(scope="module")
def saved(few, tmp_path_factory):
    file = tmp_path_factory.mktemp("saved") / "run.npz"
    with pytest.raises(Stopped), stopping_after(1):
        coordinate(few, save=file)
    return file


def test_a_run_of_other_code_is_refused(few, saved, monkeypatch):
    monkeypatch.setattr(run_file, "code_hash", lambda: "another")
    with pytest.raises(InputError, match=r"was made by the code of hash '.{64}'; must be 'another' to go on"):
        coordinate(few, resume=saved)


def test_files_that_are_no_run_are_refused(few, saved, tmp_path):
    cut, other, text = (tmp_path / name for name in ("cut.npz", "other.npz", "text.npz"))
    cut.write_bytes(saved.read_bytes()[:-100])
    text.write_text("iteration,excess\n")
    write_npz(other, head=np.array(json.dumps({"name": "mini"})))
    for file in (cut, other, text):
        with pytest.raises(InputError, match=f"{file.name}: .*must be a whole run saved by coordinate"):
            coordinate(few, resume=file)
    with pytest.raises(InputError, match=r"absent\.npz: no such file"):
        coordinate(few, resume=tmp_path / "absent.npz")
    with pytest.raises(InputError, match="strategy 'snapshot' does not iterate, must be 'user' or 'coordinated'"):
        solve(few, "snapshot", save=cut)


def test_leftovers_beside_a_saved_run_are_removed(few, tmp_path):
    (tmp_path / ".run.npz.999999999-00ff.tmp").write_text("left by a killed run")
    with pytest.raises(Stopped), stopping_after(1):
        coordinate(few, save=tmp_path / "run.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["run.npz"]


def in_compiled_code(cause) -> SystemError:
    """As the interpreter reports an exception that is raised while a compiled function returns (seen with numba 0.68.1)."""
    error = SystemError("CPUDispatcher(<function _advance>) returned a result with an exception set")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), in_compiled_code(KeyboardInterrupt())], ids=["python", "compiled"]
)
def test_ctrl_c_before_the_first_answer_is_one_line_and_exit_130(tmp_path, monkeypatch, capsys, error):
    monkeypatch.setenv("EVLIB_CACHE", str(tmp_path / "cache"))
    out = tmp_path / "out"
    with stopping_after(1, error):
        assert main(["solve", "mini", "--strategy", "coordinated", "--out", str(out)]) == 130
    assert capsys.readouterr().err.splitlines()[-1] == f"interrupted before a result was written to {out}"
    assert not out.exists()


def test_ctrl_c_in_a_terminal_writes_the_best_iterate_and_the_run_can_go_on(mini, tmp_path, forked):
    """The command line, interrupted by a signal after two iterations: tables, exit 130, and a run that resumes."""
    file, out = tmp_path / "run.npz", tmp_path / "out"
    command = ["solve", "mini", "--strategy", "coordinated", "--save", str(file), "--out", str(out)]

    def n_rows() -> int:
        return len(run_file.load_state(file, mini, "newton", "v2g", "system").rows) if file.exists() else 0

    def interrupt(process):
        most = 1
        while process.is_alive():
            if (
                n_rows() > most
            ):  # again if it goes on: an interrupt that falls into a destructor is lost by the interpreter
                os.kill(process.pid, signal.SIGINT)
                most = n_rows() + 1
            time.sleep(0.05)

    ended = forked(main, command, environment={"EVLIB_CACHE": str(tmp_path / "cache")}, meanwhile=interrupt)
    assert ended.exitcode == 130, ended.stderr
    assert "interrupted: the best of" in ended.stderr
    certificate = json.loads((out / "result.json").read_text())["certificate"]
    assert certificate["interrupted"]
    rows = run_file.load_state(file, mini, "newton", "v2g", "system").rows
    assert [row.iteration for row in rows] == list(range(len(rows)))
    assert len(rows) >= 2
