"""The notebooks and figures that are committed are whole, executed in order, and small."""

import json

import pytest

from evlib.files import sha256_file
from evlib.folders import FIGURES, NOTEBOOKS
from study.workflow.export import page_drawing
from study.workflow.refresh import NOT_EMBEDDED, SIZE_LIMIT_KB

PATHS = sorted(NOTEBOOKS.glob("*.ipynb"))
SUMS = FIGURES / "SHA256SUMS"


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_notebook_is_executed_in_order_by_the_kernel_that_every_machine_has(path):
    content = json.loads(path.read_text(encoding="utf-8"))
    assert content["metadata"]["kernelspec"]["name"] == "python3"
    code = [cell for cell in content["cells"] if cell["cell_type"] == "code" and "".join(cell["source"]).strip()]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    kinds = {output["output_type"] for cell in code for output in cell["outputs"]}
    assert "error" not in kinds
    assert not [o for cell in code for o in cell["outputs"] if o.get("name") == "stderr"], "a warning was committed"
    assert path.stat().st_size <= SIZE_LIMIT_KB * 1000


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_every_figure_has_a_picture_a_caption_and_alternative_text(path):
    content = json.loads(path.read_text(encoding="utf-8"))
    for cell in content["cells"]:
        for shown in (output for output in cell.get("outputs", []) if "evlib" in output.get("metadata", {})):
            name, caption = shown["metadata"]["evlib"]["figure"], "".join(shown["data"]["text/plain"])
            if NOT_EMBEDDED in cell["metadata"].get("tags", []):
                assert shown["data"].keys() == {"text/plain"}
                assert f"figures/{name}.html" in caption, "the caption must say where the figure is"
            else:
                assert shown["data"].keys() == {"text/plain", "image/png"}
                assert shown["metadata"]["image/png"]["alt"]
            assert (FIGURES / f"{name}.png").exists()


@pytest.mark.skipif(not SUMS.exists(), reason="no figures yet")
def test_checksums_hold_and_figures_are_complete():
    for line in SUMS.read_text(encoding="utf-8").splitlines():
        digest, name = line.split()
        assert sha256_file(FIGURES / name) == digest, name
        page = FIGURES / name.replace(".csv", ".html")
        if page.exists():
            assert page_drawing(page)["layout"]["title"]["text"]
            assert page.with_suffix(".pdf").exists()
            assert page.with_suffix(".png").exists()
