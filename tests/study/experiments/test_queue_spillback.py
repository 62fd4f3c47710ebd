"""The committed comparison with UXsim: what it says, and rows made again."""

import numpy as np
import pandas as pd
import pytest

from evlib.folders import RESULTS
from study.experiments.provenance import is_stale, renew_hash
from study.experiments.queue_spillback import RUNS, SPILLBACK_FILE, measure

FILE = RESULTS / SPILLBACK_FILE


def table():
    return pd.read_csv(FILE, comment="#")


def test_every_run_has_its_row():
    assert list(table()[["length_factor", "platoon_veh", "demand_veh_s"]].itertuples(index=False, name=None)) == [*RUNS]


def test_where_queues_have_room_single_vehicles_agree_within_two_percent():
    rows = table().query("platoon_veh == 1 and fullest_road < 1")
    assert len(rows) >= 8
    assert rows["difference"].abs().max() < 0.02
    assert rows["worst_path_difference"].max() < 0.02


def test_row_can_be_made_again():
    """UXsim merges at random, by its own generator, so a row comes back within a percent of it."""
    committed = table().iloc[4]
    fresh = measure(*RUNS[4])
    assert fresh["point_queue_min"] == pytest.approx(committed["point_queue_min"], rel=1e-4)
    assert fresh["uxsim_min"] == pytest.approx(committed["uxsim_min"], rel=0.01)


@pytest.mark.verify
def test_three_rows_can_be_made_again_and_renew_the_hash():
    fresh = pd.DataFrame([measure(*RUNS[i]) for i in (6, 16, 26)])
    committed = table().iloc[[6, 16, 26]]
    assert np.allclose(fresh["uxsim_min"], committed["uxsim_min"], rtol=0.01)
    assert np.allclose(fresh["point_queue_min"], committed["point_queue_min"], rtol=1e-4)
    if is_stale(FILE):
        renew_hash(FILE)
