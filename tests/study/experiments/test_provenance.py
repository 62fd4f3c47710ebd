"""Committed results belong to the present scenario, and three rows of them can be made again."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from evlib import load_scenario, solve
from evlib.coordination.coordinate import PRICE_GAP_TOLERANCE, coordinate
from evlib.errors import StudyError
from evlib.folders import RESULTS, ROOT
from study.experiments import WITHOUT_DRIVING
from study.experiments.coordination_methods import METHODS_FILE, RUNS, compare_methods, variant_of
from study.experiments.ensemble.table import ENSEMBLE_FILE
from study.experiments.flexible_domains import (
    DOMAINS,
    DOMAINS_FILE,
    LINEAR_FLEETS,
    compare_domains,
    unused_potential,
)
from study.experiments.individual_vehicles import INDIVIDUAL_FILE, measure_vehicles
from study.experiments.provenance import (
    MAKERS,
    NOT_COMMITTED,
    imported,
    is_stale,
    read_table,
    renew_hash,
    write_results,
    write_table,
)
from study.experiments.vehicle_sets import CLAIMS_COMPARED, SETS, SETS_FILE, compare_sets

FILE = RESULTS / METHODS_FILE


def table():
    return read_table(METHODS_FILE)


def test_results_are_those_of_the_scenario_as_it_is():
    """A changed scenario makes the file wrong, not merely old: run ``make results``."""
    scenario = load_scenario("nguyen").replace(WITHOUT_DRIVING)
    assert f"# scenario: nguyen without energy of driving {scenario.hash}," in FILE.read_text(encoding="utf-8")


def test_every_run_returns_one_of_its_own_iterates():
    runs = table().groupby(["variant", "method", "objective"])
    assert set(runs.groups) == set(RUNS)
    for _, rows in runs:
        assert rows["best"].sum() == 1
        assert rows["iteration"].tolist() == list(range(len(rows)))
        sound = rows[(rows["iteration"] > 0) & (rows["price_gap"].abs() <= PRICE_GAP_TOLERANCE)]
        if len(sound):
            assert rows.loc[rows["best"] == 1, "excess_cny_veh"].item() == sound["excess_cny_veh"].min()


@pytest.mark.verify
def test_table_is_the_convergence_of_each_run(mini):
    """On the small case: the rows are those of the runs themselves, one below the other."""
    few = mini.replace({"coordination.iterations": 3, "coordination.exact_iterations": 3})
    rows = compare_methods(few, (("base", "joint", "user"),))
    run = coordinate(few, method="joint", objective="user")
    assert rows["excess_cny_veh"].tolist() == run.convergence["excess_cny_veh"].tolist()
    assert rows.loc[rows["best"] == 1, "iteration"].item() == run.certificate.best_iteration


def test_doubled_plugs_are_twice_the_plugs(mini):
    assert [item.plugs for item in variant_of(mini, "plugs doubled").stations] == [60.0, 60.0]
    assert variant_of(mini, "base") is mini


@pytest.mark.parametrize(
    "module",
    [
        "study.workflow.notebooks",
        pytest.param("study.experiments.queue_spillback", marks=pytest.mark.verify),
        pytest.param("study.experiments.coordination_methods", marks=pytest.mark.verify),
    ],
)
def test_sources_counted_are_those_that_an_import_brings_in(module):
    """Read from the text of the modules, the list is that of a fresh process that imports them."""
    counted = "[name for name in sys.modules if name.split('.')[0] in ('evlib', 'study')]"
    script = f"import json, sys, {module}; print(json.dumps({counted}))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert imported(module) == set(json.loads(run.stdout))


def test_sources_counted_hold_what_evlib_loads_when_asked():
    """``from evlib import load_scenario`` brings in the module that defines it, and no solver."""
    counted = imported("study.experiments.fleets")
    assert "from evlib import load_scenario" in (ROOT / "study/experiments/fleets.py").read_text(encoding="utf-8")
    assert {"evlib.inputs.scenario", "evlib.inputs.scenario_tables"} <= counted
    assert "evlib.solve_scenario" not in counted


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
    few = {"coordination.iterations": 3, "coordination.exact_iterations": 3}
    few = load_scenario("nguyen").replace(WITHOUT_DRIVING | few)
    fresh = coordinate(few, method="best_response", objective="system").convergence["excess_cny_veh"][1:]
    committed = table().query("method == 'best_response' and 0 < iteration <= 3")["excess_cny_veh"]
    assert np.allclose(fresh, committed, rtol=1e-2)
    if is_stale(FILE):
        renew_hash(FILE)


def test_every_committed_table_has_a_maker_and_names_its_command():
    """What the makers list lies in data/results and can be made again by the command on its first line."""
    committed = [name for name in MAKERS if name not in NOT_COMMITTED]
    assert set(committed) <= {path.name for path in RESULTS.glob("*.csv")}
    for name in committed:
        first = (RESULTS / name).read_text(encoding="utf-8").splitlines()[0]
        command = (
            "ensemble --draws" if name == ENSEMBLE_FILE else "results"
        )  # fewer draws than wanted have a command of theirs
        assert first.startswith(("# command: python -m study results", f"# command: python -m study {command}"))
    with pytest.raises(StudyError, match=r"unknown results .other\.csv.; there are methods_nguyen\.csv"):
        write_results(["other.csv"])


def test_a_written_table_reads_as_it_was(tmp_path):
    file = write_table(DOMAINS_FILE, pd.DataFrame({"a": [1.5]}), "0123", ["a note"], folder=tmp_path)
    lines = file.read_text(encoding="utf-8").splitlines()
    assert lines[:3] == [f"# command: python -m study results {DOMAINS_FILE}", "# code: 0123", "# a note"]
    assert read_table(DOMAINS_FILE, tmp_path)["a"].tolist() == [1.5]


def test_domains_are_ordered_and_only_the_outer_set_promises_what_nobody_delivers():
    """Over all committed rows: inner sets cost no less than exact, with the hull never more than no control; columns
    within 0.1 % of the potential; and every profile but that of summed bounds is delivered."""
    domains = read_table(DOMAINS_FILE).set_index("domain")
    assert domains.groupby(["fleet", "prices"]).ngroups >= 15
    assert set(domains.index) == set(DOMAINS)
    inner = domains.drop("summed bounds (outer)")
    assert (inner["upr_median"] >= -1e-4).all()
    assert (inner.filter(regex="hull|lagged|both ways", axis=0)["upr_max"] <= 1 + 1e-4).all()
    assert (domains.loc["summed bounds (outer)", "upr_max"] < 0).all()
    assert (domains.loc[["columns", "g-polymatroid (lossless)"], "upr_max"] <= 1e-3).all()
    assert set(domains.loc["g-polymatroid (lossless)", "fleet"]) == set(LINEAR_FLEETS)
    assert (inner["undeliverable_share"] < 1e-6).all()
    assert (domains.loc["summed bounds (outer)", "undeliverable_share"] > 0.01).all()
    assert (inner["largest_breach"] < 1e-6).all()


def test_every_vehicle_on_its_own_keeps_all_rules_and_the_gap_is_certified():
    """1,000 to 100,000 vehicles: gap at most 0.2 %, nothing broken, the profile delivered."""
    runs = read_table(INDIVIDUAL_FILE)
    assert runs["vehicles"].tolist() == [1_000, 10_000, 100_000]
    assert (runs["gap"] <= 2e-3).all()
    assert (runs["largest_breach"] < 1e-9).all()
    assert (runs["missed_share"] < 1e-6).all()


@pytest.mark.verify
def test_a_thousand_vehicles_of_their_own_can_be_dispatched_again():
    fresh, committed = measure_vehicles([1_000]).iloc[0], read_table(INDIVIDUAL_FILE).iloc[0]
    assert fresh["gap"] <= 2e-3
    assert fresh["simultaneous_share"] == pytest.approx(committed["simultaneous_share"], rel=0.2, abs=1e-3)
    if is_stale(RESULTS / INDIVIDUAL_FILE):
        renew_hash(RESULTS / INDIVIDUAL_FILE)


def test_columns_give_the_study_of_exact_domains_and_zonotopes_another():
    """Columns and exact block agree within the tolerance of each claim (but A7, where little energy decides and half a
    point parts them); all runs settled; zonotopes cost the grid more."""
    numbers = read_table(SETS_FILE)
    claims = numbers[numbers["claim"].str.startswith("A") & (numbers["claim"] != "A7")].dropna(subset="exact")
    assert set(claims["claim"]) == set(CLAIMS_COMPARED) - {"A7"}
    assert ((claims["columns"] - claims["exact"]).abs() <= claims["tolerance"]).all()
    rows = numbers.set_index(["claim", "definition"])[["exact", "columns", "zonotope", "zonotope_lagged"]]
    assert (rows.loc[("certificate", "price_gap")].abs() <= PRICE_GAP_TOLERANCE).all()
    # Zonotopes are coordinated by damped prices, which end near equilibrium; the notebook says that they are not settled.
    assert (rows.loc[("certificate", "relative_gap")] <= [1e-2, 1e-2, 2e-2, 2e-2]).all()
    for run in ("shortest_path", "coordinated"):
        exact, columns, zonotope, lagged = rows.loc[("cost", f"grid: total, {run}")]
        assert columns == pytest.approx(exact, rel=1e-3)
        assert exact * 1.002 < lagged < zonotope  # inner approximations, the second with more generators


@pytest.mark.verify
def test_sets_are_compared_run_by_run(mini):
    """On the small case with two iterations: the rows are those of the runs themselves."""
    few = mini.replace({"coordination.iterations": 2, "coordination.exact_iterations": 1})
    rows = compare_sets(few, ("zonotope",), cache=False).set_index(["claim", "definition"])["zonotope"]
    run = coordinate(few.replace(set="zonotope"))
    assert rows["certificate", "excess_cny_veh"] == run.certificate.excess_cny_veh
    assert np.isfinite(rows["A9", "all costs"])


@pytest.mark.verify
def test_the_day_on_shortest_paths_costs_the_same_again_in_every_set():
    committed = read_table(SETS_FILE).set_index(["claim", "definition"]).loc[("cost", "grid: total, shortest_path")]
    for name in SETS:
        scenario = load_scenario("nguyen").replace(WITHOUT_DRIVING, set=name)
        costs = solve(scenario, "shortest_path").tables["costs"].set_index("item")
        assert costs.loc["grid: total", "cost_cny"] == pytest.approx(committed[name], rel=1e-3)
    if is_stale(RESULTS / SETS_FILE):
        renew_hash(RESULTS / SETS_FILE)


def test_unused_potential_without_any_is_undefined():
    assert np.isnan(unused_potential(3.0, 3.0, 3.0))
    assert unused_potential(3.5, 3.0, 5.0) == 0.25


@pytest.mark.verify
def test_three_rows_of_the_domains_can_be_made_again():
    fresh = compare_domains(["private"], ["volatile"]).set_index("domain")["upr_median"]
    committed = (
        read_table(DOMAINS_FILE).query("fleet == 'private' and prices == 'volatile'").set_index("domain")["upr_median"]
    )
    assert np.allclose(fresh, committed, atol=1e-3)
    if is_stale(RESULTS / DOMAINS_FILE):
        renew_hash(RESULTS / DOMAINS_FILE)
