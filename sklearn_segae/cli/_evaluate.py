"""`segae evaluate`: how well label maps agree with true ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from ..storage._label_files import read_labels
from ._console import Report
from ._options import IgnoreLabel, Json, Quiet
from ._paths import expand, match_by_name

HELP = """Compare label maps with true ones: a table of scores, 1 is best.

Examples:

  segae evaluate labels/ --truth masks/

  segae evaluate labels/ --truth masks/ --no-matched --ignore-label 255 --metric miou --metric dice

Files go together by name, or in order. Segments are matched to labels one to one, as fits \
clusters; --no-matched compares equal numbers, as fits classes. Pixels of the true label -1 do not \
count. The last row takes the pixels of all images together.
"""


class Metric(StrEnum):
    """Names of scores."""

    miou = "miou"
    dice = "dice"
    accuracy = "accuracy"
    ari = "ari"
    boundary_f1 = "boundary-f1"
    covering = "covering"


TITLES = {
    Metric.miou: "mean IoU",
    Metric.dice: "Dice",
    Metric.accuracy: "accuracy",
    Metric.ari: "ARI",
    Metric.boundary_f1: "boundary F1",
    Metric.covering: "covering",
}
DEFAULTS = [Metric.miou, Metric.accuracy, Metric.ari, Metric.boundary_f1]
Score = Callable[[Any, Any], float | None]  # of true and predicted maps


def evaluate(
    predictions: Annotated[
        list[str],
        typer.Argument(
            metavar="PRED", show_default=False, help="Label maps: files, folders, 'globs*'."
        ),
    ],
    truth: Annotated[
        list[str],
        typer.Option(
            metavar="TRUTH...",
            show_default=False,
            help="True label maps: files, folders, 'globs*', up to the next option.",
        ),
    ],
    metric: Annotated[list[Metric], typer.Option(help="Which scores; may be repeated.")] = DEFAULTS,
    matched: Annotated[
        bool, typer.Option(help="Match segments to labels one to one; else compare equal labels.")
    ] = True,
    tolerance: Annotated[float, typer.Option(min=0, help="Of boundary F1, in pixels.")] = 2,
    ignore_label: IgnoreLabel = [],  # noqa: B006
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Score label maps."""
    report = Report(as_json, quiet)
    paths, truths = expand(predictions), expand(truth)
    others = match_by_name(paths, truths, what="--truth", all_needed=True)
    scores = _scores(metric, matched, ignore_label, tolerance)
    pairs = [_read_pair(path, other) for path, other in zip(paths, others, strict=True)]
    per_image = [_apply(scores, *pair, ignore_label) for pair in pairs]
    true, pred = ([labels for pair in pairs for labels in pair[i]] for i in (0, 1))
    pooled = _apply(scores, true, pred, ignore_label)
    names = [path.name for path in paths]
    table = [
        [name, *map(_shown, values.values())]
        for name, values in zip([*names, "all pixels"], [*per_image, pooled], strict=True)
    ]
    report.table(["", *(TITLES[name] for name in dict.fromkeys(metric))], table)
    rows = [
        {"prediction": str(path), "truth": str(other), **values}
        for path, other, values in zip(paths, others, per_image, strict=True)
    ]
    report.result({"matched": matched, "images": rows, "pooled": pooled})


def _read_pair(path: Path, partner: Any) -> tuple[list[Any], list[Any]]:
    """Return true and predicted label maps of one size."""
    true, pred = read_labels(partner), read_labels(path)
    sizes = [[labels.shape for labels in maps] for maps in (pred, true)]
    if sizes[0] != sizes[1]:
        raise ValueError(
            f"{path}: its label maps are of sizes {sizes[0]}, but those of {partner} are of "
            f"{sizes[1]}. Compare label maps of the same images."
        )
    return true, pred


def _scores(
    metrics: Sequence[Metric], matched: bool, ignore_label: IgnoreLabel, tolerance: float
) -> dict[str, Score]:
    """Return the asked scores by name; None stands for what cannot be told."""
    from sklearn.metrics import adjusted_rand_score

    from ..imaging._label_maps import is_labeled
    from ..metrics._boundary import boundary_f1
    from ..metrics._contingency import labeled
    from ..metrics._overlap import dice_score, matched_accuracy, mean_iou, pixel_accuracy
    from ..metrics._region_scores import covering

    ignored = {"ignore_label": ignore_label}
    accuracy = matched_accuracy if matched else pixel_accuracy

    def boundaries(true: Any, pred: Any) -> float | None:
        # Pixels that do not count have borders that no prediction can know of.
        if not all(is_labeled(labels, ignore_label).all() for labels in true):
            return None
        return boundary_f1(true, pred, tolerance=tolerance)

    every: dict[Metric, Score] = {
        Metric.miou: lambda t, p: mean_iou(t, p, matched=matched, **ignored),
        Metric.dice: lambda t, p: dice_score(t, p, matched=matched, **ignored),
        Metric.accuracy: lambda t, p: accuracy(t, p, **ignored),
        Metric.ari: lambda t, p: float(adjusted_rand_score(*labeled(t, p, ignore_label))),
        Metric.boundary_f1: boundaries,
        Metric.covering: lambda t, p: float(covering(t, p, **ignored)),
    }
    return {name.value: every[name] for name in metrics}


def _apply(
    scores: dict[str, Score], true: list[Any], pred: list[Any], ignore_label: IgnoreLabel
) -> dict[str, float | None]:
    """Return all scores; None for maps without a pixel that counts."""
    from ..imaging._label_maps import is_labeled
    from ..metrics._contingency import flat

    if not is_labeled(flat(true), ignore_label).any():
        return dict.fromkeys(scores)
    return {name: score(true, pred) for name, score in scores.items()}


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
