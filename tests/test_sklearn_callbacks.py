"""scikit-learn's callbacks: told of every epoch, alone and in company, and listened to."""

import gc
import weakref

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_segae import (
    AESegmenter,
    AutoencoderTransformer,
    PixelEncoder,
    PixelVotingClassifier,
    UNetClassifier,
)
from sklearn_segae._base import FitTask
from sklearn_segae.metrics import make_segmentation_scorer, matched_accuracy
from sklearn_segae.training._callbacks import SklearnCallbacks

callback = pytest.importorskip("sklearn.callback", reason="scikit-learn < 1.9 has no callbacks")


def small(**parameters):
    return AutoencoderTransformer(2, hidden_layer_sizes=(8,), max_epochs=3).set_params(
        random_state=0, **parameters
    )


def monitor():
    """A ScoringMonitor of the estimator's own score; 1.9.1 takes no plain scoring=None."""
    return callback.ScoringMonitor(scoring={"score": own_score})


def own_score(estimator, X, y):
    return estimator.score(X)


class Recorder:
    """Note what it is told, and wish to stop after some epochs."""

    def __init__(self, stop_after=np.inf):
        self.stop_after = stop_after
        self.heard = []
        self.fitted = []

    def setup(self, estimator, context):
        self.heard.append("setup")

    def on_fit_task_begin(self, estimator, context):
        self.heard.append(f"begin {context.task_name}")

    def on_fit_task_end(
        self, estimator, context, *, X=None, y=None, metadata=None, fitted_estimator=None
    ):
        self.data = X, y, metadata
        self.heard.append(f"end {context.task_name}")
        self.fitted.append(fitted_estimator)
        return context.task_name == "epoch" and context.task_id + 1 >= self.stop_after

    def teardown(self, estimator, context):
        self.heard.append("teardown")


def test_every_epoch_is_a_task(rows):
    """Begun and ended, in order, within the fit."""
    recorder = Recorder()
    small().set_callbacks(recorder).fit(rows)
    epochs = ["begin epoch", "end epoch"] * 3
    assert recorder.heard == ["setup", "begin fit", *epochs, "end fit", "teardown"]


def test_a_wish_to_stop_is_honored(rows):
    """Training ends with that epoch, and the estimator is fitted."""
    recorder = Recorder(stop_after=2)
    ae = small().set_callbacks(recorder).fit(rows)
    assert (ae.n_iter_, ae.stop_reason_) == (2, "callback")
    assert ae.transform(rows).shape == (300, 2)
    assert recorder.heard[-2:] == ["end fit", "teardown"]


def test_the_epoch_that_ends_training_is_ended_too(rows):
    """Stop rules of the estimator's own leave no task open."""
    recorder = Recorder()
    ae = small(lr=1e-12, n_iter_no_change=1).set_callbacks(recorder).fit(rows)
    assert (ae.n_iter_, ae.stop_reason_) == (2, "no_improvement")
    assert recorder.heard.count("end epoch") == 2


def test_fitted_estimators_are_of_their_time(rows):
    """Each encodes as if training had stopped there; the last as the estimator does."""
    recorder = Recorder()
    ae = small().set_callbacks(recorder).fit(rows)
    after = [estimator.transform(rows) for estimator in recorder.fitted]
    np.testing.assert_allclose(after[0], small(max_epochs=1).fit(rows).transform(rows))
    np.testing.assert_array_equal(after[-1], ae.transform(rows))
    assert np.abs(after[1] - after[0]).max() > 1e-3


def test_callbacks_do_not_change_what_is_learnt(rows):
    """Looking on costs no random number."""
    watched = small().set_callbacks(Recorder(), monitor())
    np.testing.assert_array_equal(watched.fit(rows).transform(rows), small().fit_transform(rows))


def test_a_failing_fit_tears_down(rows):
    """Whatever happens, callbacks hear of the end."""
    recorder = Recorder()
    with pytest.raises(FloatingPointError):
        small(lr=1e30, optimizer="sgd", max_epochs=20).set_callbacks(recorder).fit(rows)
    assert recorder.heard[-1] == "teardown"


def test_the_net_forgets_who_looked_on(rows):
    """The data goes when the caller lets go of it, as without callbacks; so do fitted copies."""
    X = rows.copy()
    held = weakref.ref(X)
    looking = monitor()
    ae = small().set_callbacks(looking).fit(X)
    del X
    gc.collect()
    assert held() is None
    assert not hasattr(
        next(c for c in ae.net_.callbacks if isinstance(c, SklearnCallbacks)), "tasks"
    )


def test_scores_are_monitored(rows):
    """ScoringMonitor logs the score of every epoch and of the fit, without a y."""
    scores_of_epochs = monitor()
    ae = small().set_callbacks(scores_of_epochs).fit(rows)
    scores = {entry["task_id_path"]: entry["score"] for entry in scores_of_epochs.get_logs().data}
    assert scores[(0,)] == pytest.approx(ae.score(rows))
    assert scores[(0, 0)] < scores[(0, 1)] < scores[(0, 2)] == pytest.approx(ae.score(rows))


def test_callbacks_see_data_and_weights(rows):
    """X as it was passed, as its own target where there is no y, and the weights."""
    recorder, weight = Recorder(), np.linspace(0, 1, 300)
    small().set_callbacks(recorder).fit(rows, sample_weight=weight)
    X, y, metadata = recorder.data
    assert X is rows
    assert y is rows
    assert metadata["sample_weight"] is weight
    small().set_callbacks(recorder).fit(rows, y=weight)
    assert recorder.data[1] is weight


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_progress_is_shown_in_a_search_over_a_pipeline(rows, capsys, n_jobs):
    """A bar for every epoch's parent: search, candidates, pipeline, autoencoder."""
    pytest.importorskip("rich")
    pipeline = make_pipeline(StandardScaler(), small(max_epochs=2))
    grid = {"autoencodertransformer__n_components": [1, 2]}
    search = GridSearchCV(pipeline, grid, cv=2, n_jobs=n_jobs)
    search.set_callbacks(callback.ProgressBar(max_propagation_depth=None)).fit(rows)
    shown = capsys.readouterr().out
    assert "GridSearchCV" in shown
    assert "AutoencoderTransformer" in shown
    assert search.best_params_ == {"autoencodertransformer__n_components": 2}


def test_scores_are_monitored_inside_a_search(rows):
    """Epochs are found below the candidates and steps that they belong to."""
    looking = monitor()
    pipeline = make_pipeline(StandardScaler(), small(max_epochs=2).set_callbacks(looking))
    grid = {"autoencodertransformer__n_components": [1, 2]}
    GridSearchCV(pipeline, grid, cv=2).fit(rows)
    scores = [entry["score"] for run in looking.get_logs("all") for entry in run.data]
    assert len(scores) == (2 * 2 + 1) * (2 + 1)  # candidates x folds and a refit; epochs and a fit
    assert np.isfinite(scores).all()


def test_older_scikit_learn_is_left_alone():
    """An estimator without support for callbacks trains without being told of anything."""
    task = FitTask(object(), 3, X=None, y=None, metadata={})
    assert task.of_epochs(lambda net: {}) is None
    with task.of_part("encoder", None):
        pass
    task.finish()


def test_clones_keep_callbacks(rows):
    """As scikit-learn has it: clone hands callbacks on."""
    recorder = Recorder()
    clone(small().set_callbacks(recorder)).fit(rows)
    assert recorder.heard.count("end epoch") == 3


def tiny_images_encoder(**parameters):
    return PixelEncoder(3, n_filters=4, batch_size=1, max_epochs=3, random_state=0, **parameters)


@pytest.mark.parametrize("features", ["intensity", "texture", "multiscale"])
def test_encoders_of_pixels_are_fitted_after_every_epoch(shapes, features):
    """Each can encode; the first as if training had stopped there, but for the drawn pixels."""
    recorder, images = Recorder(), shapes[0]
    encoder = tiny_images_encoder(features=features).set_callbacks(recorder).fit(images)
    epochs = ["begin epoch", "end epoch"] * 3
    assert recorder.heard == ["setup", "begin fit", *epochs, "end fit", "teardown"]
    first, *_, last = (fitted.transform(images) for fitted in recorder.fitted)
    assert np.abs(first - last).max() > 1e-3
    np.testing.assert_array_equal(last, encoder.transform(images))
    alone = tiny_images_encoder(features=features).fit(images)
    np.testing.assert_array_equal(last, alone.transform(images))


def test_an_encoder_of_pixels_heeds_a_wish_to_stop(shapes):
    """It is fitted then."""
    encoder = tiny_images_encoder().set_callbacks(Recorder(stop_after=1)).fit(shapes[0])
    assert (encoder.n_iter_, encoder.stop_reason_) == (1, "callback")
    assert encoder.transform(shapes[0]).shape == (3, 64, 64, 3)


def test_a_segmenter_is_told_of_its_encoder(shapes):
    """Fit, encoder, and inside the encoder its epochs, where a callback follows there."""
    recorder = Recorder()
    AESegmenter(3, encoder=tiny_images_encoder(), random_state=0).set_callbacks(recorder).fit(
        shapes[0]
    )
    inside = ["begin encoder", "end encoder"]
    assert recorder.heard == ["setup", "begin fit", *inside, "end fit", "teardown"]


def test_segmentations_are_monitored(shapes):
    """ScoringMonitor logs the score of the fitted segmenter against the true maps."""
    images, truth = shapes
    scorer = make_segmentation_scorer(matched_accuracy)
    watching = callback.ScoringMonitor(scoring={"accuracy": scorer})
    segmenter = AESegmenter(3, encoder=tiny_images_encoder(), random_state=0)
    segmenter.set_callbacks(watching).fit(images, truth)
    (entry,) = watching.get_logs().data
    assert entry["accuracy"] == pytest.approx(scorer(segmenter, images, truth))


def test_progress_reaches_the_epochs_of_an_encoder(shapes, capsys):
    """A bar for the segmenter, and one for the encoder inside."""
    pytest.importorskip("rich")
    segmenter = AESegmenter(3, encoder=tiny_images_encoder(), random_state=0)
    segmenter.set_callbacks(callback.ProgressBar(max_propagation_depth=None)).fit(shapes[0])
    shown = capsys.readouterr().out
    assert "AESegmenter" in shown
    assert "PixelEncoder" in shown
    assert not hasattr(segmenter.encoder_, "_skl_callbacks")


def tiny_unet():
    return UNetClassifier(4, crop_size=32, max_epochs=2, random_state=0)


def test_a_segmenter_is_told_of_its_network(shapes):
    """After the encoder; the network's own callbacks of its epochs, with scores of its features."""
    recorder, looking = Recorder(), callback.ScoringMonitor(scoring={"accuracy": labeled_accuracy})
    estimator = tiny_unet().set_callbacks(looking)
    segmenter = AESegmenter(encoder=tiny_images_encoder(), estimator=estimator, random_state=0)
    segmenter.set_callbacks(recorder).fit(*shapes)
    inside = ["begin encoder", "end encoder", "begin estimator", "end estimator"]
    assert recorder.heard == ["setup", "begin fit", *inside, "end fit", "teardown"]
    scores = [entry["accuracy"] for run in looking.get_logs("all") for entry in run.data]
    assert len(scores) == 2 + 1
    assert scores[-1] == pytest.approx(segmenter.score(*shapes))


def labeled_accuracy(estimator, X, y):
    return estimator.score(X, y)


@pytest.mark.parametrize("weights", [None, "auto"])
def test_progress_reaches_the_networks_of_a_vote(shapes, capsys, weights):
    """A bar for the segmenter, one for the vote, and one for each training of its network."""
    pytest.importorskip("rich")
    vote = PixelVotingClassifier(
        [("line", LogisticRegression()), ("unet", tiny_unet())], weights=weights
    )
    segmenter = AESegmenter(encoder="passthrough", estimator=vote, random_state=0)
    segmenter.set_callbacks(callback.ProgressBar(max_propagation_depth=None)).fit(*shapes)
    shown = capsys.readouterr().out
    for name in ("AESegmenter", "PixelVotingClassifier", "UNetClassifier"):
        assert name in shown
    assert not hasattr(segmenter.estimator_, "_skl_callbacks")


def test_cached_encoders_do_not_depend_on_who_listens(shapes, tmp_path):
    """A progress bar neither trains again nor is stored."""
    parameters = {"encoder": tiny_images_encoder(), "memory": str(tmp_path), "random_state": 0}
    first = AESegmenter(3, **parameters).fit(shapes[0])
    recorder = Recorder()
    second = AESegmenter(3, **parameters).set_callbacks(recorder).fit(shapes[0])
    assert "begin encoder" not in recorder.heard
    np.testing.assert_array_equal(first.labels_, second.labels_)
