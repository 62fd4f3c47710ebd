"""One verdict a claim: sixteen rows, the worst part decides, and what is below its threshold is immaterial."""

import pandas as pd
import pytest

from evlib import InputError
from evlib.results.claims import CLAIMS
from evlib.results.headlines import HEADLINES, headline_table

NAN = float("nan")


def claims_of(**changes):
    """A claims table in which every part of every headline is reproduced, far above its threshold."""
    rows = []
    for claim, parts in HEADLINES.items():
        for part in parts:
            definition = part.start.replace("{zone}", "c9")
            rows.append([claim, definition, NAN, 100.0 * max(part.threshold, 1.0), "1", "reproduced", "", 0.0])
    table = pd.DataFrame(
        rows, columns=["claim", "definition", "article", "ours", "unit", "verdict", "note", "tolerance"]
    )
    for start, (ours, verdict) in changes.items():
        chosen = table["definition"].str.startswith(start)
        assert chosen.sum() == 1
        table.loc[chosen, ["ours", "verdict"]] = ours, verdict
    return table


def loops(**outcomes):
    """Where loops settle: outcomes at half, the whole and one and a half times the demand."""
    names = {"literal": "best response", "fairer": "rested response"}
    rows = [
        (names[loop], limits, demand, outcome if limits == "soft" else "settles")
        for loop, found in outcomes.items()
        for limits in ("soft", "hard")
        for demand, outcome in zip((0.5, 1.0, 1.5), found, strict=True)
    ]
    return pd.DataFrame(rows, columns=["loop", "limits", "demand", "outcome"])


def verdict(table, claim):
    return table.set_index("claim")["verdict"][claim]


def test_the_headline_counts_claims():
    table = headline_table(claims_of())
    assert list(table["claim"]) == list(CLAIMS)
    assert table["verdict"].value_counts().to_dict() == {"reproduced": 13, "by construction": 2, "undefined": 1}


@pytest.mark.parametrize(
    ("start", "ours", "found", "claim", "expected"),
    [
        (
            "least share of vehicles",
            4.9,
            "reproduced",
            "A11",
            "immaterial",
        ),  # 9 of 1,200 vehicles are no active station
        ("least share of energy", 5.1, "reproduced", "A11", "reproduced"),
        ("standard deviation", -0.001, "reproduced", "A14", "immaterial"),
        ("standard deviation", -0.002, "reproduced", "A14", "reproduced"),
        ("lines above", 2.0, "not reproduced", "A14", "not reproduced"),
        ("Gini", 0.1, "not reproduced", "A12", "not reproduced"),
        ("all costs", -0.4, "reproduced", "A9", "immaterial"),
        ("all costs", -20.0, "not reproduced", "A9", "not reproduced"),
        ("with electricity at locational", 12.0, "direction only", "A3", "direction only"),
        ("mean waiting", NAN, "undefined", "A15", "undefined"),
        ("spread over days", NAN, "undefined", "A15", "undefined"),
        ("shortest path: largest inflow", 1.2, "reproduced", "A2", "by construction"),
    ],
)
def test_the_worst_part_decides(start, ours, found, claim, expected):
    assert verdict(headline_table(claims_of(**{start: (ours, found)})), claim) == expected


def test_the_loop_is_the_articles_own_in_both_readings():
    """Literal and fairer; both must settle at the demand of the case, and the note says from where on they do not."""
    table = headline_table(claims_of(), loops(literal=("swings",) * 3, fairer=("settles", "settles", "swings")))
    row = table.set_index("claim").loc["A10"]
    assert (row["verdict"], row["ours"]) == ("not reproduced", 0.5)
    assert row["note"] == "literal: does not settle from 0.5 on; fairer: does not settle from 1.5 on"
    both = loops(literal=("settles", "settles", "swings"), fairer=("settles",) * 3)
    assert verdict(headline_table(claims_of(), both), "A10") == "reproduced"
    alone = headline_table(claims_of(), loops(literal=("swings",) * 3)).set_index("claim").loc["A10"]
    assert (alone["verdict"], alone["note"].split("; ")[1]) == ("not reproduced", "fairer: not computed")


def test_what_is_not_computed_is_said_and_what_is_double_refused():
    """Without an ensemble there are no days to compare; two rows of one definition would leave the choice open."""
    table = claims_of()
    lacking = headline_table(table[table["definition"] != "spread over days"]).set_index("claim").loc["A15"]
    assert (lacking["verdict"], lacking["note"].split(";")[0]) == ("undefined", "not computed here")
    twice = pd.concat([table, table[table["claim"] == "A9"].assign(definition="all costs, again")])
    assert verdict(headline_table(twice), "A9") == "reproduced"  # the exact one stands
    with pytest.raises(InputError, match=r"A9: 2 definitions start with 'all costs'"):
        headline_table(twice.replace("all costs", "all costs, once"))
