#!/usr/bin/env bash
# Guess: a transformer created by its parameters, with side, neutral position, step and position of its tap, is tapped: the
# argument tap_changer_type, "the phase shifter type" in the docstring, matters only where taps turn the angle.
# Seen with pandapower 3.5.6: without it the tap is ignored, without a warning, whatever its position. A transformer of
# 25 MVA, 110/20 kV, five taps of 1.5 % below neutral, 10 MW and 3 Mvar at its low side, voltage there:
#   by parameters, no changer type       0.9826 pu, as at the neutral position
#   by parameters, changer type "Ratio"  1.0651 pu
#   standard type of pandapower's list   1.0651 pu (its entry states the changer type)
# So: state tap_changer_type for every transformer that has a tap, and compare a voltage by hand.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pandapower==3.5.6

cat >"$folder/tap.py" <<'PY'
import warnings

import pandapower as pp

OWN = {"sn_mva": 25.0, "vn_hv_kv": 110.0, "vn_lv_kv": 20.0, "vkr_percent": 0.41, "vk_percent": 12.0, "pfe_kw": 0.0}
OWN |= {"i0_percent": 0.0, "tap_side": "hv", "tap_neutral": 0, "tap_min": -9, "tap_max": 9, "tap_step_percent": 1.5}
CASES = {
    "neutral": lambda net, ends: pp.create_transformer_from_parameters(net, *ends, **OWN, tap_pos=0),
    "no changer type": lambda net, ends: pp.create_transformer_from_parameters(net, *ends, **OWN, tap_pos=-5),
    "Ratio": lambda net, ends: pp.create_transformer_from_parameters(
        net, *ends, **OWN, tap_pos=-5, tap_changer_type="Ratio"
    ),
    "standard type": lambda net, ends: pp.create_transformer(net, *ends, "25 MVA 110/20 kV", tap_pos=-5),
}
for name, add in CASES.items():
    net = pp.create_empty_network()
    ends = pp.create_bus(net, 110.0), pp.create_bus(net, 20.0)
    pp.create_ext_grid(net, ends[0])
    pp.create_load(net, ends[1], p_mw=10.0, q_mvar=3.0)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        add(net, ends)
        pp.runpp(net, numba=False)
    about = sum("tap" in str(warning.message) for warning in said)
    print(f"{name}: {net.res_bus['vm_pu'].iloc[1]:.3f} pu, warnings of taps {about}")
PY
seen=$("$folder/venv/bin/python" "$folder/tap.py" 2>/dev/null)
printf '%s\n' "$seen"
expected='neutral: 0.983 pu, warnings of taps 0
no changer type: 0.983 pu, warnings of taps 0
Ratio: 1.065 pu, warnings of taps 0
standard type: 1.065 pu, warnings of taps 0'
if [ "$seen" != "$expected" ]; then
    printf 'changed; was:\n%s\n' "$expected" >&2
    exit 1
fi
