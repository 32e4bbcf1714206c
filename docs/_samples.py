"""Make the sample images of `sklearn_segae.datasets` from images of scikit-image's wheel.

    pip install scikit-image pillow
    python docs/_samples.py

Outlines and strokes were drawn by hand, in (x, y) of the image (tissue, strokes) or as boxes
(left, top, right, bottom) of ellipses in quarters of a pixel (coins). The borders of textures are
exact, since the mosaics are made here.
"""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from skimage import data

FOLDER = Path(__file__).parents[1] / "sklearn_segae" / "datasets" / "samples"
UNLABELED = 255  # in drawings; -1 in the files
LUMEN, STROMA, GLAND = range(3)

# fmt: off
OUTLINES = [  # class, polygon; later ones are drawn over earlier ones
    (GLAND, [
        (0, 0), (421, 0), (427, 16), (432, 32), (437, 48), (442, 62), (446, 76), (449, 88),
        (452, 100), (455, 112), (456, 126), (459, 140), (461, 155), (461, 168), (457, 178),
        (456, 190), (450, 204), (446, 214), (444, 224), (444, 236), (442, 246), (437, 256),
        (436, 262), (432, 272), (430, 282), (426, 290), (418, 293), (412, 298), (404, 296),
        (398, 290), (392, 284), (382, 280), (374, 277), (366, 279), (358, 275), (352, 268),
        (342, 262), (334, 254), (324, 244), (316, 232), (308, 222), (302, 212), (296, 200),
        (291, 184), (287, 172), (282, 160), (276, 148), (274, 141), (272, 145), (271, 165),
        (270, 185), (267, 200), (262, 212), (256, 222), (252, 226), (246, 232), (236, 240),
        (224, 247), (214, 252), (204, 259), (188, 260), (172, 260), (166, 256), (156, 248),
        (148, 242), (142, 236), (130, 236), (122, 228), (112, 226), (104, 220), (98, 214), (80,
        214), (66, 208), (58, 204), (50, 192), (42, 186), (30, 176), (20, 166), (14, 156), (8,
        146), (0, 140),
    ]),
    (GLAND, [
        (0, 140), (12, 152), (20, 166), (44, 188), (48, 196), (56, 206), (64, 213), (72, 220),
        (78, 230), (84, 242), (90, 250), (96, 258), (102, 266), (108, 278), (112, 288), (118,
        298), (126, 310), (134, 320), (142, 332), (146, 344), (149, 358), (153, 372), (156,
        380), (158, 396), (159, 412), (159, 430), (158, 450), (157, 470), (157, 490), (158,
        511), (40, 511), (39, 490), (41, 470), (44, 455), (46, 440), (48, 420), (47, 400), (47,
        384), (50, 370), (51, 350), (50, 336), (44, 322), (36, 312), (28, 300), (18, 288), (8,
        276), (0, 268),
    ]),
    (GLAND, [
        (272, 318), (278, 312), (282, 303), (288, 302), (292, 310), (300, 314), (310, 316),
        (320, 320), (330, 326), (340, 332), (350, 340), (360, 344), (366, 348), (369, 358),
        (371, 368), (374, 378), (378, 390), (380, 402), (382, 416), (383, 432), (382, 444),
        (380, 456), (377, 470), (373, 482), (367, 494), (364, 502), (352, 506), (340, 506),
        (330, 502), (318, 498), (306, 498), (300, 490), (296, 478), (290, 466), (282, 456),
        (274, 446), (268, 436), (262, 424), (258, 412), (255, 398), (252, 380), (252, 360),
        (253, 346), (258, 334), (266, 330),
    ]),
    (LUMEN, [
        (52, 0), (57, 8), (62, 17), (70, 18), (78, 13), (84, 5), (92, 3), (108, 3), (120, 2),
        (136, 4), (140, 12), (139, 26), (138, 36), (141, 40), (148, 42), (150, 40), (158, 36),
        (166, 40), (172, 40), (168, 34), (160, 28), (158, 20), (156, 8), (154, 0),
    ]),
    (LUMEN, [
        (163, 55), (170, 50), (178, 53), (185, 59), (178, 62), (170, 60), (172, 68), (170, 76),
        (174, 84), (178, 92), (184, 100), (178, 104), (174, 98), (170, 90), (160, 84), (154,
        78), (150, 72), (158, 70), (164, 64),
    ]),
    (LUMEN, [
        (173, 108), (180, 106), (178, 116), (172, 112),
    ]),
    (LUMEN, [
        (278, 0), (283, 0), (288, 12), (296, 28), (303, 46), (308, 58), (316, 66), (322, 78),
        (330, 90), (338, 100), (350, 110), (353, 122), (358, 136), (366, 148), (371, 152), (372,
        162), (376, 172), (380, 180), (382, 188), (378, 194), (372, 195), (364, 192), (356,
        186), (352, 176), (346, 166), (338, 156), (333, 144), (328, 132), (322, 120), (318,
        108), (312, 96), (306, 80), (303, 68), (300, 60), (296, 48), (290, 34), (283, 18),
    ]),
    (LUMEN, [
        (0, 268), (8, 276), (18, 288), (28, 300), (36, 312), (44, 322), (50, 336), (51, 350),
        (50, 370), (47, 384), (46, 400), (44, 420), (40, 440), (36, 460), (36, 480), (38, 511),
        (0, 511),
    ]),
    (LUMEN, [
        (99, 414), (104, 410), (109, 414), (110, 424), (104, 427), (99, 422),
    ]),
    (LUMEN, [
        (440, 390), (452, 396), (462, 394), (468, 404), (470, 420), (470, 440), (466, 456),
        (458, 462), (450, 466), (444, 478), (436, 486), (428, 490), (424, 480), (424, 460),
        (428, 440), (430, 420), (434, 404),
    ]),
    (UNLABELED, [
        (162, 478), (180, 474), (196, 480), (204, 494), (206, 511), (160, 511),
    ]),
    (UNLABELED, [
        (445, 206), (452, 200), (457, 208), (460, 222), (458, 234), (450, 242), (445, 240),
    ]),
]
TISSUE_STROKES = [
    (GLAND, [(40, 60), (110, 130), (150, 190)]),
    (GLAND, [(300, 430), (360, 420)]),
    (STROMA, [(170, 300), (230, 330), (230, 420)]),
    (STROMA, [(460, 60), (478, 160), (470, 250)]),
    (LUMEN, [(12, 330), (20, 380), (18, 450)]),
    (LUMEN, [(326, 95), (350, 145), (368, 182)]),
]
COINS = [
    (90, 138, 266, 296),
    (323, 155, 480, 296),
    (529, 113, 716, 294),
    (769, 118, 959, 292),
    (1022, 135, 1187, 289),
    (1220, 64, 1457, 288),
    (100, 415, 267, 578),
    (336, 429, 489, 578),
    (536, 438, 694, 579),
    (743, 419, 905, 577),
    (982, 381, 1185, 577),
    (1269, 421, 1425, 578),
    (101, 709, 249, 868),
    (320, 699, 496, 868),
    (541, 715, 696, 869),
    (755, 679, 946, 868),
    (1005, 688, 1187, 866),
    (1261, 623, 1517, 872),
    (73, 930, 298, 1150),
    (371, 977, 543, 1149),
    (577, 944, 805, 1150),
    (880, 960, 1076, 1151),
    (1103, 955, 1305, 1153),
    (1342, 989, 1526, 1156),
]
TEXTURE_STROKES = [  # of both mosaics
    [(0, [(30, 60), (35, 110)]), (1, [(125, 130), (120, 200)]), (2, [(215, 60), (220, 120)])],
    [(0, [(60, 60), (110, 50)]), (1, [(210, 90), (205, 150)]), (2, [(60, 170), (100, 200)])],
]
COIN_STROKES = [
    (1, [(40, 45), (50, 62)]),
    (1, [(325, 40), (350, 50)]),
    (1, [(205, 192), (215, 200)]),
    (0, [(20, 10), (180, 12)]),
    (0, [(60, 88), (180, 86)]),
    (0, [(300, 120), (310, 170)]),
    (0, [(20, 220), (140, 222)]),
]
# fmt: on


def lines(size, strokes, width):
    """Return strokes (h, w) as an integer map, -1 elsewhere."""
    drawing = Image.new("L", size, UNLABELED)
    for label, points in strokes:
        ImageDraw.Draw(drawing).line(points, fill=label, width=width, joint="curve")
    return signed(drawing)


def signed(drawing):
    """Return a drawing as int8, with -1 for unlabeled pixels."""
    labels = np.array(drawing).astype(np.int16)
    return np.where(labels == UNLABELED, -1, labels).astype(np.int8)


def tissue():
    """Return a stained section of the colon, with its glands, stroma and lumina."""
    image = data.immunohistochemistry()
    truth = Image.new("L", image.shape[1::-1], STROMA)
    for label, polygon in OUTLINES:
        ImageDraw.Draw(truth).polygon(polygon, fill=label)
    return image, signed(truth), lines(image.shape[1::-1], TISSUE_STROKES, 5)


def coins():
    """Return Greek coins on an unevenly lit background."""
    image = data.coins()
    height, width = image.shape
    truth = Image.new("L", (4 * width, 4 * height), 0)
    for box in COINS:
        ImageDraw.Draw(truth).ellipse(box, fill=1)
    return image, signed(truth)[2::4, 2::4], lines((width, height), COIN_STROKES, 4)


def textures():
    """Return two mosaics of photographs of brick, grass and gravel."""
    photographs = np.stack([data.brick(), data.grass(), data.gravel()])
    y, x = np.mgrid[:256, :256]
    wave = x + 18 * np.sin(y / 28)
    stripes = (wave > 88).astype(int) + (wave > 172)
    angle = np.arctan2(y - 120, x - 132) + 0.25 * np.sin(np.hypot(y - 120, x - 132) / 16)
    sectors = ((angle + np.pi) // (2 * np.pi / 3)).astype(int).clip(0, 2)
    truth = np.stack([stripes, sectors]).astype(np.int8)
    crops = [photographs[:, :256, :256], photographs[:, 256:, 256:]]
    images = [np.take_along_axis(c, t[None], 0)[0] for c, t in zip(crops, truth, strict=True)]
    strokes = [lines((256, 256), found, 4) for found in TEXTURE_STROKES]
    return np.stack(images), truth, np.stack(strokes)


def main():
    """Write one file per sample."""
    FOLDER.mkdir(exist_ok=True)
    for make in (tissue, coins, textures):
        images, target, strokes = (
            array[None] if array.ndim < 3 or array.shape[-1] == 3 else array for array in make()
        )
        assert ((strokes < 0) | (strokes == target)).all()
        path = FOLDER / f"{make.__name__}.npz"
        np.savez_compressed(path, images=images, target=target, strokes=strokes)
        print(path.name, images.shape, path.stat().st_size // 1000, "kB")


if __name__ == "__main__":
    main()
