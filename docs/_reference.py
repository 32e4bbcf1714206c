"""The reference, written from every module's `__all__`, so that no public name is forgotten."""

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import sklearn_segae

TOP = """\
Reference
=========

.. currentmodule:: sklearn_segae

Estimators
----------

They are loaded when they are first used: ``import sklearn_segae`` takes no time.

.. autosummary::
   :toctree: generated/

"""
MODULE = """
{name}
{underline}

.. automodule:: {name}
   :no-members:

.. currentmodule:: {name}

.. autosummary::
   :toctree: generated/

"""


def public_modules() -> list[str]:
    """Return the names of the modules that are imported by name."""
    found = [m.name for m in iter_modules(sklearn_segae.__path__) if m.name[0] != "_"]
    names = sorted(f"sklearn_segae.{name}" for name in found)
    return [name for name in names if hasattr(import_module(name), "__all__")]


def public_names(module: str) -> list[str]:
    """Return what a module offers, dunders apart."""
    return [name for name in import_module(module).__all__ if not name.startswith("__")]


def page() -> str:
    """Return the page of all public names, in reStructuredText."""
    parts = [TOP, *(f"   {name}\n" for name in public_names("sklearn_segae"))]
    for module in public_modules():
        parts.append(MODULE.format(name=module, underline="-" * len(module)))
        parts += [f"   {name}\n" for name in public_names(module)]
    return "".join(parts)


def write(folder: Path) -> None:
    """Write the page, unless it is there already: Sphinx reads again what is newer."""
    folder.mkdir(exist_ok=True)
    path, text = folder / "index.rst", page()
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def own_methods(module: str, name: str) -> list[str]:
    """Return the public methods of a class that our code defines, in the order of the code."""
    cls: Any = getattr(import_module(module), name)
    ours = [base for base in cls.__mro__ if base.__module__.startswith("sklearn_segae")]
    names = list(dict.fromkeys(n for base in ours for n in vars(base) if n[0] != "_"))
    names = [n for n in names if not n.endswith("_request")]  # scikit-learn's, made for our fit
    return [n for n in names if callable(getattr(cls, n, None)) or _is_conditional(ours, n)]


def _is_conditional(bases: list[type], name: str) -> bool:
    """Whether a name is a method that is there for some parameters only (`available_if`)."""
    return any(hasattr(vars(base).get(name), "fn") for base in bases)
