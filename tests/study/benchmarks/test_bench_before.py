"""The benchmark beside an earlier commit: when its run counts as certified, and what it says without a folder."""

import math

import pytest

from evlib.errors import StudyError
from study.benchmarks import before

ROWS = {
    "relative_gap": [0.5, 2e-3, 9e-4, 8e-4, 7e-4],
    "price_gap": [1e-6, 1e-6, math.nan, 5e-5, 1e-6],
    "priced_by": ["exact", "exact", "mixed", "exact", "exact"],
    "load": [1.0] * 5,
    "check": [1.0] * 5,
    "answer": [3.0, 3.0, 3.0, 3.0, math.nan],
}


def test_certified_is_the_first_measured_iterate_within_both_gaps():
    """Row 3: the first with a price gap that was measured, and small, by exact domains. After it 3 + 1 + 1 of 24 seconds."""
    assert before.certified_share(**ROWS, whole_s=24.0) == pytest.approx((24.0 - 5.0) / 24.0)
    never = ROWS | {"price_gap": [1e-3] * 5}
    assert math.isnan(before.certified_share(**never, whole_s=24.0))


def test_a_folder_that_is_no_checkout_is_named(monkeypatch, tmp_path):
    monkeypatch.delenv(before.BEFORE, raising=False)
    assert all(math.isnan(value) for value in before.measure_before())
    monkeypatch.setenv(before.BEFORE, str(tmp_path))
    with pytest.raises(StudyError, match=r"EVLIB_BEFORE=.*no checkout of d2eaf34"):
        before.measure_before()
