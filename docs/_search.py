"""What readers search for, and the page that they are to find: index entries, and a check of them.

Sphinx's search ranks entries of the index above all else. `failures` ranks the pages of a built
site as `searchtools.js` does.
"""

import json
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms import SphinxTransform

WORDS = {
    "help/troubleshooting": ["troubleshooting", "warning", "out of memory", "CUDA", "Windows"],
    "help/citing": ["cite", "citation", "BibTeX"],
    "help/glossary": ["glossary", "terms"],
    "guide/microscopy": ["microscopy", "nuclei", "cells", "histology", "tissue"],
    "guide/satellite": ["satellite", "GeoTIFF", "remote sensing"],
    "guide/materials": ["materials", "SEM", "porosity", "grains"],
    "guide/volumes": ["3D", "volume", "volumes", "tomography", "z-stack"],
    "guide/few_labels": ["strokes", "scribbles", "training", "active learning"],
    "guide/hyperspectral": ["spectra", "spectral"],
    "guide/when_it_fails": ["bad result", "wrong labels", "shading", "speckle"],
    "guide/areas": ["area", "confidence interval"],
    "large_images": ["large images", "dask", "memory"],
    "command_line": ["command line", "segae", "terminal"],
    "annotate": ["annotate", "annotation", "draw labels"],
    "guide/napari": ["napari", "plugin", "viewer"],
    "persistence": ["save", "load", "ONNX", "export"],
}
TOP = 2  # a page has to be among so many


class AddIndexEntries(SphinxTransform):
    """Make the words of a page entries of the index that lead to its title."""

    default_priority = 800  # before domains collect them

    def apply(self, **_: Any) -> None:
        """Add the entries to a page that has words."""
        if words := WORDS.get(self.env.docname):
            (title,) = next(self.document.findall(nodes.section))["ids"][:1]
            entries = [("single", word, title, "main", None) for word in words]
            self.document.insert(0, addnodes.index(entries=entries, inline=False))


def check(app: Any, error: Exception | None) -> None:
    """Raise an error if a word of a built site leads elsewhere."""
    if error is None and app.builder.name == "html":
        text = (Path(app.outdir) / "searchindex.js").read_text()
        if lost := failures(json.loads(text[text.index("{") : text.rindex("}") + 1])):
            raise ValueError(f"words that do not lead to their pages: {lost}")


def failures(index: dict[str, Any]) -> dict[str, list[str]]:
    """Return the words that lead to other pages, and to which ones."""
    found = {word: ranked(index, word)[:TOP] for words in WORDS.values() for word in words}
    pages = {word: page for page, words in WORDS.items() for word in words}
    return {word: hits for word, hits in found.items() if pages[word] not in hits}


def ranked(index: dict[str, Any], word: str) -> list[str]:
    """Return the pages whose titles, index entries or objects contain a word, best first.

    The scores are those of `searchtools.js`; hits in texts are below all of these.
    """
    word, hits = word.lower(), []
    for title, places in index["alltitles"].items():
        if word in title.lower() and len(word) >= len(title) / 2:
            for page, _ in places:
                is_own = index["titles"][page] == title
                hits.append((round(15 * len(word) / len(title)) + is_own, page))
    for entry, places in index["indexentries"].items():
        if word in entry and len(word) >= len(entry) / 2:
            score = round(100 * len(word) / len(entry))
            hits += [(score, page) for page, _, is_main in places if is_main]
    for prefix, objects in index["objects"].items():
        for page, _, priority, _, name in objects:
            last = f"{prefix}.{name}".lower().rpartition(".")[2]
            if word in last:
                hits.append((6 + 5 * (word == last) + {0: 15, 1: 5, 2: -5}.get(priority, 0), page))
    hits.sort(key=lambda hit: (-hit[0], index["titles"][hit[1]].lower()))
    return list(dict.fromkeys(index["docnames"][page] for _, page in hits))
