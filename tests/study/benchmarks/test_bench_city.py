"""What is measured of a city, on the mini case."""

import pytest

from study.benchmarks import city


@pytest.mark.verify
def test_a_run_is_timed_to_each_excess_or_to_a_stop(mini, tmp_path, monkeypatch):
    monkeypatch.setattr(city, "_scenario", lambda folder, case, vehicles, stations: mini)
    first, second, peak_gib, excess, relative_gap, price_gap = city._measured(tmp_path, "synthetic")
    assert 0 < first <= second
    assert peak_gib > 0.1
    assert excess < 0.02
    assert relative_gap < 1e-2
    assert price_gap <= 1e-4
    (stopped_s,) = city._measured(tmp_path, "synthetic", stop_cny_veh=0.5)
    assert 0 < stopped_s
