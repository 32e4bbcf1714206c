"""Make and run the notebooks: `make notebooks`. Their source are a page and an example."""

import re
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

HERE = Path(__file__).parent
EXAMPLES = HERE.parent / "examples"
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
MOST = 500_000  # bytes of a notebook
SHOWN = re.compile(
    r"```text\n.*?```\n?|!\[[^\]]*\]\([^)]*\)\n?", re.DOTALL
)  # cells show it themselves
ROLE = re.compile(r"\{doc\}`(?:(.+?) )?<?([\w./]+)>?`")


def cells_of_page(text: str) -> list:
    """Return the cells of a Markdown page: its blocks of Python are code."""
    cells = []
    text = SHOWN.sub("", text)
    for i, part in enumerate(re.split(r"```python\n(.*?)```\n?", text, flags=re.DOTALL)):
        if part.strip():
            words = ROLE.sub(lambda role: role[1] or role[2].rsplit("/", 1)[-1], part.strip())
            cells.append(new_code_cell(part.strip()) if i % 2 else new_markdown_cell(words))
    return cells


def cells_of_example(text: str) -> list:
    """Return the cells of a gallery script: the comments on top of a `# %%` cell are words."""
    _, words, code = text.split('"""', 2)
    title, rest = words.strip().split("\n", 1)
    cells = [new_markdown_cell(f"# {title}\n{rest.lstrip('=').strip()}")]
    for part in code.split("# %%\n"):
        comment = re.match(r"(?:#.*\n)*", part)[0]
        if comment:
            cells.append(new_markdown_cell(re.sub("^# ?", "", comment, flags=re.M).strip()))
        if part[len(comment) :].strip():
            cells.append(new_code_cell(part[len(comment) :].strip()))
    return cells


def make(name: str, cells: list) -> None:
    """Run the cells in a folder that is thrown away, and write the notebook if it is small."""
    for i, cell in enumerate(cells):
        cell.id = f"cell-{i}"  # nbformat draws random ones, which would change with every run
    notebook = new_notebook(cells=cells, metadata={"kernelspec": KERNEL})
    with TemporaryDirectory() as folder:
        client = NotebookClient(notebook, timeout=600, resources={"metadata": {"path": folder}})
        client.execute()
    for cell in notebook.cells:
        cell.metadata = {}  # the times of the run
    text = nbformat.writes(notebook)
    if len(text) > MOST:
        raise ValueError(f"{name} has {len(text)} bytes, and {MOST} are the most.")
    (HERE / "notebooks" / f"{name}.ipynb").write_text(text + "\n")


def sources() -> dict[str, list]:
    """Return the cells of every notebook, not run yet."""
    return {
        "tour": cells_of_page((HERE / "start" / "tour.md").read_text()),
        "outliers": cells_of_example((EXAMPLES / "plot_outliers.py").read_text()),
    }


if __name__ == "__main__":
    for name, cells in sources().items():
        make(name, cells)
