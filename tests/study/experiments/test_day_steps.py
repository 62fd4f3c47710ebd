"""The animated day: its columns are those of the results, step by step."""

import numpy as np
import pytest

from evlib import load_scenario, solve
from evlib.folders import RESULTS
from study.experiments.day_steps import DAY_FILE, DAYS, table_of_days
from study.experiments.provenance import is_stale, read_table, renew_hash


def test_steps_are_those_of_the_tables(mini):
    days = {"plain": ("shortest_path", "uncontrolled"), "flexible": ("shortest_path", "v2g")}
    table = table_of_days(mini, days)
    for day, case in days.items():
        tables = solve(mini, *case).tables
        rows = table[table["day"] == day]
        stations, buses = tables["stations"], tables["buses"]
        for station, values in stations.groupby("station"):
            np.testing.assert_allclose(rows[f"station {station} queue_veh"], values["queue_veh"], atol=0.05)
            np.testing.assert_allclose(rows[f"station {station} net_kw"], values["net_kw"], atol=0.5)
        for bus, values in buses.groupby("bus"):
            np.testing.assert_allclose(rows[f"bus {bus} ac_voltage_pu"], values["ac_voltage_pu"], atol=5e-5)
        roads = tables["arcs"].query("kind == 'road'")
        for road, values in roads.groupby("arc"):
            shown = values["occupancy_over_capacity"].to_numpy()[: len(rows)]
            np.testing.assert_allclose(rows[f"arc {road} occupancy_over_capacity"], shown, atol=5e-4)
        assert rows["clock"].tolist() == stations.query("station == station.iloc[0]")["clock"].tolist()
    assert not table.isna().any().any()


def test_the_committed_days_are_those_of_the_scenario_as_it_is():
    assert f"# scenario: nguyen {load_scenario('nguyen').hash}\n" in (RESULTS / DAY_FILE).read_text(encoding="utf-8")
    assert list(dict.fromkeys(read_table(DAY_FILE)["day"])) == list(DAYS)


@pytest.mark.verify
def test_the_committed_nearest_day_can_be_made_again():
    """The coordinated one only if the code has changed: it takes half a minute."""
    file, stale = RESULTS / DAY_FILE, is_stale(RESULTS / DAY_FILE)
    days = DAYS if stale else dict(list(DAYS.items())[:1])
    fresh, old = table_of_days(load_scenario("nguyen"), days, cache=False), read_table(DAY_FILE)
    for day, rows in fresh.groupby("day"):
        before = old[old["day"] == day].set_index("clock").drop(columns="day")
        now = rows.set_index("clock").drop(columns="day")
        # A vehicle or 20 kW here or there: what a coordinated day is uncertain by, and far less than can be seen.
        largest = (now - before).abs().max() / before.abs().max().clip(lower=1.0)
        assert largest.max() < 0.05, largest.idxmax()
    if stale:
        renew_hash(file)
