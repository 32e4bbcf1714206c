"""The gallery in sections, and thumbnails that show one panel of a figure.

`arrange` runs after Sphinx-Gallery has executed the examples: it writes the index, and cuts each
thumbnail from a figure.
"""

from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

Panel = tuple[int, float, float, float, float]  # number of the figure; left, top, right, bottom

SECTIONS: dict[str, tuple[str, dict[str, Panel]]] = {
    "Real images": (
        "Photographs and micrographs, with strokes and without labels.",
        {
            "plot_tissue": (1, 0, 0.09, 0.245, 0.88),
            "plot_coins": (1, 0, 0.08, 0.25, 0.9),
            "plot_real_textures": (1, 0, 0.12, 0.165, 0.54),
            "plot_pretrained": (1, 0, 0.09, 0.33, 0.53),
            "plot_region_tree": (1, 0.5, 0.1, 0.746, 0.9),
        },
    ),
    "Few labels": (
        "Strokes and single pixels, and where to put the next ones.",
        {
            "plot_scribbles": (1, 0.022, 0.05, 0.172, 0.44),
            "plot_label_next": (1, 0, 0.08, 0.2, 0.52),
            "plot_assign_classes": (1, 0, 0, 0.36, 1),
            "plot_unet": (1, 0, 0.05, 0.198, 0.485),
        },
    ),
    "No labels": (
        "Features, scale and number of segments.",
        {
            "plot_textures": (1, 0.8, 0.1, 1, 1),
            "plot_choose_pooling": (1, 0, 0.04, 0.245, 0.48),
            "plot_number_of_segments": (1, 0.505, 0.37, 0.745, 0.66),
            "plot_pipeline_search": (1, 0, 0, 0.5, 1),
        },
    ),
    "Volumes and spectra": (
        "Three spatial axes, and many channels.",
        {
            "plot_volumes": (1, 0.333, 0.06, 0.665, 0.98),
            "plot_hyperspectral": (1, 0.34, 0.55, 0.67, 1),
            "plot_spatial_blocks": (1, 0.333, 0.5, 0.623, 0.935),
        },
    ),
    "Checking and explaining": (
        "Areas with intervals, uncertainty, explanations, files.",
        {
            "plot_areas": (1, 0.64, 0, 1, 1),
            "plot_uncertainty": (1, 0.474, 0.07, 0.685, 0.87),
            "plot_explain": (1, 0.672, 0, 1, 0.83),
            "plot_save_load": (1, 0.447, 0.07, 0.664, 0.92),
        },
    ),
    "Autoencoders of rows": (
        "``AutoencoderTransformer`` on digits, sound and text.",
        {
            "plot_digits": (1, 0, 0.04, 0.62, 0.56),
            "plot_classic_autoencoder": (1, 0, 0, 1, 1),
            "plot_denoising": (1, 0.525, 0.02, 0.79, 0.62),
            "plot_generation": (2, 0.285, 0.1, 0.57, 1),
            "plot_outliers": (1, 0, 0.4, 1, 1),
            "plot_audio": (1, 0, 0, 1, 0.5),
            "plot_text": (1, 0, 0, 1, 1),
        },
    ),
}
SIZE = 400, 280  # of thumbnails in pixels, Sphinx-Gallery's


def arrange(app: Any) -> None:
    """Write the index of the gallery, and cut the thumbnails."""
    folder = Path(app.srcdir) / "auto_examples"
    header = (Path(app.srcdir).parent / "examples/GALLERY_HEADER.rst").read_text()
    (folder / "index.rst").write_text("\n".join([header, *map(section, SECTIONS)]))
    for _, examples in SECTIONS.values():
        for name, panel in examples.items():
            cut(folder / "images", name, *panel)


def position(path: str) -> int:
    """Return the place of an example in the table, by which thumbnails are sorted."""
    names = [name for _, examples in SECTIONS.values() for name in examples]
    return names.index(Path(path).stem)


def section(title: str) -> str:
    """Return a section of the index, in reStructuredText."""
    text, examples = SECTIONS[title]
    thumbnails = "\n".join(f"   ../examples/{name}.py" for name in examples)
    pages = "\n".join(f"   {name}" for name in examples)
    return (
        f"{title}\n{'-' * len(title)}\n\n{text}\n\n.. minigallery::\n\n{thumbnails}\n\n"
        f".. toctree::\n   :hidden:\n   :caption: {title}\n\n{pages}\n"
    )


def cut(images: Path, name: str, number: int, *box: float) -> None:
    """Cut a panel from a figure, on white. Without figures (`plot_gallery=0`), do nothing."""
    figure = images / f"sphx_glr_{name}_{number:03d}.png"
    if not figure.exists():
        return
    with Image.open(figure) as image:
        sides = [round(part * length) for part, length in zip(box, 2 * image.size, strict=True)]
        panel = image.convert("RGB").crop(sides)
    ImageOps.pad(panel, SIZE, color="white").save(images / "thumb" / f"sphx_glr_{name}_thumb.png")
