"""Committed results belong to the present scenario, and three rows of them can be made again."""

import numpy as np
import pandas as pd
import pytest

from evlib import load_scenario
from evlib.coordination import PRICE_GAP_TOLERANCE, coordinate
from evlib.paths import RESULTS
from evlib.study.results import METHODS_FILE, RUNS, compare_methods, is_stale, renew_hash, variant_of

FILE = RESULTS / METHODS_FILE


def table():
    return pd.read_csv(FILE, comment="#")


def test_results_are_those_of_the_scenario_as_it_is():
    """A changed scenario makes the file wrong, not merely old: run ``make results``."""
    assert f"# scenario: nguyen {load_scenario('nguyen').hash}," in FILE.read_text(encoding="utf-8")


def test_every_run_returns_one_of_its_own_iterates():
    runs = table().groupby(["variant", "method", "objective"])
    assert set(runs.groups) == set(RUNS)
    for _, rows in runs:
        assert rows["best"].sum() == 1
        assert rows["iteration"].tolist() == list(range(len(rows)))
        sound = rows[(rows["iteration"] > 0) & (rows["price_gap"].abs() <= PRICE_GAP_TOLERANCE)]
        if len(sound):
            assert rows.loc[rows["best"] == 1, "excess_cny_veh"].item() == sound["excess_cny_veh"].min()


def test_table_is_the_convergence_of_each_run(mini):
    """On the small case: the rows are those of the runs themselves, one below the other."""
    few = mini.replace({"coordination.iterations": 3, "coordination.exact_iterations": 3})
    found = compare_methods(few, (("base", "joint", "user"),), report=lambda line: None)
    own = coordinate(few, method="joint", objective="user")
    assert found["excess_cny_veh"].tolist() == own.convergence["excess_cny_veh"].tolist()
    assert found.loc[found["best"] == 1, "iteration"].item() == own.certificate["best_iteration"]


def test_doubled_plugs_are_twice_the_plugs(mini):
    assert [item.plugs for item in variant_of(mini, "plugs doubled").stations] == [60.0, 60.0]
    assert variant_of(mini, "base") is mini


def test_a_stale_file_is_noticed_and_its_hash_renewed(tmp_path):
    file = tmp_path / METHODS_FILE
    file.write_text("# command: x\n# code: 0123\n# scenario: y\nmethod\njoint\n", encoding="utf-8")
    assert is_stale(file)
    renew_hash(file)
    assert not is_stale(file)
    lines = file.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "# command: x"
    assert lines[2:] == ["# scenario: y", "method", "joint"]


@pytest.mark.verify
def test_three_rows_of_the_file_can_be_made_again():
    """The plain loop's first iterations; a file that still holds gets the present code's hash."""
    few = load_scenario("nguyen").replace({"coordination.iterations": 3, "coordination.exact_iterations": 3})
    fresh = coordinate(few, method="best_response", objective="system").convergence["excess_cny_veh"][1:]
    kept = table().query("method == 'best_response' and 0 < iteration <= 3")["excess_cny_veh"]
    assert np.allclose(fresh, kept, rtol=1e-2)
    if is_stale():
        renew_hash()
