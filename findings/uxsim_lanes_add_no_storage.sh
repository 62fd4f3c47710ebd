#!/usr/bin/env bash
# Guess: a road of four lanes in UXsim passes four times what one lane passes, and four times as many cars stand on it in a jam.
# Seen with UXsim 1.15.1: number_of_lanes alone changes neither in proportion. The jam density (0.2 veh/m by default) is that of
# the whole road, whatever its lanes, so a jam holds as many cars on four lanes as on one; and the capacity follows from it:
#   1 lane   2880 veh/h, 200 cars in a jam of 1 km
#   2 lanes  4800 veh/h, 200 cars
#   4 lanes  7200 veh/h, 200 cars
#   4 lanes with jam_density_per_lane=0.2  11520 veh/h, 800 cars
# The reference says "jam density on the link", so this is no fault; but roads read from a file with a column of lanes are then
# jammed four times as far back. V2Sim 1.6.1 builds its roads so.
# So: always state jam_density_per_lane with number_of_lanes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check uxsim==1.15.1

cat >"$folder/lanes.py" <<'PY'
from uxsim import World


def road(lanes, **more):
    """Capacity of a road, and the cars on it once it is full: at its end stands a light that is always red."""
    world = World(name="", deltan=1, tmax=1800, print_mode=0, save_mode=0, show_mode=0, random_seed=0)
    world.addNode("start", 0, 0)
    world.addNode("light", 1000, 0, signal=[1800, 1800], signal_offset=0)
    world.addNode("end", 2000, 0)
    way = {"length": 1000, "free_flow_speed": 20, "number_of_lanes": lanes, **more}
    first = world.addLink("first", "start", "light", signal_group=1, **way)
    world.addLink("second", "light", "end", **way)
    world.adddemand("start", "end", 0, 1800, flow=3.0)
    world.exec_simulation()
    return round(3600 * first.capacity), first.num_vehicles


for lanes, more in ((1, {}), (2, {}), (4, {}), (4, {"jam_density_per_lane": 0.2})):
    capacity, cars = road(lanes, **more)
    print(f"{lanes} lanes {'by lane ' if more else ''}{capacity} veh/h, {cars:.0f} cars")
PY
seen=$("$folder/venv/bin/python" "$folder/lanes.py" 2>/dev/null)
printf '%s\n' "$seen"
expected='1 lanes 2880 veh/h, 200 cars
2 lanes 4800 veh/h, 200 cars
4 lanes 7200 veh/h, 200 cars
4 lanes by lane 11520 veh/h, 800 cars'
if [ "$seen" != "$expected" ]; then
    printf 'changed; was:\n%s\n' "$expected" >&2
    exit 1
fi
