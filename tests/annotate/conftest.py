"""Annotations of two small mosaics."""

import pytest


@pytest.fixture(scope="session")
def start(tmp_path_factory):
    """Start, or continue, an annotation of mosaics as files in a folder: AnnotationProject."""
    from sklearn_segae import PixelEncoder
    from sklearn_segae.annotate._start import open_project
    from sklearn_segae.datasets import make_mosaic
    from sklearn_segae.storage._files import write_image

    def start(folder=None, files=("one.tif", "two.tif"), size=64, **options):
        folder = folder or tmp_path_factory.mktemp("mosaics")
        images, _ = make_mosaic(len(files), n_segments=2, size=size, random_state=0)
        for name, image in zip(files, images, strict=True):
            if not (folder / name).exists():
                write_image(folder / name, image[..., 0])
        tiny = PixelEncoder(4, features="multiscale", n_filters=4, batch_size=1, max_epochs=0)
        options = {"encoder": tiny, **options}
        paths = [folder / name for name in files]
        return open_project(paths, folder / "out", **options)[0]

    return start
