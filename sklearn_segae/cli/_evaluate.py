"""`segae evaluate`: compare label maps with true ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from ..storage._label_files import read_labels
from ._console import Report
from ._options import IgnoreLabels, Scope, file_arguments, option
from ._paths import expand, match_by_name
from ._reading import Spacing, Volume

HELP = """Compare label maps with true ones, and print a table of scores; 1 is best.

Examples:

  segae evaluate labels/ --truth masks/

  segae evaluate labels/ --truth masks/ --no-matched --ignore-label 255 --metric miou --metric dice

Files are matched by name, or in order. For clusters, segments are matched to labels one to one; \
for classes, --no-matched compares equal labels. Pixels whose true label is -1 are left out. The \
last row scores the pixels of all images together. For label maps of segae segment --scope image, \
whose labels mean something else in every image, --scope image leaves that row out. With --volume, \
slices are one label map, whose boundaries and regions are those of volumes.
"""


TITLES = {
    "miou": "mean IoU",
    "dice": "Dice",
    "accuracy": "accuracy",
    "ari": "ARI",
    "boundary-f1": "boundary F1",
    "covering": "covering",
}
Metric = StrEnum("Metric", [(name, name) for name in TITLES])  # type: ignore[misc]
DEFAULTS = [Metric(name) for name in ("miou", "accuracy", "ari", "boundary-f1")]
Score = Callable[[Any, Any], float | None]  # score(true maps, predicted maps)


Truth = Annotated[
    list[str],
    option(
        metavar="TRUTH...",
        show_default=False,
        help="True label maps: files, folders, 'globs*'; everything up to the next option.",
    ),
]
Matched = Annotated[
    bool, option(help="Match segments to labels one to one, or compare equal labels.")
]
ScopeOption = Annotated[
    Scope, option(help="dataset: labels mean the same in all images; image: in each its own.")
]
Tolerance = Annotated[
    float, option(min=0, help="Tolerance of boundary F1, in pixels or the unit of --spacing.")
]


def evaluate(
    predictions: Annotated[
        list[str], file_arguments("PRED", "Predicted label maps: files, folders, 'globs*'.")
    ],
    truth: Truth,
    report: Report,
    metric: Annotated[list[Metric], option(help="Score to print; may be repeated.")] = DEFAULTS,
    matched: Matched = True,
    scope: ScopeOption = Scope.dataset,
    tolerance: Tolerance = 2,
    ignore_label: IgnoreLabels = [],  # noqa: B006 a list has to have a list as its default
    volume: Volume = False,
    spacing: Spacing = None,
) -> None:
    """Score label maps."""
    paths, truths = expand(predictions), expand(truth)
    others = match_by_name(paths, truths, what="--truth", all_needed=True)
    scores = _scores(metric, matched, ignore_label, tolerance, spacing)
    volume = volume or spacing is not None
    pairs = [_read_pair(path, other, volume) for path, other in zip(paths, others, strict=True)]
    files: list[Any] = list(zip(paths, others, pairs, strict=True))
    if scope == Scope.image:  # a page is an image, too
        files = [(*names, ([t], [p])) for *names, pair in files for t, p in zip(*pair, strict=True)]
    per_image = [_apply(scores, t, p, ignore_label) for _, _, (t, p) in files]
    named = [(path.name, values) for (path, *_), values in zip(files, per_image, strict=True)]
    pooled = None
    if scope == Scope.dataset:
        true, pred = ([labels for pair in pairs for labels in pair[i]] for i in (0, 1))
        pooled = _apply(scores, true, pred, ignore_label)
        named.append(("all pixels", pooled))
    table = [[name, *map(_shown, values.values())] for name, values in named]
    report.table(["", *(TITLES[name] for name in dict.fromkeys(metric))], table)
    rows = [
        {"prediction": str(path), "truth": str(other), **values}
        for (path, other, _), values in zip(files, per_image, strict=True)
    ]
    report.result({"matched": matched, "images": rows, "pooled": pooled})


def _read_pair(path: Path, partner: Any, volume: bool) -> tuple[list[Any], list[Any]]:
    """Return the true and the predicted label maps of one file, of equal sizes."""
    true, pred = read_labels(partner, volume), read_labels(path, volume)
    sizes = [[labels.shape for labels in maps] for maps in (pred, true)]
    if sizes[0] != sizes[1]:
        raise ValueError(
            f"{path}: its label maps are of sizes {sizes[0]}, but those of {partner} are of "
            f"{sizes[1]}. Compare label maps of the same images."
        )
    return true, pred


def _scores(
    metrics: Sequence[Metric],
    matched: bool,
    ignore_label: list[int],
    tolerance: float,
    spacing: Any = None,
) -> dict[str, Score]:
    """Return the requested scores by name; a score is None where it is undefined."""
    from sklearn.metrics import adjusted_rand_score

    from ..imaging._label_maps import is_labeled
    from ..metrics._boundary import boundary_f1
    from ..metrics._contingency import labeled
    from ..metrics._overlap import dice_score, matched_accuracy, mean_iou, pixel_accuracy
    from ..metrics._region_scores import covering

    ignored = {"ignore_label": ignore_label}
    accuracy = matched_accuracy if matched else pixel_accuracy

    def boundaries(true: Any, pred: Any) -> float | None:
        # Unlabeled regions have boundaries that no prediction can match.
        if not all(is_labeled(labels, ignore_label).all() for labels in true):
            return None
        return boundary_f1(true, pred, tolerance=tolerance, spacing=spacing)

    every: dict[str, Score] = {
        "miou": lambda t, p: mean_iou(t, p, matched=matched, **ignored),
        "dice": lambda t, p: dice_score(t, p, matched=matched, **ignored),
        "accuracy": lambda t, p: accuracy(t, p, **ignored),
        "ari": lambda t, p: float(adjusted_rand_score(*labeled(t, p, ignore_label))),
        "boundary-f1": boundaries,
        "covering": lambda t, p: float(covering(t, p, **ignored)),
    }
    return {name.value: every[name.value] for name in metrics}


def _apply(
    scores: dict[str, Score], true: list[Any], pred: list[Any], ignore_label: list[int]
) -> dict[str, float | None]:
    """Return all scores; None for maps without a labeled pixel."""
    from ..imaging._label_maps import is_labeled
    from ..metrics._contingency import flat

    if not is_labeled(flat(true), ignore_label).any():
        return dict.fromkeys(scores)
    return {name: score(true, pred) for name, score in scores.items()}


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
