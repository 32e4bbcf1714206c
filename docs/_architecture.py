"""The generated parts of docs/depth/architecture.md: `python docs/_architecture.py`.

The table of rooms comes from the docstrings of the package and from the table of allowed imports in
tests/test_layers.py. The diagram is drawn as SVG; a test compares both with what is in the files.
"""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "sklearn_segae"
PAGE = ROOT / "docs" / "depth" / "architecture.md"
DIAGRAM = ROOT / "docs" / "images" / "data_flow.svg"
TABLE = re.compile(r"(?<=<!-- rooms: begin -->\n).*(?=<!-- rooms: end -->)", re.DOTALL)

# The path of an image, in lanes of (title, place in the package, kind of box).
LANES = {
    "1. PixelEncoder.fit: train a network without labels": [
        ("images", "(n, H, W[, C]) or a list", "data"),
        ("validate", "imaging/_image_batch.py", "step"),
        ("normalize", "imaging/_normalization.py", "step"),
        ("draw crops", "encoding/_crops.py", "step"),
        ("train", "training/_train.py", "step"),
        ("network", "networks/", "data"),
    ],
    "2. PixelEncoder.transform: images to codes": [
        ("images", "in memory or on disk", "data"),
        ("cut into tiles", "imaging/_tiles.py", "step"),
        ("compute features", "encoding/_blocks.py", "step"),
        ("pool", "encoding/_pooling.py", "step"),
        ("project", "encoding/_projection.py", "step"),
        ("codes", "(n, H, W, n_components)", "data"),
    ],
    "3. AESegmenter.fit and predict: codes to label maps": [
        ("codes", "of tiles", "data"),
        ("sample pixels", "imaging/_pixel_sampling.py", "step"),
        ("fit the estimator", "segmentation/_adapters.py", "step"),
        ("predict labels", "segmentation/_labeler.py", "step"),
        ("refine borders", "_boundary_refinement.py", "step"),
        ("label maps", "(n, H, W)", "data"),
    ],
}
LINKS = [2, 0]  # columns of the next lane that the last box of a lane leads to
BOX_WIDTH, BOX_HEIGHT, GAP, LANE_HEIGHT, MARGIN = 166, 58, 26, 138, 10
GRAY = "#808690"  # legible on white and on black
FILLS = {"data": ("#0072b2", "#ffffff", "#e3f1fa"), "step": ("#f1f3f5", "#16191d", "#4a5058")}
STYLE = (
    "text{font-family:system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif}"
    ".code{font-family:ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace}"
)


def imports() -> dict[str, str]:
    """Return the table `ROOMS` of tests/test_layers.py: room -> rooms that it may import."""
    tree = ast.parse((ROOT / "tests" / "test_layers.py").read_text())
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "ROOMS":
            return ast.literal_eval(node.value)
    raise ValueError("tests/test_layers.py has no table ROOMS")


def summary(room: str) -> str:
    """Return the first paragraph of a room's docstring as one line."""
    path = PACKAGE / room / "__init__.py"
    tree = ast.parse((path if path.exists() else PACKAGE / f"{room}.py").read_text())
    first = (ast.get_docstring(tree) or "").split("\n\n")[0]
    return " ".join(first.split()).replace("|", "\\|")


def table() -> str:
    """Return the rooms in the order of the staircase, as a Markdown table."""
    lines = ["| room | contents | may import |", "| --- | --- | --- |"]
    for room, allowed in imports().items():
        name = f"{room}/" if (PACKAGE / room).is_dir() else f"{room}.py"
        below = ", ".join(allowed.split()) or "none"
        lines.append(f"| `{name}` | {summary(room)} | {below} |")
    return "\n".join(lines) + "\n"


def left(column: int) -> int:
    """Return the left edge of the boxes in a column."""
    return MARGIN + column * (BOX_WIDTH + GAP)


def top(lane: int) -> int:
    """Return the upper edge of the boxes in a lane."""
    return 34 + lane * LANE_HEIGHT


def arrow(*points: tuple[float, float]) -> str:
    """Return a line through points, with a head at its end."""
    path = " ".join(f"{x:g},{y:g}" for x, y in points)
    return (
        f'<polyline points="{path}" fill="none" stroke="{GRAY}" stroke-width="2" '
        'marker-end="url(#head)"/>'
    )


def box(lane: int, column: int, title: str, place: str, kind: str) -> str:
    """Return a box of two lines."""
    fill, ink, faint = FILLS[kind]
    x, y = left(column), top(lane)
    middle = x + BOX_WIDTH / 2
    return (
        f'<rect x="{x}" y="{y}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="8" fill="{fill}" '
        f'stroke="{GRAY}"/>'
        f'<text x="{middle:g}" y="{y + 25}" text-anchor="middle" font-size="15" '
        f'font-weight="600" fill="{ink}">{title}</text>'
        f'<text class="code" x="{middle:g}" y="{y + 44}" text-anchor="middle" font-size="10" '
        f'fill="{faint}">{place}</text>'
    )


def diagram() -> str:
    """Return the path of an image through the package as SVG."""
    parts = []
    for lane, (title, boxes) in enumerate(LANES.items()):
        below_link = lane > 0 and LINKS[lane - 1] == 0
        x = left(0) + (BOX_WIDTH / 2 + 12 if below_link else 0)
        parts.append(
            f'<text x="{x:g}" y="{top(lane) - 12}" font-size="14" font-weight="600" '
            f'fill="{GRAY}">{title}</text>'
        )
        parts += [box(lane, column, *texts) for column, texts in enumerate(boxes)]
        y = top(lane) + BOX_HEIGHT / 2
        for column in range(1, len(boxes)):
            parts.append(arrow((left(column) - GAP + 2, y), (left(column) - 3, y)))
    for lane, column in enumerate(LINKS):
        start, end = left(5) + BOX_WIDTH / 2, left(column) + BOX_WIDTH / 2
        bottom = top(lane) + BOX_HEIGHT
        turn = bottom + 24
        parts.append(arrow((start, bottom), (start, turn), (end, turn), (end, top(lane + 1) - 3)))
    width, height = left(6) - GAP + MARGIN, top(2) + BOX_HEIGHT + MARGIN
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        'aria-label="The path of an image: training, encoding, segmentation">'
        f"<style>{STYLE}</style>"
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        f'markerHeight="7" orient="auto"><path d="M0,0 L8,4 L0,8 z" fill="{GRAY}"/></marker></defs>'
        + "\n".join(parts)
        + "</svg>\n"
    )


def page() -> str:
    """Return the page with the table of today."""
    return TABLE.sub(lambda _: table(), PAGE.read_text())


if __name__ == "__main__":
    PAGE.write_text(page())
    DIAGRAM.write_text(diagram())
