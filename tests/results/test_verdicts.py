"""The rule of the verdict on a claim: number by number, sign by sign."""

import pytest

from evlib.results.claims import verdict

NAN = float("nan")


@pytest.mark.parametrize(
    ("article", "ours", "kind", "tolerance", "expected"),
    [
        (47.0, 47.0, "number", 1.0, "reproduced"),
        (47.0, 56.4, "number", 1.0, "reproduced"),  # 47 x 1.2
        (47.0, 56.41, "number", 1.0, "direction only"),
        (47.0, 37.6, "number", 1.0, "reproduced"),  # 47 x 0.8
        (47.0, 37.59, "number", 1.0, "direction only"),
        (47.0, 400.0, "number", 1.0, "direction only"),
        (47.0, 1.01, "number", 1.0, "direction only"),
        (47.0, 1.0, "number", 1.0, "not reproduced"),
        (47.0, 0.0, "number", 0.0, "not reproduced"),
        (47.0, -47.0, "number", 1.0, "not reproduced"),
        (-47.0, -50.0, "number", 1.0, "reproduced"),
        (47.0, 47.0, "number", 48.0, "not reproduced"),
        (0.0, 0.0, "number", 1.0, "reproduced"),
        (0.0, 1.0, "number", 1.0, "not reproduced"),
        (1.0, 1.0, "above", 0.0, "not reproduced"),
        (1.0, 1.001, "above", 0.0, "reproduced"),
        (NAN, 0.2, "positive", 0.1, "reproduced"),
        (NAN, 0.1, "positive", 0.1, "not reproduced"),
        (NAN, -0.2, "positive", 0.1, "not reproduced"),
        (NAN, -0.2, "negative", 0.1, "reproduced"),
        (NAN, -0.1, "negative", 0.1, "not reproduced"),
        (NAN, 0.0, "negative", 0.0, "not reproduced"),
        (0.0, 3.0, "construction", 0.0, "by construction"),
        (NAN, 3.0, "none", 0.0, "no claim"),
        (47.0, NAN, "number", 0.0, "undefined"),
        (NAN, NAN, "negative", 0.0, "undefined"),
    ],
)
def test_rule_of_the_verdict(article, ours, kind, tolerance, expected):
    assert verdict(article, ours, kind, tolerance) == expected


def test_unknown_kind_is_an_error():
    with pytest.raises(ValueError, match="kind 'sign'; must be number"):
        verdict(1.0, 1.0, "sign")
