"""Public names use standard terms, and all text American spelling."""

import inspect
import re
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest
from sklearn.utils._param_validation import StrOptions

import sklearn_segae

PACKAGE = Path(sklearn_segae.__file__).parent
# Terms that had better ones, and spellings that other libraries do not use. `names` are classes.
BANNED = re.compile(
    r"(?<![a-z])(cues?|exposures?|rivals?)(?![a-z])|\blight_|\bnames\b|segment_names|by-name"
    r"|colour|grey|unlabelled|neighbour|centre",
    re.IGNORECASE,
)
VERBS = (
    "binar|categor|custom|discret|emphas|factor|general|initial|local|maxim|minim|normal|optim|organ"
    "|parallel|penal|quant|random|real|recogn|regular|serial|special|stabil|standard|summar|symmetr"
    "|synchron|util|vector|visual"
)
BRITISH = re.compile(
    r"\b\w*(?:colour|grey|neighbour|centre|behaviour|favour|modelled|cancelled|parallelizm)\w*"
    r"|\b(?:un)?labell(?:ed|ing)\b|\banalys(?:e|ed|es|ing)\b"
    rf"|\b(?:{VERBS})is(?:e|ed|es|er|ers|ing|ation)\b",
    re.IGNORECASE,
)
SECTION = re.compile(
    r"^ *(Parameters|Attributes)\n *-+\n(.*?)(?=\n *\w[\w ]*\n *---|\Z)", re.M | re.S
)


def public_objects():
    """Yield the name and the value of every public function and class of every public module."""
    found = [m.name for m in iter_modules(sklearn_segae.__path__) if m.name[0] != "_"]
    for module in (sklearn_segae, *(import_module(f"sklearn_segae.{name}") for name in found)):
        for name in getattr(module, "__all__", ()):
            if not name.startswith("__"):
                yield f"{module.__name__}.{name}", getattr(module, name)


def names_of(thing):
    """Yield the names that a user of a function or class meets."""
    members = vars(thing) if isinstance(thing, type) else {}
    public = [name for name in members if name[0] != "_"]
    yield from public
    for member in (thing, *(getattr(thing, name) for name in public)):
        if inspect.isroutine(member) or inspect.isclass(member):
            yield from inspect.signature(member).parameters
        yield from documented(inspect.getdoc(member) or "")
    for constraints in getattr(thing, "_parameter_constraints", {}).values():
        for constraint in constraints if isinstance(constraints, list) else ():
            yield from constraint.options if isinstance(constraint, StrOptions) else ()


def documented(text):
    """Yield the names in the sections "Parameters" and "Attributes" of a docstring."""
    for _, body in SECTION.findall(text):
        for line in re.findall(r"^(\w[\w, *]*) :", body, flags=re.M):
            yield from re.split(r"[, *]+", line)


def test_public_names_use_standard_terms():
    """Functions, parameters, attributes and the strings that parameters take: none is banned."""
    for path, thing in public_objects():
        found = [path.rpartition(".")[2], *names_of(thing)]
        assert not [name for name in found if BANNED.search(str(name))], path


def test_options_use_standard_terms():
    """The same for commands, their options and the values of these."""
    typer = pytest.importorskip("typer", reason="comes with the io extra")
    from sklearn_segae.cli._app import app

    found = [v for kind in StrEnum.__subclasses__() if "segae" in kind.__module__ for v in kind]
    for name, command in typer.main.get_command(app).commands.items():
        found += [name, *(o for p in command.params for o in (*p.opts, *p.secondary_opts))]
    assert {"intensity+texture", "boundary-f1", "evaluate", "--no-matched"} <= set(found)
    assert not [name for name in found if BANNED.search(name)]


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE))
)
def test_text_is_american(path):
    """Docstrings, messages, comments and names have one spelling, that of scikit-learn."""
    assert not BRITISH.findall(path.read_text())


def test_the_walk_finds_names():
    """A method, a nested parameter, an attribute and a value are among the names that are read."""
    found = set(names_of(sklearn_segae.PixelEncoder))
    assert {"fit", "features", "X", "net_", "intensity+texture"} <= found
    assert BANNED.search("--no-colour")
    assert not BANNED.search("channel_names")
    assert BRITISH.search("A centred, normalised grey patch.")


def test_examples_import_from_public_modules():
    """What a docstring shows can be pasted by readers: no private module is in it."""
    for path in PACKAGE.rglob("*.py"):
        assert not re.findall(r">>> .*sklearn_segae[\w.]*\._", path.read_text()), path
