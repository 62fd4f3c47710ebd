"""Notebooks for the tests of this folder."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook


@pytest.fixture(scope="session")
def save_notebook():
    """A function that writes a notebook with a heading and some cells of code, whose identifiers are told apart."""

    def save(path, *code, **metadata):
        cells = [new_code_cell(text, id=f"random{k}") for k, text in enumerate(code)]
        nbformat.write(new_notebook(cells=[new_markdown_cell("# A question"), *cells], metadata=metadata), path)

    return save
