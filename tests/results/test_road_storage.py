"""Room on roads: a queue longer than its road is said with road, step and factor; what cannot flow is refused."""

import shutil

import numpy as np
import pytest
import yaml

from evlib import InputError, solve
from evlib.__main__ import main
from evlib.folders import DATA
from evlib.inputs.reading.strict_yaml import read_yaml
from evlib.results.accounts.road_storage import beyond_storage, largest_factor, storage_note

# 40 km/h; a tenth of the traffic is the fleet's; 60 veh/h flow, so a road of 2 km holds 3 of the fleet at capacity.
ROOM = {
    "roads.free_flow_km_h": 40.0,
    "roads.jam_veh_km_lane": 150.0,
    "roads.lanes": 1,
    "roads.ev_share": 0.1,
}


def test_a_queue_longer_than_its_road_is_named(one_road):
    """20 vehicles on 2 km at 10 veh/km are all that fit; 30 are there 30 minutes after 90 came at twice the capacity."""
    from evlib.traffic.loading import load_traffic

    network = one_road(capacity_veh_h=60.0, minutes=3.0, step_s=15)
    departures = np.zeros((1, 1, network.time.n_departure_steps))
    departures[0, 0, :6] = 10.0  # 2 a minute for half an hour, 1 a minute leaves
    loading = load_traffic(network, departures)
    most = loading.vehicles_veh[1].max()
    found = beyond_storage(loading, np.array([20.0, 1e3]))
    assert list(found) == ["1-2"]
    assert found["1-2"]["factor"] == pytest.approx(most / 20.0)
    assert found["1-2"]["factor"] == pytest.approx(33 / 20, abs=0.06)  # 60 less 27 that left from minute 3 to 30
    assert found["1-2"]["step"] in (5, 6)
    assert beyond_storage(loading, np.array([40.0, 1e3])) == {}
    assert beyond_storage(loading, None) is None


def test_certificate_and_rows_say_so(mini):
    """With hardly any room the nearest stations' roads are too short; with plenty all fit; not stated is not known."""
    tight, wide = (
        solve(mini.replace(ROOM | {"roads.jam_veh_km_lane": jam}), "shortest_path", "smart", cache=False)
        for jam in (16.0, 1500.0)
    )
    worst = next(iter(tight.certificate.beyond_storage.values()))
    assert largest_factor(tight.certificate) == worst["factor"] > 1
    assert storage_note(tight.certificate).startswith("beyond what roads hold: ")
    assert wide.certificate.beyond_storage == {}
    assert (largest_factor(wide.certificate), storage_note(wide.certificate)) == (0.0, "")
    unknown = {"roads.jam_veh_km_lane": None, "roads.lanes": None, "roads.ev_share": None}
    assert solve(mini.replace(unknown), "no_ev", cache=False).certificate.beyond_storage is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"roads.jam_veh_km_lane": 14.0},
            r"jam_veh_km_lane: 14: road 1-3 has room for fewer than the 3 vehicles .* at least 15 veh/km",
        ),
        ({"roads.lanes": None}, r"roads\.jam_veh_km_lane without roads\.lanes; give"),
        (
            {"roads.free_flow_km_h": None, "fleet.classes.*.drive_kwh_km": None},
            r"jam_veh_km_lane: 150, but roads have no length",
        ),
        ({"roads.ev_share": 1.5}, r"roads\.ev_share: 1\.5; must be less than or equal to 1"),
        ({"roads.jam_veh_km_lane": -1.0}, r"roads\.jam_veh_km_lane: -1\.0; must be greater than 0"),
        ({"fleet.compliance": 1.2}, r"fleet\.compliance: 1\.2; must be less than or equal to 1"),  # more than drive
    ],
)
def test_what_cannot_be_is_refused(mini, changes, message):
    with pytest.raises(InputError, match=message):
        mini.replace(ROOM | changes)


def test_the_command_line_does_not_print_such_numbers_plainly(tmp_path, capsys):
    """The summary ends with the road, and with what that means; where all fit it does not."""
    shutil.copytree(DATA, tmp_path / "data", ignore=shutil.ignore_patterns("epfl*", "results"))
    file = tmp_path / "data" / "scenarios" / "mini.yaml"
    raw = read_yaml(file)
    units = {"free_flow_km_h": "km/h", "jam_veh_km_lane": "veh/(km lane)", "lanes": "lanes", "ev_share": "1"}
    for name, unit in units.items():
        value = {"value": ROOM[f"roads.{name}"], "unit": unit, "source": "assumption", "range": [0, 2000]}
        raw["roads"][name] = value
    for jam, wanted in ((16.0, True), (1500.0, False)):
        raw["roads"]["jam_veh_km_lane"]["value"] = jam
        file.write_text(yaml.safe_dump(raw, sort_keys=False))
        arguments = [
            "solve",
            str(file),
            "--strategy",
            "shortest_path",
            "--out",
            str(tmp_path / f"run{jam:g}"),
            "--no-cache",
        ]
        assert main(arguments) == 0
        assert ("beyond what roads hold: " in capsys.readouterr().out) == wanted
