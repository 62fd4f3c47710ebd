"""Measured sessions: the cleaning rule drops what it says, and what is left can be a vehicle."""

import numpy as np
import pandas as pd
import pytest

from evlib.errors import InputError
from evlib.flexibility import uncontrolled, vehicle_domain
from evlib.inputs.charging_sessions import SESSIONS_FILE, read_sessions, session_vehicles

COSTS = dict(eta_charge=0.95, eta_discharge=0.95, wear_cny_kwh=0.05, unserved_cny_kwh=5.0, terminal_price_cny_kwh=0.55)


def test_drops_are_counted_as_a_reader_of_the_file_counts_them():
    """1,878 rows; stays and capacities counted here without the module."""
    rows = pd.read_csv(SESSIONS_FILE)
    short = {i for i, stay in enumerate(rows["Stay (min)"]) if stay < 10}
    odd = {i for i, wh in enumerate(rows["Energy capacity (Wh)"]) if wh < 20_000 or wh > 150_000}
    sessions, dropped = read_sessions()

    assert dropped["read"] == 1878
    assert dropped["both"] == len(short & odd)
    assert dropped["stay_below_10_min"] == len(short - odd)
    assert dropped["battery_outside_20_150_kwh"] == len(odd - short)
    assert dropped["kept"] == len(sessions) == 1878 - len(short | odd)
    assert (rows["TotalCapacity"] == 10_000).sum() == 1639


def test_the_battery_gained_95_percent_of_the_metered_energy():
    """As the source estimates capacities; it is why the study's efficiency of 0.95 fits these vehicles."""
    sessions, _ = read_sessions()
    gained = session_vehicles(sessions, step_min=5.0)["gain_kwh"]
    np.testing.assert_allclose(gained / sessions["energy_kwh"], 0.95, rtol=1e-9)


def test_sessions_are_vehicles_that_charge_fast_and_briefly():
    """Every session becomes a vehicle; none charges faster than the station's 172.5 kW plus its own losses allow."""
    sessions, _ = read_sessions()
    vehicles = session_vehicles(sessions, step_min=5.0)
    domain, adjustments = vehicle_domain(**vehicles, n_cut_steps=0, step_h=1 / 12, **COSTS)

    assert adjustments.counts == {"targets_capped": 0, "arrivals_below_minimum": 0}
    assert (domain.n_usable >= 1).all()
    assert domain.charge_kw.max() < 175
    served = domain.target_kwh - uncontrolled(domain).unserved_kwh
    # the first step of a stay is not usable: what was charged in it at most is missing
    lost = domain.target_kwh - served
    assert (lost <= 2 * domain.charge_step_kwh + 1e-9).mean() > 0.99
    assert not session_vehicles(sessions, step_min=5.0, discharge=False)["discharge_kw"].any()


def test_a_file_of_another_form_is_refused_by_name(tmp_path):
    rows = pd.read_csv(SESSIONS_FILE).head(3)
    file = tmp_path / "sessions.csv"
    rows.drop(columns="Pmax (W)").to_csv(file, index=False)
    with pytest.raises(InputError, match=r"sessions\.csv: column 'Pmax \(W\)' is missing"):
        read_sessions(file)
    rows.assign(**{"Energy (Wh)": [1.0, np.nan, 2.0]}).to_csv(file, index=False)
    with pytest.raises(InputError, match=r"energy_kwh of row 3 is nan; must be a finite number"):
        read_sessions(file)
