"""A balanced OpenDSS circuit by pandapower's converter; what that would lose or fold is refused by name, or reported."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path

import pandas as pd

from evlib.errors import InputError
from evlib.inputs.feeders.feeder_file import FeederFile
from evlib.inputs.feeders.pandapower_net import read_pandapower
from evlib.inputs.reading.column_report import NOT_USED, report_of
from evlib.inputs.reading.pandapower_values import WHERE

__all__ = ["read_opendss"]

# What the converter of pandapower 3.5.6 takes over; the rest of what carries power it leaves out without a word.
TAKEN = ("Vsource", "Line", "Transformer", "Load", "Capacitor", "Reactor")
# Controls and meters act on the solved state or on nothing.
SILENT = ("RegControl", "CapControl", "SwtControl", "Relay", "Recloser", "Fuse", "Monitor", "EnergyMeter", "Sensor")
# Voltages of the network solved by pandapower must be OpenDSS's own to this [pu].
NEAR_PU = 2e-3
NAMED = 3
# What OpenDSS takes for a line's normamps where none is stated [A].
DEFAULT_AMPS = 400.0


def read_opendss(path: Path, *, leave_out=()) -> FeederFile:
    """Read a circuit by pandapower's converter, with transformers at their solved taps.

    Parameters
    ----------
    path : Path
        A ``*.dss`` file that builds and solves one balanced circuit.
    leave_out
        As in :func:`evlib.inputs.feeders.pandapower_net.read_pandapower`.

    Returns
    -------
    FeederFile
        Its report also says how many loads have a shape over time, which is not used, how many lines have OpenDSS's own
        rating, and how far voltages are from OpenDSS's.

    Raises
    ------
    InputError
        OpenDSSDirect.py is missing; OpenDSS cannot read or solve the file; elements that the converter leaves out
        (generators, photovoltaics, storage, a second source and others) or warns of, phases that differ, a load whose power
        depends on voltage; or voltages that pandapower finds elsewhere than OpenDSS does.
    """
    if importlib.util.find_spec("opendssdirect") is None:
        raise InputError(
            f"{path}: OpenDSS circuits are read by pandapower's converter, which needs OpenDSSDirect.py: pip install "
            "OpenDSSDirect.py, or convert the circuit elsewhere (pandapower.converter.opendss.from_opendss) and give its *.json"
        )
    from dss import DSSException
    from opendssdirect import dss
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
    shaped, unrated = _with_shapes(dss), _with_default_rating(dss)
    net = from_opendss(str(path.resolve()))
    if net["opendss_import"]["warnings"]:
        raise InputError(f"{path}: pandapower's converter warns: {net['opendss_import']['warnings'][0]}; take it out")
    off_pu = _check_voltages(path, net)
    try:
        read = read_pandapower(net, leave_out=leave_out)
    except InputError as error:
        raise InputError(str(error).replace(WHERE, f"{path} as pandapower converts it", 1)) from None
    rows = [
        ("Load.daily, yearly, duty", NOT_USED + "loads are those of the snapshot; give a profile", "", shaped),
        ("Line.normamps", f"rating; {DEFAULT_AMPS:g} A, OpenDSS's own, where it is not stated", "A", unrated),
        ("bus voltages", f"those of OpenDSS to {off_pu:.1g} pu", "pu", len(net.bus)),
    ]
    return replace(read, report=pd.concat([read.report, report_of(rows)], ignore_index=True))


def _refuse_what_is_lost(path: Path, dss) -> None:
    left_out, unequal, elastic, sources = [], [], [], []
    for full_name in dss.Circuit.AllElementNames():
        kind, _, name = full_name.partition(".")
        dss.Circuit.SetActiveElement(full_name)
        if kind in SILENT or not dss.CktElement.Enabled():
            continue
        sources += [full_name] if kind == "Vsource" else []
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
        (sources if len(sources) > 1 else [], "feed one circuit", "the converter takes the first; must be one source"),
        (left_out, "would be left out by pandapower's converter", f"must be {takes}; take them out, or give farms"),
        (unequal, "have not three phases", "the study's feeders are balanced; must be phases=3"),
        (elastic, "depend on voltage, which the converter forgets", "must be model=1, constant power"),
    ):
        if names:
            more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
            raise InputError(f"{path}: {', '.join(names[:NAMED])}{more}: {problem}; {right}")


def _with_shapes(dss) -> int:
    """Number of loads whose power changes over time."""
    count, place = 0, dss.Loads.First()
    while place:
        count += any((dss.Loads.Daily(), dss.Loads.Yearly(), dss.Loads.Duty()))
        place = dss.Loads.Next()
    return count


def _with_default_rating(dss) -> int:
    """Number of lines whose rating is that of OpenDSS itself."""
    count, place = 0, dss.Lines.First()
    while place:
        count += dss.Lines.NormAmps() == DEFAULT_AMPS
        place = dss.Lines.Next()
    return count


def _check_voltages(path: Path, net) -> float:
    """Refuse a network whose voltages are not those that OpenDSS found, whatever the reason; the largest difference [pu]."""
    from pandapower import runpp

    runpp(net, numba=False)
    here = pd.Series(net.res_bus["vm_pu"].to_numpy(), index=net.bus["name"].str.lower())
    there = pd.Series(net["opendss_import"]["vm_pu_opendss"]).reindex(here.index)
    off = (here - there).abs().fillna(float("inf"))  # a bus that OpenDSS does not know is off by any measure
    bus = off.idxmax()
    if off[bus] > NEAR_PU:
        raise InputError(
            f"{path}: bus {bus}: {here[bus]:.4f} pu once converted, {there[bus]:.4f} pu in OpenDSS; the circuit holds something "
            "that is not converted, such as an impedance of its source (MVAsc3), or loads below their vminpu"
        )
    return float(off[bus])
