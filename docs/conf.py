"""The site: `make docs`."""

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
os.environ.setdefault("OMP_NUM_THREADS", "1")

import _gallery  # noqa: E402 - found by the line above
import _reference  # noqa: E402
import _search  # noqa: E402

from sklearn_segae import __version__  # noqa: E402

project, author, release = "sklearn_segae", "the sklearn_segae developers", __version__
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "myst_nb",
    "numpydoc",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
if tags.has("online"):  # noqa: F821 - `-t online` links to scikit-learn's pages
    extensions.append("sphinx.ext.intersphinx")
intersphinx_mapping = {
    "numpy": ("https://numpy.org/doc/stable", None),
    "sklearn": ("https://scikit-learn.org/stable", None),
}

source_suffix = {".rst": "restructuredtext", ".md": "myst-nb", ".ipynb": "myst-nb"}
exclude_patterns = ["_build", "auto_examples/*.ipynb"]
myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # `make notebooks` runs them

# Names of other libraries are known to `-t online` alone.
nitpick_ignore_regex = [
    ("py:.*", r"(sklearn|torch|skorch|numpy|joblib|matplotlib)\..*"),
    ("py:obj", r"\w+_|n_regions"),  # fitted attributes and properties have no page of their own
]
suppress_warnings = ["config.cache"]  # of `autosummary_context`, which holds a function
_reference.write(HERE / "reference")
autosummary_context = {"own_methods": _reference.own_methods}
autosummary_generate = True
autodoc_typehints = "none"
toc_object_entries_show_parents = "hide"  # methods by their own names
numpydoc_show_class_members = False
templates_path = ["_templates"]

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"plot_",
    "ignore_pattern": r"__init__",
    "minigallery_sort_order": "_gallery.position",
    "doc_module": ("sklearn_segae",),
    "backreferences_dir": "reference/backreferences",
    "remove_config_comments": True,
    "write_computation_times": False,
    "min_reported_time": 5,
}

# What is copied from a console are the commands, without prompts and answers.
copybutton_exclude = ".linenos, .gp, .go"

html_theme = "pydata_sphinx_theme"
html_title = f"sklearn_segae {release}"
html_logo = html_favicon = "_static/logo.svg"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_theme_options = {
    "logo": {"text": "sklearn_segae", "alt_text": "sklearn_segae, to the first page"},
    "navbar_align": "left",
    "navbar_end": ["version", "theme-switcher"],
    "header_links_before_dropdown": 7,
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": {"**": ["page-toc", "sourcelink"], "index": []},
    "show_prev_next": True,
}
html_context = {"default_mode": "auto"}  # light or dark, as the reader's system is
html_sidebars = {"index": []}
copyright = "2026, the sklearn_segae developers; BSD-3-Clause"


def setup(app):
    """Register what is done to every page, and to the whole site at the end."""
    app.connect("builder-inited", _gallery.arrange, priority=900)  # after Sphinx-Gallery
    app.add_transform(_search.AddIndexEntries)
    app.connect("build-finished", _search.check)
