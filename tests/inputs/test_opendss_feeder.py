"""OpenDSS circuits: losses and voltages are OpenDSS's own, and what pandapower's converter would lose is refused by name.

pandapower 3.5.6 leaves out generators and photovoltaics without a word, see
``findings/opendss_generation_is_lost_on_the_way_to_pandapower.sh``.
"""

from pathlib import Path

import numpy as np
import pytest

from evlib import InputError
from evlib.grid.power_flow import power_flow
from evlib.inputs.feeders import opendss_feeder
from evlib.inputs.feeders.feeder_file import feeders_of
from evlib.inputs.feeders.opendss_feeder import read_opendss
from evlib.inputs.new_case.sources import feeder_source
from evlib.inputs.reading.column_report import NOT_USED

CIRCUIT = """Clear
New Circuit.small basekv=11 pu=1.02 phases=3 bus1=sub MVAsc3=1000000 MVAsc1=1000000
Set voltagebases=[11]
New Line.l1 bus1=sub bus2=b1 phases=3 length=2 units=km R1=0.3 X1=0.35 R0=0.9 X0=1.05 C1=0 C0=0 normamps=300
New Line.l2 bus1=b1 bus2=b2 phases=3 length=3 units=km R1=0.3 X1=0.35 R0=0.9 X0=1.05 C1=0 C0=0 normamps=200
New Line.l3 bus1=b1 bus2=b3 phases=3 length=1.5 units=km R1=0.4 X1=0.36 R0=1.2 X0=1.08 C1=0 C0=0
New Load.d1 bus1=b1 phases=3 kv=11 kw=500 kvar=200 model=1
New Load.d2 bus1=b2 phases=3 kv=11 kw=800 kvar=300 model=1
New Load.d3 bus1=b3 phases=3 kv=11 kw=400 kvar=-100 model=1
New EnergyMeter.m element=Line.l1
{more}
calcvoltagebases
solve
"""


@pytest.fixture
def circuit(tmp_path):
    pytest.importorskip("opendssdirect")
    pytest.importorskip("pandapower")

    def write(more="", old="", new=""):
        assert old in CIRCUIT
        file = tmp_path / "small.dss"
        file.write_text(CIRCUIT.replace("{more}", more).replace(old, new))
        return file

    return write


def test_losses_and_voltages_are_those_that_opendss_finds(circuit):
    from opendssdirect import dss

    file = circuit()
    (feeder,) = feeders_of(feeder_source(file))
    flow = power_flow(feeder, feeder.load_kw[:, None], feeder.load_kvar[:, None], root_pu=1.02)
    dss.Text.Command(f'Redirect "{file}"')
    assert flow.loss_kw.sum() == pytest.approx(dss.Circuit.Losses()[0] / 1000.0, rel=1e-4)
    assert flow.loss_kw.sum() == pytest.approx(21.2317, abs=1e-3)
    assert np.sort(flow.voltage_pu[:, 0])[:1] == pytest.approx(min(dss.Circuit.AllBusMagPu()), abs=1e-5)


@pytest.mark.parametrize(
    ("more", "old", "new", "message"),
    [
        ("New Generator.g bus1=b1 phases=3 kv=11 kw=100 pf=1", "", "", r"Generator\.g: would be left out"),
        ("New PVSystem.pv bus1=b3 phases=3 kv=11 kVA=200 Pmpp=200", "", "", r"PVSystem\.pv: would be left out"),
        ("", "bus1=b3 phases=3 kv=11 kw=400", "bus1=b3.1 phases=1 kv=6.35 kw=400", r"Load\.d3: have not three phases"),
        ("", "kvar=-100 model=1", "kvar=-100 model=2", r"Load\.d3 \(model 2\): depend on voltage.*must be model=1"),
        ("New Reactor.r bus1=b2 phases=3 kv=11 kvar=100", "", "", r"converter warns: reactor 'r' is a shunt"),
        (
            "New Vsource.two bus1=b2 basekv=11 pu=1.0 phases=3",
            "",
            "",
            r"Vsource\.source, Vsource\.two: feed one circuit",
        ),
        ("", "pu=1.02", "pu=0.96", r"bus b2: 0\.93\d\d pu once converted, 0\.93\d\d pu in OpenDSS"),
        ("", "New Line.l1", "New Lone.l1", r"OpenDSS refuses it: .*Lone"),
        (
            "",
            " pu=1.02 phases=3 bus1=sub MVAsc3=1000000 MVAsc1=1000000",
            " pu=1.02 bus1=sub",
            r"bus b2: 1\.0007 pu once converted, 1\.0003 pu in OpenDSS.*MVAsc3",
        ),
    ],
)
def test_what_would_be_lost_is_refused_by_name(circuit, more, old, new, message, monkeypatch):
    """Below 0.95 pu OpenDSS makes loads of constant power into impedances; a source has an impedance unless said."""
    monkeypatch.setattr(opendss_feeder, "NEAR_PU", 1e-4)
    with pytest.raises(InputError, match=message):
        read_opendss(circuit(more, old, new))


def test_many_are_counted_and_the_disabled_are_left_alone(circuit):
    more = "\n".join(f"New Generator.g{n} bus1=b1 phases=3 kv=11 kw=10 pf=1" for n in range(5))
    with pytest.raises(InputError, match=r"Generator\.g0, Generator\.g1, Generator\.g2 and 2 more"):
        read_opendss(circuit(more))
    read = read_opendss(circuit(more.replace("pf=1", "pf=1 enabled=no")))
    assert read.buses["p_kw"].tolist() == [0.0, 500.0, 800.0, 400.0]


def test_what_is_not_used_is_in_the_report(circuit):
    """One load follows a shape; one line has no rating of its own, and OpenDSS gives it 400 A."""
    shape = "New LoadShape.noon npts=2 interval=12 mult=[1 2]"
    file = circuit(old="New Load.d1 bus1=b1 phases=3", new=f"{shape}\nNew Load.d1 bus1=b1 phases=3 daily=noon")
    report = read_opendss(file).report.set_index("column")
    assert report.loc["Load.daily, yearly, duty", "rows"] == 1
    assert report.loc["Load.daily, yearly, duty", "meaning"].startswith(NOT_USED)
    assert report.loc["Line.normamps", "rows"] == 1


def test_the_working_folder_stays(circuit, monkeypatch, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    read_opendss(circuit())
    assert Path.cwd() == tmp_path / "elsewhere"
