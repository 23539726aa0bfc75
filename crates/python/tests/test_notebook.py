"""The quick start runs."""

import pathlib

import pytest

nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
pytest.importorskip("ipykernel")

NOTEBOOK = pathlib.Path(__file__).parents[1] / "quick_start.ipynb"


def test_the_quick_start_runs_and_shows_mathematics():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    shown = [
        kind
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        for kind in output.get("data", {})
    ]
    assert "text/latex" in shown and "text/html" in shown


def test_verbose_is_a_widget_in_a_notebook():
    pytest.importorskip("ipywidgets")
    cell = nbformat.v4.new_code_cell(
        "from matgrad import MLPClassifier\n"
        "MLPClassifier((3,), max_iter=4, verbose=True).fit([[0.0], [1.0]] * 20, [0, 1] * 20)"
    )
    notebook = nbformat.v4.new_notebook(cells=[cell])
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    kinds = {kind for output in cell.outputs for kind in output.get("data", {})}
    assert "application/vnd.jupyter.widget-view+json" in kinds
