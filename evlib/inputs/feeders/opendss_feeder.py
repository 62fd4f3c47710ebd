"""A balanced OpenDSS circuit as a pandapower network; what pandapower's converter would lose or fold is refused by name."""

from __future__ import annotations

import importlib.util
import logging
import math
from pathlib import Path

from evlib.errors import InputError

__all__ = ["opendss_net"]

log = logging.getLogger(__name__)

# What the converter of pandapower 3.5.6 takes over; the rest of what carries power it leaves out without a word.
TAKEN = ("Vsource", "Line", "Transformer", "Load", "Capacitor", "Reactor")
# Controls and meters act on the solved state or on nothing.
SILENT = ("RegControl", "CapControl", "SwtControl", "Relay", "Recloser", "Fuse", "Monitor", "EnergyMeter", "Sensor")
# Voltages of the network solved by pandapower must be OpenDSS's own to this [pu].
NEAR_PU = 2e-3
NAMED = 3


def opendss_net(path: Path):
    """Read a circuit by pandapower's converter.

    Parameters
    ----------
    path : Path
        A ``*.dss`` file that builds and solves one balanced circuit.

    Returns
    -------
    pandapowerNet
        As :func:`pandapower.converter.opendss.from_opendss` makes it: transformers at their solved taps.

    Raises
    ------
    InputError
        OpenDSSDirect.py is missing; OpenDSS cannot read or solve the file; elements that the converter leaves out
        (generators, photovoltaics, storage and others), phases that differ, a load whose power depends on voltage; or
        voltages that pandapower finds elsewhere than OpenDSS does.
    """
    if importlib.util.find_spec("opendssdirect") is None:
        raise InputError(
            f"{path}: OpenDSS circuits are read by pandapower's converter, which needs OpenDSSDirect.py: pip install "
            "OpenDSSDirect.py, or convert the circuit elsewhere (pandapower.converter.opendss.from_opendss) and give its *.json"
        )
    from opendssdirect import dss
    from opendssdirect._utils import DSSException
    from pandapower.converter.opendss import from_opendss

    try:
        dss.Text.Command("Clear")
        dss.Text.Command(f'Redirect "{path.resolve()}"')
        dss.Solution.Solve()
    except DSSException as error:
        raise InputError(f"{path}: OpenDSS refuses it: {' '.join(str(error).split())}") from error
    if not dss.Circuit.NumBuses() or not dss.Solution.Converged():
        raise InputError(f"{path}: OpenDSS finds no solution; must be one circuit with loads that it can serve")
    _refuse_what_is_lost(path, dss)
    net = from_opendss(str(path.resolve()))
    _check_voltages(path, net)
    return net


def _refuse_what_is_lost(path: Path, dss) -> None:
    left_out, unequal, elastic = [], [], []
    for full_name in dss.Circuit.AllElementNames():
        kind, _, name = full_name.partition(".")
        dss.Circuit.SetActiveElement(full_name)
        if kind in SILENT or not dss.CktElement.Enabled():
            continue
        if kind not in TAKEN:
            left_out.append(full_name)
        elif dss.CktElement.NumPhases() != 3:
            unequal.append(full_name)
        elif kind == "Load":
            dss.Loads.Name(name)
            if dss.Loads.Model() != 1:
                elastic.append(f"{full_name} (model {dss.Loads.Model()})")
    takes = ", ".join(TAKEN)
    for names, problem, right in (
        (left_out, "would be left out by pandapower's converter", f"must be {takes}; take them out, or give farms"),
        (unequal, "have not three phases", "the study's feeders are balanced; must be phases=3"),
        (elastic, "depend on voltage, which the converter forgets", "must be model=1, constant power"),
    ):
        if names:
            more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
            raise InputError(f"{path}: {', '.join(names[:NAMED])}{more}: {problem}; {right}")


def _check_voltages(path: Path, net) -> None:
    """Refuse a network whose voltages are not those that OpenDSS found, whatever the reason."""
    from pandapower import runpp

    runpp(net, numba=False)
    by_name = net["opendss_import"]["vm_pu_opendss"]
    off = {
        name: (float(net.res_bus["vm_pu"].loc[bus]), by_name.get(str(name).lower(), math.nan))
        for bus, name in net.bus["name"].items()
    }
    name, (here, there) = max(off.items(), key=lambda item: abs(item[1][0] - item[1][1]))
    if not abs(here - there) <= NEAR_PU:
        raise InputError(
            f"{path}: bus {name}: {here:.4f} pu once converted, {there:.4f} pu in OpenDSS; the circuit holds something that is "
            "not converted, such as an impedance of its source (MVAsc3), or loads below their vminpu"
        )
    log.info("voltages are those of OpenDSS to %.1g pu, at worst at bus %s", abs(here - there), name)
