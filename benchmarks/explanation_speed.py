"""Measure the time of explanations of one large image, on one core, for four segmenters.

    python benchmarks/explanation_speed.py [--side 1024] [--cases 0 1 2 3]

Three channels of two textures, of which one is brighter. Segmenters learn from an image of 512 x
512 pixels; then, of an image of --side pixels, one pixel is explained by either method, prototypes
of both segments are found, and the first component is traversed. Time of the processor on one
thread: what else a machine does hardly counts.
"""

import argparse
import time

import numpy as np
import torch
from sklearn.ensemble import RandomForestClassifier

from sklearn_segae import AESegmenter, PixelEncoder
from sklearn_segae.datasets import make_mosaic
from sklearn_segae.inspection._attribution import pixel_attribution
from sklearn_segae.inspection._latent_traversal import latent_traversal
from sklearn_segae.inspection._prototypes import segment_prototypes

CASES = {  # features, what follows
    "texture, head": ("texture", "head"),
    "color, mixture": ("intensity", None),
    "all, head": ("multiscale", "head"),
    "all, forest": ("multiscale", RandomForestClassifier(50, random_state=0)),
}


def make_scene(side):
    """One image of three channels, and its label map."""
    textures, labels = make_mosaic(3, n_segments=2, size=side, random_state=0)
    labels = np.repeat(labels[:1], 3, 0)
    images = np.stack([textures[i, ..., 0] for i in range(3)], -1) + labels[0][..., None]
    return images[None].astype(np.float32), labels[:1]


def seconds(function, *arguments, **options):
    start = time.process_time()
    function(*arguments, **options)
    return f"{time.process_time() - start:.1f}"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--cases", type=int, nargs="+", default=range(len(CASES)))
    args = parser.parse_args()
    torch.set_num_threads(1)
    known, labels = make_scene(512)
    image = make_scene(args.side)[0][0]
    pixel = (args.side // 3, args.side // 3)
    print("| codes, estimator | gradients | occlusion | prototypes | traversal |")
    print("| --- " * 5 + "|")
    for case in args.cases:
        name, (features, estimator) = list(CASES.items())[case]
        encoder = PixelEncoder(8, features=features, max_epochs=3)
        segmenter = AESegmenter(2, encoder=encoder, estimator=estimator, random_state=0)
        segmenter.fit(known, labels)
        found = []
        for method in ("integrated_gradients", "occlusion"):
            if "forest" in name and method != "occlusion":
                found.append("none")
                continue
            found.append(seconds(pixel_attribution, segmenter, image, pixel, method=method))
        found.append(seconds(segment_prototypes, segmenter, [image]))
        found.append(seconds(latent_traversal, segmenter.encoder_, image, 0))
        print(f"| {name} |", " | ".join(found), "|", flush=True)


if __name__ == "__main__":
    main()
