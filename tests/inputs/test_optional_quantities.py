"""A quantity that may be left out is listed, and changes the scenario's hash, only where it is stated."""

from evlib import load_scenario


def test_what_is_left_out_changes_nothing(mini):
    optional = ["free_flow_km_h", "jam_veh_km_lane", "lanes", "ev_share"]
    bare = mini.replace(
        dict.fromkeys(f"roads.{name}" for name in optional)
        | {"fleet.classes.*.drive_kwh_km": None, "fleet.arrival_levels": None}
    )
    assert "fleet.classes.car.drive_kwh_km" not in set(bare.parameters()["parameter"])
    assert bare.replace({"fleet.arrival_levels": 3}).hash != bare.hash
    assert bare.replace({"fleet.arrival_levels": None}).hash == bare.hash


def test_what_is_stated_is_listed(mini):
    stated = mini.replace({"fleet.arrival_levels": 4})
    row = stated.parameters().set_index("parameter").loc["fleet.arrival_levels"]
    assert (row["value"], row["unit"]) == (4, "levels")
    assert load_scenario("mini").hash != stated.hash
