"""Several processes: dask.distributed, and searches under joblib's dask backend."""

import os
import signal

import dask.array as da
import joblib
import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV

from sklearn_segae import AESegmenter, PixelEncoder
from sklearn_segae.metrics import make_segmentation_scorer, mean_iou
from sklearn_segae.model_selection import SingleSplit

distributed = pytest.importorskip("distributed")
pytestmark = pytest.mark.slow  # every worker imports torch first


@pytest.fixture(scope="module")
def cluster():
    """Two worker processes of one thread each, and a client."""
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture
def segmenter():
    encoder = PixelEncoder(4, features="intensity", n_filters=4, batch_size=1, max_epochs=1)
    return AESegmenter(3, encoder=encoder, random_state=0)


def test_two_processes_give_the_labels_of_one(cluster, segmenter, shapes):
    """The same label map, wherever its chunks were computed."""
    images = np.tile(shapes[0][:2], (1, 4, 3, 1))
    segmenter.fit(shapes[0]).set_params(max_memory="40MiB")
    lazy = segmenter.predict(da.from_array(images, (1, 64, 64, 1)))

    found = cluster.compute(lazy).result(timeout=200)

    assert lazy.npartitions > 4
    np.testing.assert_array_equal(found, segmenter.predict(images))


def test_files_are_segmented_where_the_workers_are(cluster, segmenter, shapes, tmp_path):
    """A bag of paths in, a bag of label maps out; the model is sent as one task's result."""
    import dask.bag
    from dask import delayed

    segmenter.fit(shapes[0])
    paths = [tmp_path / f"{i}.npy" for i in range(3)]
    for path, image in zip(paths, shapes[0], strict=True):
        np.save(path, image)

    bag = dask.bag.from_sequence(paths, npartitions=2)
    maps = bag.map(segment_file, model=delayed(segmenter)).compute()

    np.testing.assert_array_equal(np.stack(maps), segmenter.labels_)


def segment_file(path, model):
    from sklearn_segae.storage import open_image

    return model.predict([open_image(path)])[0]


def test_a_search_runs_on_the_cluster(cluster, segmenter, shapes):
    """GridSearchCV under joblib's dask backend finds the scores that it finds in one process."""
    images, truth = shapes
    scorer = make_segmentation_scorer(mean_iou)
    grid = {"n_segments": [2, 3]}
    search = GridSearchCV(segmenter, grid, scoring=scorer, cv=SingleSplit(), refit=False)
    expected = search.fit(images, truth).cv_results_["mean_test_score"]

    with joblib.parallel_backend("dask"):
        found = search.fit(images, truth).cv_results_["mean_test_score"]

    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_lost_worker_does_not_show(cluster, segmenter, shapes):
    """What a killed process was at is done again by another: the label map is complete."""
    images = np.tile(shapes[0][:2], (1, 4, 4, 1))
    segmenter.fit(shapes[0]).set_params(max_memory="40MiB")
    lazy = segmenter.predict(da.from_array(images, (1, 64, 64, 1)))

    future = cluster.compute(lazy)
    victim = next(iter(cluster.scheduler_info(n_workers=-1)["workers"]))
    cluster.restart_workers([victim], timeout=60)

    np.testing.assert_array_equal(future.result(timeout=200), segmenter.predict(images))


def test_a_killed_worker_loses_nothing(cluster, segmenter, shapes, tmp_path):
    """The process that computes the first chunk is killed; dask computes it again elsewhere."""
    images = np.tile(shapes[0][:2], (1, 4, 3, 1))
    segmenter.fit(shapes[0]).set_params(max_memory="40MiB")
    deadly = da.from_array(images, (1, 64, 64, 1)).map_blocks(
        kill_once, tmp_path / "killed", os.getpid(), meta=images[:0]
    )

    found = cluster.compute(segmenter.predict(deadly)).result(timeout=200)

    assert (tmp_path / "killed").exists()
    np.testing.assert_array_equal(found, segmenter.predict(images))


def kill_once(block, marker, survivor):
    """Kill the own process, if it is a worker's, the first time that a block comes."""
    if os.getpid() != survivor:
        try:
            marker.touch(exist_ok=False)
        except FileExistsError:
            return block
        os.kill(os.getpid(), signal.SIGKILL)
    return block
