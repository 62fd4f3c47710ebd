"""Runs that fall too slowly are given up and say so; those that would arrive, or are within tolerance, go on."""

import pytest

from evlib.coordination.coordinate import coordinate
from evlib.coordination.newton import method
from evlib.coordination.newton.pace import FEW, OUT_OF_REACH, open_share, out_of_reach


@pytest.mark.parametrize("factor", [0.3, 0.7, 0.85, 0.95, 1.0])
@pytest.mark.parametrize("end", [0.9 * OUT_OF_REACH, 1.1 * OUT_OF_REACH])
def test_what_falls_by_a_constant_factor_is_expected_where_it_will_be(end, factor):
    """A little below or above what is in reach after the last of 22 iterations, whenever it is asked."""
    shares = [end * factor ** (n - 22) for n in range(23)]
    for iteration in range(FEW, 22):
        assert out_of_reach(shares[: iteration + 1], 22) == (end > OUT_OF_REACH)


def test_nothing_is_said_of_a_short_run():
    assert not out_of_reach([100.0] * FEW, 22)
    assert out_of_reach([100.0] * (FEW + 1), 22)


def test_one_bad_iterate_is_not_the_pace():
    """From 400 to 18 in nine; the last is no better than the start, but the best of the last four is what counts."""
    falling = [400.0 / 2 ** (n / 2) for n in range(10)]
    assert not out_of_reach([*falling, 400.0], 22)


def test_a_price_gap_counts_by_its_root():
    assert open_share(0.003, 1e-3, 0.003, 1e-3) == 1.0
    assert open_share(0.003, -1e-1, 0.003, 1e-3) == pytest.approx(10.0)
    assert open_share(0.03, 1e-3, 0.003, 1e-3) == pytest.approx(10.0)


def test_a_run_that_is_given_up_says_so_and_resumes_to_the_same_end(mini, monkeypatch, tmp_path):
    asked = []

    def after_three(open_shares, most_iterations):
        asked.append((len(open_shares) - 1, most_iterations))
        return len(open_shares) > 3

    monkeypatch.setattr(method, "out_of_reach", after_three)
    run = coordinate(mini, method="newton", objective="user", save=tmp_path / "run.npz")
    most = 2 * mini.coordination.iterations
    assert asked == [(n, most) for n in range(4)]
    certificate = run.certificate
    assert certificate.iterations == 3
    assert not certificate.converged
    assert not certificate.interrupted
    assert certificate.statuses.endswith(f"given up after 3 of {most} iterations, as its gaps fell too slowly")
    again = coordinate(mini, method="newton", objective="user", resume=tmp_path / "run.npz")
    assert str(again.certificate) == str(certificate)  # nan is not nan


def test_a_run_that_is_given_up_near_equilibrium_announces_the_prices_of_an_exact_dispatch(
    mini, certified, monkeypatch
):
    """As in a last iteration: drivers within tolerance but not within what was asked, prices a little off."""
    rows = certified["user"].convergence
    near = (rows["relative_gap"] <= mini.coordination.tol_relative_gap) & (rows["price_gap"] > 1e-4)
    last = int(near[near].index[-1])
    assert rows["relative_gap"][last] > method.CLOSE
    monkeypatch.setattr(method.Newton, "_is_out_of_reach", lambda newton: len(newton.run.state.rows) > last)
    certificate = coordinate(mini, method="newton", objective="user").certificate
    assert certificate.iterations == certificate.best_iteration == last
    assert abs(certificate.price_gap) < 1e-6
    assert certificate.converged


def test_a_run_within_tolerance_goes_on_to_what_was_asked(mini, certified, monkeypatch):
    """Only the finer gaps are out of reach then, and the run is worth its iterations."""
    rows = certified["user"].convergence
    within = (rows["relative_gap"] <= mini.coordination.tol_relative_gap) & (rows["price_gap"].abs() <= 1e-4)
    first = int(within.idxmax())
    assert 0 < first < len(rows) - 1
    monkeypatch.setattr(method, "out_of_reach", lambda open_shares, _: len(open_shares) > first)
    run = coordinate(mini, method="newton", objective="user")
    assert str(run.certificate) == str(certified["user"].certificate)
