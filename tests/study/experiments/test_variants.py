"""The variants of the base case: what they change, what a case without an optimum leaves, and the committed table."""

import numpy as np
import pandas as pd
import pytest

from evlib import load_scenario
from evlib.coordination.coordinate import default_method
from evlib.errors import SolverError
from evlib.inputs.build_grid import build_grid_options
from evlib.inputs.build_roads import origin_demand
from evlib.results.claims import CLAIMS
from study.experiments import variants
from study.experiments.provenance import is_stale, read_table, renew_hash
from study.experiments.variants import LONG, VARIANTS, VARIANTS_FILE, variant_of, variant_rows


@pytest.fixture(scope="module")
def nguyen():
    return load_scenario("nguyen")


@pytest.fixture(scope="module")
def committed():
    return read_table(VARIANTS_FILE)


def test_a_longer_day_holds_the_base_case(nguyen):
    """From 10:00 on as many depart in every step as before; the floor goes on on both sides."""
    day, longer = origin_demand(nguyen), origin_demand(variant_of(nguyen, "09:00 to 20:00"))
    assert longer.shape[2] == 102
    assert np.allclose(longer[:, :, 12:78], day, rtol=1e-12)
    assert longer.min() > 0
    assert longer[:, :, 78:].max() <= day[:, :, -1].max()


def test_a_longer_day_keeps_the_hour_of_the_spike(nguyen):
    longer = variant_of(nguyen, "09:00 to 20:00")
    before, after = (case.grid.spike.peak_step * case.time.step_min for case in (nguyen, longer))
    assert after - before == 60


def test_driving_takes_energy_in_all_variants_but_one(nguyen):
    used = {name: {item.drive_kwh_km for item in variant_of(nguyen, name).fleet.classes} for name in VARIANTS}
    assert used.pop("driving takes no energy") == {0.0}
    assert all(per_km == {0.18, 1.2} for per_km in used.values())


def test_plugs_and_roads_grow_as_named(nguyen):
    assert {station.plugs for station in variant_of(nguyen, "plugs x 0.8").stations} == {136.0}
    assert variant_of(nguyen, "road capacity x 1.25").roads.capacity_veh_h == 187.5


def test_losses_in_every_dispatch_are_a_variant_of_their_own_that_only_joint_can_run(nguyen):
    lossy = variant_of(nguyen, "losses in every dispatch")
    assert all(build_grid_options(lossy, final=final).grid_model == "cone" for final in (False, True))
    assert default_method(lossy, "v2g") == "joint"
    assert default_method(variant_of(nguyen, "losses in the last dispatch"), "v2g") == "newton"


def test_without_an_optimum_no_claim_has_a_verdict(nguyen, monkeypatch):
    def refuse(*args, **kwargs):
        raise SolverError("grid problem: infeasible\nmore lines")

    monkeypatch.setattr(variants, "solve", refuse)
    rows = variant_rows(nguyen, "hard limits")
    assert [row["claim"] for row in rows] == list(CLAIMS)
    assert {(row["verdict"], row["state"], row["note"]) for row in rows} == {
        ("undefined", "no optimum", "grid problem: infeasible")
    }


def test_where_newton_does_not_settle_joint_is_asked(nguyen, monkeypatch):
    class Ran:
        def __init__(self, method, gap):
            self.method = method
            self.certificate = type("Certificate", (), {"converged": gap < 0.01, "relative_gap": gap})

    asked = []

    def solved(scenario, strategy, charging, method="newton", *, cache):
        asked.append(method)
        return Ran(method, {"newton": 0.05, "joint": 0.02}[method])

    monkeypatch.setattr(variants, "solve", solved)
    assert variants._settled(nguyen, "coordinated", True).method == "joint"
    assert asked == ["newton", "joint"]


def test_the_committed_table_has_a_verdict_for_every_variant_and_claim(nguyen, committed):
    made = set(committed["variant"])
    assert made >= set(VARIANTS) - set(LONG)
    assert list(committed["variant"].unique()) == [name for name in VARIANTS if name in made]
    for _, rows in committed.groupby("variant"):
        assert rows["claim"].tolist() == list(CLAIMS)
    text = (variants.RESULTS / VARIANTS_FILE).read_text(encoding="utf-8")
    assert f"nguyen {nguyen.hash};" in text
    assert committed["state"].isin(["settled", "not settled", "no optimum", "roads never clear"]).all()
    solved = committed[committed["relative_gap"].notna()]
    within = (solved["relative_gap"] <= 0.01) & (solved["price_gap"].abs() <= 1e-4)
    assert (within == (solved["state"] == "settled")).all()


def test_a_sizing_that_a_variant_undoes_proves_nothing(committed):
    """Claim A2 says that capacities are exceeded on shortest paths: with a quarter more capacity none is."""
    row = committed[(committed["variant"] == "road capacity x 1.25") & (committed["claim"] == "A2")].iloc[0]
    assert row["verdict"] == ("by construction" if row["ours"] > 1 else "not reproduced")


@pytest.mark.verify
def test_variants_can_be_made_again(nguyen, committed):
    """The same verdicts, and numbers within what runs of this certificate resolve."""
    settling = read_table("settling_mini.csv")
    for name in ("base", "second wind farm at c1", "plugs x 1.25"):
        fresh = pd.DataFrame(variant_rows(nguyen, name, settling, cache=False)).set_index("claim")
        before = committed[committed["variant"] == name].set_index("claim")
        assert fresh["verdict"].to_dict() == before["verdict"].to_dict()
        assert fresh["ours"].to_numpy() == pytest.approx(before["ours"].to_numpy(), rel=0.02, abs=0.02, nan_ok=True)
    if is_stale(variants.RESULTS / VARIANTS_FILE):
        renew_hash(variants.RESULTS / VARIANTS_FILE)
