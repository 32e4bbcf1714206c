"""The shape of the package: its one door, and imports that point downwards."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import sklearn_segae

PACKAGE = Path(sklearn_segae.__file__).parent

# A file may import from files of lower layers, and from its own layer in layer 0 alone.
LAYERS = [
    {"_version", "_images", "_labels", "_tiles", "_pixels", "_scaling", "_coherence"}
    | {
        "_exposure",
        "_memory",
        "_lazy",
        "storage",
        "_views",
        "_estimators",
        "_pictures",
        "_canvas",
        "_files",
        "_paths",
        "_pages",
        "_label_files",
        "_console",
        "_patches",
        "_targets",
        "_naming",
        "_doubt",
        "_documented",
    }
    | {"_watershed", "_borders", "_strength", "_regions"}
    | {"_gaussians", "_mixture", "_number", "_reading", "networks", "metrics", "datasets"}
    | {"_architectures", "_batches", "_callbacks", "_density", "_execution", "_layout"}
    | {"_joint_patches", "_likeness", "_recombination"}
    | {"_distortion", "_losses", "_weights", "_contingency", "_partitions", "_scorers"}
    | {"_region_benchmark", "_unsupervised_scorers", "model_selection"}
    | {"_crops", "distributed", "_archive", "_backend", "_plain", "_rollback", "_foreign"}
    | {"_graphs", "_modules", "_optimizers", "_pixel_network", "_shapley"}
    | {"_devices", "_randomness"},
    {"_net"},
    {"_rules"},
    {"_objectives", "_training", "_variants"},
    {"_projection", "_jets", "checkpoint"},
    {"_codec", "_cue"},
    {"_look"},
    {"_codes"},
    {"_autoencoder", "_encoder", "_head"},
    {"_survey", "_trees", "_fine_tuning", "_image_mask_generator"},
    {"_optima", "_refine", "generation"},
    {"_labelling"},
    {"_answers"},
    {"_segmenter", "_inside"},
    {"_torch_heads", "_prototypes", "_importance", "_traversal", "_reconstruction_error"}
    | {"_schema", "_onnx", "_trial"},
    {"_explained", "_records", "_converters"},
    {"_ways", "_rivals"},
    {"_attribution", "persistence", "_scribbles"},
    {"_scribble_server"},
    {"_options", "_learning", "_model_file"}
    | {"inspection", "_learning_displays", "_map_displays", "_reason_displays"},
    {"_job", "plotting"},
    {"_command_evaluate", "_command_fit", "_command_info", "_command_predict", "_command_segment"}
    | {"_command_annotate"},
    {"_cli"},
    {"__main__"},
]
MAY_IMPORT = {
    "skorch": {"_net", "_rules", "_training"},
    "torch": {
        "networks",
        "_pixel_network",
        "distributed",
        "_crops",
        "_reading",
        "_distortion",
        "_architectures",
        "_batches",
        "_execution",
        "_losses",
        "_modules",
        "_optimizers",
        "_backend",
        "_graphs",
        "_onnx",
        "_variants",
        "_objectives",
        "_training",
        "_net",
        "_rules",
        "_randomness",
        "_devices",
        "_plain",
        "checkpoint",
        "_projection",
        "_jets",
        "_codec",
        "_codes",
        "_autoencoder",
        "_encoder",
        "_head",
        "_fine_tuning",
        "_torch_heads",
        "_explained",
        "_attribution",
        "_ways",
        "_reconstruction_error",
    },
    "typer": {"_cli", "_options", "_command_evaluate", "_command_fit", "_command_annotate"}
    | {"_command_info", "_command_predict", "_command_segment"},
    "rich": {"_cli", "_console"},
    "captum": set(),  # as matplotlib: loaded by `_files.require` where it is used
    "matplotlib": set(),
    "safetensors": set(),
    "skops": set(),
    "onnx": {"_converters"},
    "onnxruntime": set(),
    "skl2onnx": {"_converters"},
}


def imports(path):
    """Yield the (module, level) of every import statement of a file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            yield node.module or "", node.level
        elif isinstance(node, ast.Import):
            yield from ((alias.name, 0) for alias in node.names)


def modules():
    return sorted(p for p in PACKAGE.glob("*.py") if p.stem != "__init__")


def layer_of(name):
    return next(i for i, layer in enumerate(LAYERS) if name in layer)


def test_every_file_has_a_layer():
    """The list above names every file, each once."""
    assert sorted(name for layer in LAYERS for name in layer) == [p.stem for p in modules()]


@pytest.mark.parametrize("path", modules(), ids=lambda p: p.stem)
def test_imports_point_downwards(path):
    """No file knows of one above it."""
    own = layer_of(path.stem)
    for module, level in imports(path):
        if level and module:
            other = layer_of(module.split(".")[0])
            assert other < own or other == own == 0, f"{path.stem} imports {module}"


@pytest.mark.parametrize("path", modules(), ids=lambda p: p.stem)
def test_libraries_stay_in_their_files(path):
    """Swapping the trainer or the command line touches one file."""
    for module, level in imports(path):
        library = module.split(".")[0]
        if not level and library in MAY_IMPORT:
            assert path.stem in MAY_IMPORT[library]


def test_the_door_is_what_all_says():
    """Every public name is there, sorted, and nothing else is."""
    assert sklearn_segae.__all__ == sorted(sklearn_segae.__all__)
    assert dir(sklearn_segae) == sklearn_segae.__all__
    for name in sklearn_segae.__all__:
        assert getattr(sklearn_segae, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        sklearn_segae.nonsense  # noqa: B018


def test_importing_the_package_does_not_import_torch():
    """torch takes seconds to import; the package alone does not need it."""
    code = "import sys, sklearn_segae; print('torch' in sys.modules or 'sklearn' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False"
