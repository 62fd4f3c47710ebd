#!/usr/bin/env bash
# Guess: pandapower's OpenDSS converter turns generators and photovoltaics into sgen, or names them among the "skipped elements"
# that its docstring promises in net["opendss_import"]; a load on one phase is at least counted as an approximation.
# Seen with pandapower 3.5.6 and OpenDSSDirect.py 0.9.4: neither. One feeder of three buses, once with three balanced loads,
# once with a generator and a PV system added, once with a load of the same size on one phase. The converter returns the
# same powers for all three, and not one warning; OpenDSS itself finds other flows (guessed: generation 1527 kW in both):
#   balanced    OpenDSS source 1708 kW, losses 8.5 kW    pandapower source 1708 kW, sgen 0, warnings 0
#   generation  OpenDSS source 1527 kW, losses 6.7 kW    pandapower source 1708 kW, sgen 0, warnings 0
#   one phase   OpenDSS source 1719 kW, losses 18.8 kW   pandapower source 1708 kW, sgen 0, warnings 0
# So: look through the circuit's elements before converting, and compare voltages afterwards.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pandapower==3.5.6 OpenDSSDirect.py==0.9.4 \
  dss-python==0.15.7 dss-python-backend==0.14.5

cat >"$folder/read.py" <<'PY'
from pathlib import Path
from sys import argv

import pandapower
from opendssdirect import dss
from pandapower.converter.opendss import from_opendss

FEEDER = """Clear
New Circuit.three basekv=11 pu=1 phases=3 bus1=s MVAsc3=1000000 MVAsc1=1000000
Set voltagebases=[11]
New Line.a bus1=s bus2=t phases=3 length=1 units=km R1=0.3 X1=0.3 R0=0.9 X0=0.9 C1=0 C0=0
New Line.b bus1=t bus2=u phases=3 length=1 units=km R1=0.3 X1=0.3 R0=0.9 X0=0.9 C1=0 C0=0
New Load.t bus1=t phases=3 kv=11 kw=1000 kvar=0 model=1
{}
calcvoltagebases
solve
"""
THREE = "New Load.u bus1=u phases=3 kv=11 kw=700 kvar=0 model=1"
CASES = {
    "balanced": THREE,
    "generation": THREE
    + "\nNew Generator.g bus1=t phases=3 kv=11 kw=100 pf=1"
    + "\nNew PVSystem.p bus1=u phases=3 kv=11 kVA=100 Pmpp=100 irradiance=0.8 pf=1",
    "one phase": "New Load.u bus1=u.1 phases=1 kv=6.351 kw=700 kvar=0 model=1",
}
for name, more in CASES.items():
    file = Path(argv[1]) / "three.dss"
    file.write_text(FEEDER.format(more))
    net = from_opendss(str(file))
    there = f"source {-dss.Circuit.TotalPower()[0]:.0f} kW, losses {dss.Circuit.Losses()[0] / 1000:.1f} kW"
    pandapower.runpp(net, numba=False)
    here = f"source {1000 * net.res_ext_grid['p_mw'].sum():.0f} kW, sgen {len(net.sgen)}"
    print(f"{name}: OpenDSS {there}; pandapower {here}, warnings {len(net['opendss_import']['warnings'])}")
PY
seen=$("$folder/venv/bin/python" "$folder/read.py" "$folder" 2>/dev/null)
printf '%s\n' "$seen"
expected='balanced: OpenDSS source 1708 kW, losses 8.5 kW; pandapower source 1708 kW, sgen 0, warnings 0
generation: OpenDSS source 1527 kW, losses 6.7 kW; pandapower source 1708 kW, sgen 0, warnings 0
one phase: OpenDSS source 1719 kW, losses 18.8 kW; pandapower source 1708 kW, sgen 0, warnings 0'
if [ "$seen" != "$expected" ]; then
    printf 'changed; was:\n%s\n' "$expected" >&2
    exit 1
fi
