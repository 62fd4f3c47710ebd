#!/usr/bin/env bash
# Guess: a reader of MATPOWER files returns what MATPOWER has after running the file: loads in MW, impedances per unit.
# Radial cases distributed with MATPOWER (case33bw, case69, case141 and others) state loads in kW and branches in ohm, and
# convert both by statements after the tables. MATPOWER runs these statements, as the file is a function.
# Seen with matpowercaseframes 2.1.1, and with pandapower 3.5.6, whose converter reads *.m files through it: the tables are
# returned as they stand, without error or warning. For 100 kW behind a line of 2 ohm at 10 kV and 10 MVA:
#   matpowercaseframes  PD 100, BR_R 2, warnings 0      <- guessed: PD 0.1, BR_R 0.2
#   pandapower          p_mw 100, r 20 ohm              <- guessed: p_mw 0.1, r 2 ohm
# So: look for statements below the tables, and carry them out before the numbers are used.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check matpowercaseframes==2.1.1 pandapower==3.5.6

cat >"$folder/two.m" <<'M'
function mpc = two
mpc.version = '2';
mpc.baseMVA = 10;
mpc.bus = [
	1	3	0	0	0	0	1	1	0	10	1	1.1	0.9;
	2	1	100	60	0	0	1	1	0	10	1	1.1	0.9;
];
mpc.gen = [
	1	0	0	10	-10	1	100	1	10	0	0	0	0	0	0	0	0	0	0	0	0;
];
mpc.branch = [
	1	2	2	1	0	0	0	0	0	0	1	-360	360;
];
mpc.gencost = [
	2	0	0	3	0	20	0;
];
Vbase = mpc.bus(1, 10) * 1e3;
Sbase = mpc.baseMVA * 1e6;
mpc.branch(:, [3 4]) = mpc.branch(:, [3 4]) / (Vbase^2 / Sbase);
mpc.bus(:, [3, 4]) = mpc.bus(:, [3, 4]) / 1e3;
M

cat >"$folder/read.py" <<'PY'
import sys
import warnings

from matpowercaseframes import CaseFrames
from pandapower.converter.matpower.from_mpc import from_mpc

file = sys.argv[1]
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    case = CaseFrames(file)
spoken = [str(warning.message) for warning in told if "mpc" in str(warning.message)]
print(f"matpowercaseframes  PD {case.bus['PD'].iloc[1]:g}, BR_R {case.branch['BR_R'].iloc[0]:g}, warnings {len(spoken)}")
net = from_mpc(file, casename_mpc_file="mpc")
print(f"pandapower          p_mw {net.load['p_mw'].sum():g}, r {net.line['r_ohm_per_km'].iloc[0]:g} ohm")
PY
seen=$("$folder/venv/bin/python" "$folder/read.py" "$folder/two.m" 2>/dev/null)
printf '%s\n' "$seen"
expected='matpowercaseframes  PD 100, BR_R 2, warnings 0
pandapower          p_mw 100, r 20 ohm'
if [ "$seen" != "$expected" ]; then
    printf 'changed; was:\n%s\n' "$expected" >&2
    exit 1
fi
