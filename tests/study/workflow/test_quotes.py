"""Numbers in prose are those of the tables, and a number that is not is found."""

import re

import pandas as pd
import pytest

from evlib.errors import InputError, StudyError
from evlib.folders import ROOT
from study.workflow.quantities import QUANTITIES, Quantity, count_words, fraction_words
from study.workflow.quotes import (
    PAPER,
    documents,
    quoted,
    requote,
    texts_of,
    told,
    words_of,
    write_quotes,
)
from study.workflow.site.markdown import Markdown, plain_text


@pytest.mark.parametrize("path", documents(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_a_document_quotes_is_what_the_tables_say(path):
    """``python -m study quote`` writes them anew."""
    wrong = [
        f"{name}: {number}, not {told(name)}"
        for text in texts_of(path)
        for number, name in quoted(text)
        if number != told(name)
    ]
    assert wrong == []


def test_the_readme_and_the_paper_quote_what_they_state():
    for path, steps in ((ROOT / "README.md", "percent_of_information"), (PAPER, "share_of_information")):
        names = {name for text in texts_of(path) for _, name in quoted(text)}
        assert {"coordinated_cny", steps, "draws_a3_median"} <= names
        assert names <= QUANTITIES.keys()


def test_the_paper_fits_its_journal():
    """About two pages: a thousand words; every reference is cited, every citation is there."""
    text = PAPER.read_text(encoding="utf-8")
    assert 700 < words_of(text) <= 1100
    entries = set(re.findall(r"^@\w+\{(\w+),", (PAPER.parent / "paper.bib").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"(?<![\w.])@(\w+)", text)) == entries
    for section in ("Summary", "Statement of need", "References"):
        assert f"\n# {section}\n" in text


def runs(name):
    assert name == "runs"
    return pd.DataFrame({"run": ["plain"], "cost": [1234.5]})


QUANTITY = {
    "cost": Quantity(lambda table: table("runs")["cost"].item()),
    "share": Quantity(lambda table: 0.21, fraction_words),
}


def say(name):
    return told(name, QUANTITY, runs)


def test_a_number_is_written_anew_and_the_rest_stays():
    text = "It costs 9,999<!-- cost --> CNY,\n**a half, half<!-- share -->** of 9,999 <!-- a remark --> here."
    expected = "It costs 1,234<!-- cost --> CNY,\n**a half, a fifth<!-- share -->** of 9,999 <!-- a remark --> here."
    assert requote(text, say) == expected


def test_a_mark_without_a_number_and_an_unknown_name_are_refused():
    with pytest.raises(InputError, match="quote 'cost': no number directly before"):
        quoted("It costs much <!-- cost --> and 3<!-- share -->")
    with pytest.raises(InputError, match="'price': no such quantity; there are cost, share"):
        requote("5<!-- price -->", say)
    with pytest.raises(InputError, match=r"share 0\.45: no simple fraction"):
        fraction_words(0.45)


def test_small_exponents_are_written_as_people_do():
    quantity = {"gap": Quantity(lambda table: 6.04e-5, ".0e"), "many": Quantity(lambda table: 3e7, ".0e")}
    assert told("gap", quantity, runs) == "6e-5"
    assert told("many", quantity, runs) == "3e7"
    assert quoted("6e-5<!-- gap -->") == [("6e-5", "gap")]
    assert [count_words(value) for value in (0, 1, 12, 13)] == ["none", "one", "twelve", "13"]


def test_documents_are_written_anew_in_place(tmp_path):
    page, notebook = tmp_path / "page.md", tmp_path / "notebook.ipynb"
    page.write_text("1<!-- draws --> draws")
    notebook.write_text('{"cells": [{"cell_type": "markdown", "source": ["**1<!-- draws -->** draws\\n", "more"]}]}')
    assert write_quotes([page, notebook]) == [page, notebook]
    assert page.read_text() == f"{told('draws')}<!-- draws --> draws"
    assert quoted(texts_of(notebook)[0]) == [(told("draws"), "draws")]
    assert write_quotes([page, notebook]) == []
    page.write_text("many<!-- draws -->")
    with pytest.raises(StudyError, match=r"page\.md: quote 'draws'"):
        write_quotes([page])


def test_marks_are_not_seen_on_the_site():
    page = Markdown(lambda href: href)("It costs\n31,684<!-- cost --> CNY, a fifth<!-- share -->\nless.")
    assert plain_text(page).split() == ["It", "costs", "31,684", "CNY,", "a", "fifth", "less."]
    assert page.count("<p>") == 1


def test_steps_of_the_waterfall_add_up_and_payments_and_bands_are_those_of_their_tables():
    """By hand from two small tables: what is quoted in the README does not rest on the formulas that wrote it."""
    cases = {"shortest_path": 100.0, "informed": 70.0, "user": 50.0, "coordinated": 40.0}
    rows = [
        (1.0, name, charging, total - (charging == "v2g"))
        for name, total in cases.items()
        for charging in ("smart", "v2g")
    ]
    rows += [(0.2, name, "v2g", total + 9.0) for name, total in cases.items()]
    waterfall = pd.DataFrame(rows, columns=["follow", "strategy", "charging", "total_cny"])
    waterfall = waterfall.assign(tolls_cny=1200.0, rents_cny=2400.0)
    fixed = {"nearest_total_cny": 100.0, "user_total_cny": 50.0, "coordinated_total_cny": 40.0}
    draws = pd.DataFrame(fixed, index=range(3))
    draws["informed_total_cny"] = [90.0, 80.0, 70.0]  # of 60 saved: a sixth, a third, a half
    draws = draws.assign(
        draw=[1, 2, 3], error=float("nan"), coordinated_settled=1, nearest_beyond_storage=[0.0, 2.0, 0.0]
    )
    tables = {"waterfall_nguyen": waterfall, "ensemble_nguyen": draws}

    def said(name):
        return told(name, read=tables.__getitem__)

    assert [said(f"step_{name}_cny") for name in ("information", "prices", "tolls", "v2g")] == ["30", "20", "10", "1"]
    assert [said(f"percent_of_{name}") for name in ("information", "prices", "tolls", "v2g")] == ["49", "33", "16", "2"]
    assert said("payments_one_in_five") == "3"
    assert said("share_by_one_in_five") == "four fifths"  # 50 of 60: nearest 99, coordinated 49 and 39
    assert said("share_by_one_in_five_unpaid") == "two thirds"  # 40 of 60
    assert [said(f"draws_information_{end}") for end in ("low", "median", "high")] == ["18", "33", "48"]
    assert said("draws_beyond_storage") == "a third"
