"""Displays of losses, reconstructions and latent traversals."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.utils import Bunch
from sklearn.utils.validation import check_is_fitted

from ..inspection._latent_traversal import latent_traversal
from ._axes import LINES, SEQUENTIAL, aspect_of, draw_color_bar, draw_picture, panels
from ._volumes import refuse_volumes

REASONS = {
    "max_epochs": "max_epochs was reached",
    "no_improvement": "no more improvement",
    "callback": "stopped by a callback",
    "interrupted": "interrupted",
}


class LossCurveDisplay:
    """Training and validation losses over the epochs, and the reason why training stopped.

    Parameters
    ----------
    loss_curve : list of float
        Training loss of every epoch.
    validation_loss_curve : list of float, default=None
        Validation loss of every epoch.
    stop_reason : str, default=None
        The `stop_reason_` of an estimator, shown in the title.

    Attributes
    ----------
    figure_, ax_ : matplotlib Figure and Axes
        Where the losses are drawn.
    lines_ : list of matplotlib lines
        The curves.

    Examples
    --------
    >>> from sklearn_segae.plotting import LossCurveDisplay
    >>> display = LossCurveDisplay.from_predictions([3.0, 2.0, 1.5], stop_reason="max_epochs")
    >>> display.ax_.get_title()
    '3 epochs: max_epochs was reached'
    """

    def __init__(
        self,
        loss_curve: Any,
        *,
        validation_loss_curve: Any = None,
        stop_reason: str | None = None,
    ) -> None:
        self.loss_curve = loss_curve
        self.validation_loss_curve = validation_loss_curve
        self.stop_reason = stop_reason

    @classmethod
    def from_estimator(cls, estimator: Any, **options: Any) -> Self:
        """Draw the losses of a fitted estimator.

        Parameters
        ----------
        estimator : AutoencoderTransformer, PixelEncoder, PixelHead or AESegmenter
            A fitted estimator. The losses of a segmenter are those of its encoder.
        **options : as in `plot`
        """
        check_is_fitted(estimator)
        trained = getattr(estimator, "encoder_", estimator)
        if not hasattr(trained, "loss_curve_"):
            raise ValueError(
                f"{trained!r} has no losses: it was not trained in epochs. Pass an estimator with "
                "loss_curve_."
            )
        display = cls(
            trained.loss_curve_,
            validation_loss_curve=getattr(trained, "validation_loss_curve_", None),
            stop_reason=trained.stop_reason_,
        )
        return display.plot(**options)

    @classmethod
    def from_predictions(
        cls,
        loss_curve: Any,
        validation_loss_curve: Any = None,
        *,
        stop_reason: str | None = None,
        **options: Any,
    ) -> Self:
        """Draw given losses; parameters as in the class and in `plot`."""
        display = cls(
            loss_curve, validation_loss_curve=validation_loss_curve, stop_reason=stop_reason
        )
        return display.plot(**options)

    def plot(self, *, ax: Any = None, name: str | None = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : Axes, default=None
            Axes to draw on. None creates a figure.
        name : str, default=None
            Name of the network for the legend.
        """
        self.figure_, axes = panels(1, 1, ax, size=4) if ax is None else (ax.figure, None)
        self.ax_ = ax if axes is None else axes[0, 0]
        validation = self.validation_loss_curve
        prefix = f"{name}, " if name else ""
        self.lines_ = self._draw(self.loss_curve, f"{prefix}training", LINES[0], "-o")
        if validation is not None and len(validation) and np.isfinite(validation).any():
            self.lines_ += self._draw(validation, f"{prefix}validation", LINES[1], "--s")
        self.ax_.set(xlabel="epoch", ylabel="loss")
        self.ax_.xaxis.get_major_locator().set_params(integer=True)
        if self.stop_reason:
            reason = REASONS.get(self.stop_reason, self.stop_reason)
            self.ax_.set_title(f"{len(self.loss_curve)} epochs: {reason}", fontsize="medium")
        self.ax_.legend(frameon=False)
        return self

    def _draw(self, curve: Any, label: str, color: str, style: str) -> list[Any]:
        epochs = np.arange(1, len(curve) + 1)
        options = {"markevery": max(1, len(curve) // 12), "markersize": 4}
        return list(self.ax_.plot(epochs, curve, style, color=color, label=label, **options))


class ReconstructionDisplay:
    """Samples, their reconstructions, and the absolute differences, one below the other.

    Parameters
    ----------
    originals, reconstructions : ndarray of shape (n, H, W), (n, H, W, C) or (n, n_features)
        Images are drawn as pictures, rows and signals as curves.

    Attributes
    ----------
    figure_, ax_, axes_ : matplotlib Figure, first Axes, ndarray of Axes (rows, n)
    """

    def __init__(self, originals: Any, reconstructions: Any) -> None:
        self.originals = originals
        self.reconstructions = reconstructions

    @classmethod
    def from_estimator(cls, estimator: Any, X: Any, **options: Any) -> Self:
        """Encode and decode samples, and draw the reconstructions.

        Parameters
        ----------
        estimator : AutoencoderTransformer or PixelEncoder
            A fitted estimator. Codes of a PixelEncoder are decoded by a linear map to pixels.
        X : array or list
            Samples as in `transform`. All of them are drawn.
        **options : as in `plot`
        """
        check_is_fitted(estimator)
        refuse_volumes(
            estimator,
            "ReconstructionDisplay",
            "Pass slices of volumes and of what inverse_transform returns to from_predictions.",
        )
        return cls(X, estimator.inverse_transform(estimator.transform(X))).plot(**options)

    @classmethod
    def from_predictions(cls, originals: Any, reconstructions: Any, **options: Any) -> Self:
        """Draw given reconstructions; parameters as in the class and in `plot`."""
        return cls(originals, reconstructions).plot(**options)

    def plot(self, *, ax: Any = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : Axes, or one for each panel, default=None
            Axes to draw on; a single one is subdivided. None creates a figure.
        """
        pairs = [
            (np.asarray(a, float), np.asarray(b, float))
            for a, b in zip(self.originals, self.reconstructions, strict=True)
        ]
        pictures = pairs[0][0].ndim >= 2 and min(pairs[0][0].shape[:2]) > 1
        rows = 3 if pictures else 1
        aspect = aspect_of(pairs[0][0]) if pictures else 1
        self.figure_, self.axes_ = panels(
            rows, len(pairs), ax, size=1.7, aspect=aspect, n_bars=rows // 3
        )
        self.ax_ = self.axes_[0, 0]
        if pictures:
            self._draw_pictures(pairs)
        else:
            self._draw_curves(pairs)
        return self

    def _draw_pictures(self, pairs: list[tuple[np.ndarray, np.ndarray]]) -> None:
        errors = [np.abs(a - b).reshape(*a.shape[:2], -1).mean(2) for a, b in pairs]
        highest = max(float(error.max()) for error in errors)
        for (a, b), error, column in zip(pairs, errors, self.axes_.T, strict=True):
            low, high = a.min(), a.max()
            shown = [np.clip((x - low) / max(high - low, 1e-12), 0, 1) for x in (a, b)]
            for ax, x in zip(column, shown, strict=False):
                _draw_on_own_scale(ax, x)
            found = draw_picture(column[2], error, cmap=SEQUENTIAL, vmin=0, vmax=highest)
            column[2].set_title(f"mean {error.mean():.3g}", fontsize="small")
        for ax, text in zip(self.axes_[:, 0], ("original", "decoded", "error"), strict=True):
            _name_row(ax, text)
        draw_color_bar(self.figure_, found, self.axes_[2], "|difference|")

    def _draw_curves(self, pairs: list[tuple[np.ndarray, np.ndarray]]) -> None:
        for (a, b), ax in zip(pairs, self.axes_[0], strict=True):
            ax.plot(a.ravel(), color=LINES[0], lw=1.2)
            ax.plot(b.ravel(), color=LINES[1], lw=1.2, ls="--")
            ax.set_title(f"mean error {np.abs(a - b).mean():.3g}", fontsize="small")
        self.ax_.legend(self.ax_.get_lines(), ("original", "decoded"), fontsize="small")


class LatentTraversalDisplay:
    """A sample decoded with several values of one component of its code.

    Parameters
    ----------
    traversal : Bunch
        Result of :func:`~sklearn_segae.inspection.latent_traversal`.

    Attributes
    ----------
    figure_, ax_, axes_ : matplotlib Figure, first Axes, ndarray of Axes (1, n_values)
    """

    def __init__(self, traversal: Bunch) -> None:
        self.traversal = traversal

    @classmethod
    def from_estimator(
        cls, estimator: Any, x: Any, component: int, values: Any = None, **options: Any
    ) -> Self:
        """Compute and draw a traversal; parameters as in `latent_traversal` and `plot`."""
        refuse_volumes(
            estimator,
            "LatentTraversalDisplay",
            "Call latent_traversal, replace `decoded` by decoded[:, z] for a slice z, and pass the "
            "result to LatentTraversalDisplay.",
        )
        return cls(latent_traversal(estimator, x, component, values)).plot(**options)

    def plot(self, *, ax: Any = None) -> Self:
        """Draw; `ax` as in `ReconstructionDisplay.plot`, with one panel for each value."""
        decoded, values = np.asarray(self.traversal.decoded, float), self.traversal.levels
        self.figure_, self.axes_ = panels(1, len(values), ax, size=1.7)
        self.ax_ = self.axes_[0, 0]
        low, high = decoded.min(), decoded.max()  # a common scale shows the change
        for ax_, x, value in zip(self.axes_[0], decoded, values, strict=True):
            if x.ndim >= 2 and min(x.shape[:2]) > 1:
                _draw_on_own_scale(ax_, (x - low) / max(high - low, 1e-12))
            else:
                ax_.plot(x.ravel(), color=LINES[0], lw=1.2)
                ax_.set_ylim(low, high)
            ax_.set_title(f"{value:.2g}", fontsize="small")
        self.figure_.supylabel(f"code {self.traversal.component}", fontsize="medium")
        return self


def _draw_on_own_scale(ax: Any, x: np.ndarray) -> None:
    """Draw numbers in [0, 1] without stretching the contrast of each picture."""
    if x.ndim == 2 or x.shape[2] == 1:
        draw_picture(ax, x.reshape(x.shape[:2]), cmap="gray", vmin=0, vmax=1)
    elif x.shape[2] == 3:
        draw_picture(ax, (255 * x).astype(np.uint8))
    else:
        draw_picture(ax, x)


def _name_row(ax: Any, text: str) -> None:
    """Write text to the left of a picture."""
    options = {"ha": "right", "va": "center", "rotation": 90, "fontsize": "medium"}
    ax.text(-0.06, 0.5, text, transform=ax.transAxes, **options)
