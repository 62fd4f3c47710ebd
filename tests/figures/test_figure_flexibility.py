"""The comparison of domains: every row is a mark, and a set that promises too much has no unused potential."""

import numpy as np
import pandas as pd
import pytest

from evlib.errors import InputError
from evlib.figures.flexibility import domain_losses


def test_marks_are_the_rows_and_an_outer_set_is_left_out_on_the_left():
    table = pd.DataFrame(
        {
            "fleet": ["a", "a", "a"],
            "prices": ["tariff"] * 3,
            "domain": ["inner", "outer", "exact"],
            "upr_median": [0.5, -2.0, 0.0],
            "undeliverable_share": [0.0, 0.25, 0.0],
        }
    )
    left, right = domain_losses(table, title="t").data
    assert list(left.y) == ["inner", "exact"]
    np.testing.assert_allclose(left.x, [0.5, 1e-6])
    np.testing.assert_allclose(right.x, [0, 25, 0])
    with pytest.raises(InputError, match="empty"):
        domain_losses(table[:0], title="t")
