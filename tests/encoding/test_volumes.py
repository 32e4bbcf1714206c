"""Codes of volumes: three spatial axes, with voxels of any spacing."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from sklearn_segae import PixelEncoder
from sklearn_segae.encoding._feature_sampling import slices_of
from sklearn_segae.encoding._local_jets import FRAME, SIGMAS, jet_sizes, local_jets
from sklearn_segae.encoding._pooling import TilePooling, along, pool
from sklearn_segae.imaging._tiled_inference import tile_bytes
from sklearn_segae.networks._pixel_autoencoder import PixelAutoencoder

KINDS = ["intensity", "texture", "intensity+texture", "multiscale"]
CUBES = (1.0, 1.0, 1.0)


@pytest.fixture(scope="module")
def volume():
    rng = np.random.default_rng(0)
    smooth = ndimage.gaussian_filter(rng.normal(size=(20, 36, 44)), 3)
    return ((smooth > 0) + rng.normal(0, 0.3, smooth.shape)).astype(np.float32)


def encoder(features, spacing=CUBES, **options):
    settings = {"pooling": 2, "n_filters": 6, "max_epochs": 0, "random_state": 0} | options
    return PixelEncoder(4, features=features, spacing=spacing, **settings)


class TestTiles:
    @pytest.mark.parametrize("features", KINDS)
    @pytest.mark.parametrize("spacing", [CUBES, (3, 1, 1), (1, 1, 2.5)])
    def test_tiled_equals_whole(self, volume, features, spacing):
        """Up to rounding, whatever the memory, and whatever the spacing."""
        fitted = encoder(features, spacing).fit([volume])
        whole = fitted.transform([volume])[0]
        assert whole.shape == (*volume.shape, fitted.codes_.n_components)

        least = tile_bytes(32, fitted.cost(volume[..., None]), 3)
        tiled = fitted.set_params(max_memory=least + 1).transform([volume])[0]

        np.testing.assert_allclose(tiled, whole, rtol=1e-4, atol=1e-5)

    @pytest.mark.parametrize("features", KINDS)
    def test_a_crop_has_the_codes_of_the_whole(self, volume, features):
        """Apart from its borders, where neighborhoods are clipped."""
        fitted = encoder(features, pooling=1).fit([volume])
        whole, part = (fitted.transform([v])[0] for v in (volume, volume[:, :, 8:]))
        reach = fitted.cost(volume[..., None]).halo
        assert part.shape[2] > reach
        np.testing.assert_allclose(
            part[:, :, reach:], whole[:, :, 8 + reach :], rtol=1e-4, atol=1e-5
        )

    def test_stacks_lists_and_channels(self, volume):
        """One gray volume is the same as with an axis of channels, in a stack and in a list."""
        fitted = encoder("intensity").fit(volume[None])
        expected = fitted.transform(volume[None])
        for X in ([volume], volume[None, ..., None], [volume[..., None]]):
            np.testing.assert_array_equal(np.asarray(fitted.transform(X)), expected)

    def test_the_reconstruction_is_a_volume(self, volume):
        """Codes are mapped back to voxels: noisy ones, since the pooling is narrow."""
        fitted = encoder("intensity", pooling=0).fit([volume])
        back = fitted.inverse_transform(fitted.transform([volume]))[0]
        np.testing.assert_allclose(back[..., 0], volume, atol=1e-3)


class TestSpacing:
    def test_only_ratios_matter(self, volume):
        """Micrometers or millimeters: the codes are the same."""
        a, b = (encoder("multiscale", s).fit_transform([volume])[0] for s in ((3, 1, 1), (6, 2, 2)))
        np.testing.assert_array_equal(a, b)

    def test_images_are_not_volumes(self, volume):
        """Without spacing, the same array is a stack of slices, which are encoded one by one."""
        slices = encoder("intensity", None).fit(volume).transform(volume)
        changed = np.concatenate([volume[:1], volume[:1], volume[2:]])
        np.testing.assert_array_equal(
            encoder("intensity", None).fit(volume).transform(changed)[0], slices[0]
        )
        fitted = encoder("intensity").fit([volume])
        assert (fitted.transform([changed])[0][0] != fitted.transform([volume])[0][0]).any()

    @pytest.mark.parametrize("spacing", [(1, 1), (1, 0, 1), list("zyx"), (1, np.nan, 1)])
    def test_other_spacings_are_refused(self, volume, spacing):
        with pytest.raises(ValueError, match=r"three numbers above 0.*Pass \(1, 1, 1\)"):
            encoder("intensity", spacing).fit([volume])

    def test_a_long_side_is_pooled_less(self, volume):
        """In voxels, by the ratio of the sides: a tall blob of long voxels is a ball."""
        maps = torch.zeros(1, 1, 21, 41, 41)
        maps[0, 0, 10, 20, 20] = 1
        everywhere = (range(21), range(41), range(41))
        pooled = pool(maps, along(4.0, (2.0, 1.0, 1.0)), *everywhere)[0, 0].numpy()
        np.testing.assert_allclose(pooled[10 + 3, 20, 20], pooled[10, 20 + 6, 20], rtol=1e-5)

    def test_dilations_follow(self):
        """Layers reach as far along z, in units of length, as far as voxels allow."""
        net = PixelAutoencoder(1, 4, voxel=(2.0, 1.0, 1.0))
        assert [layer.dilation for layer in net.layers] == [
            (1, 1, 1), (1, 1, 1), (1, 2, 2), (2, 4, 4)
        ]  # fmt: skip
        assert net.margin.tolist() == [5, 8, 8]


class TestJets:
    def test_a_plane_has_a_slope_and_no_curvature(self):
        """In units of the smallest side: a step of 2 along z, whose voxels are twice as long."""
        z, y, x = np.mgrid[:52, :60, :60].astype(np.float64)
        plane = torch.from_numpy(4 * z + 3 * y - 1.5 * x)[None, None]
        jets = self.jets(plane, (2.0, 1.0, 1.0)).numpy()
        expected = np.sqrt(2**2 + 3**2 + 1.5**2)
        for sigma, own in zip(SIGMAS[3], np.split(jets, len(SIGMAS[3]), 0), strict=True):
            np.testing.assert_allclose(own[0], sigma * expected, rtol=1e-6)
            np.testing.assert_allclose(own[1:4], 0, atol=1e-6)

    def test_curvatures_are_the_eigenvalues_of_the_hessian(self, rng):
        """Of a quadratic form, which has the same everywhere; largest first."""
        form = rng.normal(size=(3, 3))
        form += form.T
        places = np.stack(np.mgrid[:41, :41, :41]).astype(np.float64) - 20
        field = 0.5 * np.einsum("i...,ij,j...->...", places, form, places)
        jets = self.jets(torch.from_numpy(field)[None, None], CUBES).numpy()
        expected = np.linalg.eigvalsh(form)[::-1]
        for sigma, own in zip(SIGMAS[3], np.split(jets, len(SIGMAS[3]), 0), strict=True):
            for found, value in zip(own[1:4], sigma**2 * expected, strict=True):
                np.testing.assert_allclose(found, value, rtol=1e-6, atol=1e-6)

    @pytest.mark.parametrize("order", [(1, 0, 2), (2, 1, 0), (1, 2, 0)])
    def test_no_axis_is_special(self, rng, order):
        """Jets of a turned volume are turned jets."""
        field = torch.from_numpy(rng.normal(size=(1, 1, 36, 36, 36)))
        turned = field.permute(0, 1, *(2 + axis for axis in order))
        expected = self.jets(field, CUBES).permute(0, *(1 + axis for axis in order))
        np.testing.assert_allclose(self.jets(turned, CUBES), expected, atol=1e-9)

    def test_a_constant_has_no_jets(self):
        """Where all derivatives are 0, eigenvalues are 0, too, and not NaN."""
        jets = self.jets(torch.full((1, 1, 36, 36, 36), 7.0), CUBES).numpy()
        sizes = list(jet_sizes(3).values())
        assert jets.shape[0] == sum(sizes) == 20
        for own in np.split(jets, np.cumsum(sizes)[:-1], 0):
            np.testing.assert_allclose(own[:4], 0, atol=1e-4)
            np.testing.assert_allclose(own[4], 7, rtol=1e-6)

    @staticmethod
    def jets(x, voxel):
        """Jets of inner voxels, whose neighborhoods are complete."""
        reach = 12
        inner = [range(reach, n - 2 * FRAME - reach) for n in x.shape[2:]]
        return local_jets(x, TilePooling(*inner), voxel)[0]


class TestNoData:
    @pytest.mark.parametrize("features", KINDS)
    def test_what_is_under_a_mask_does_not_matter(self, volume, features):
        """Codes are NaN there; elsewhere, they depend on voxels with data only."""
        mask = np.zeros(volume.shape, bool)
        mask[:4] = mask[8:12, 10:20, 10:20] = True
        a, b = (np.ma.array(np.where(mask, value, volume), mask=mask) for value in (5, -9))
        fitted = encoder(features).fit([a])
        codes = fitted.transform([a])[0]
        np.testing.assert_array_equal(np.isnan(np.ma.getdata(codes)[..., 0]), mask)
        again = encoder(features).fit([b]).transform([b])[0]
        np.testing.assert_array_equal(np.ma.getdata(again), np.ma.getdata(codes))

    def test_tiles_with_gaps(self, volume):
        """They have the codes of the whole, up to rounding."""
        gappy = volume.copy()
        gappy[5:9, 30:34, :20] = np.nan
        fitted = encoder("texture").fit([gappy])
        whole = fitted.transform([gappy])[0]
        least = tile_bytes(32, fitted.cost(gappy[..., None]), 3)
        tiled = fitted.set_params(max_memory=least + 1).transform([gappy])[0]
        np.testing.assert_allclose(tiled, whole, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("features", ["texture", "multiscale"])
def test_training_finds_coherent_features(volume, features):
    """The loss, reconstruction minus coherence, decreases."""
    fitted = encoder(features, max_epochs=3, batch_size=2).fit([volume])
    assert fitted.n_iter_ == 3
    assert fitted.loss_curve_[-1] < fitted.loss_curve_[0]
    assert np.isfinite(fitted.transform([volume])[0]).all()


class TestSelection:
    """Features of volumes are selected by their slices, whose intensities are pooled in depth."""

    def test_noise_is_reduced_by_slices_around(self, rng):
        """A slab is averaged along z, too, so that less pooling is enough than for a slice."""
        halves = (np.mgrid[:20, :40, :40][2] > 18) + rng.normal(0, 0.6, (20, 40, 40))
        volume, slices = (encoder("auto", s, pooling="auto") for s in (CUBES, None))
        volume.fit([halves])
        slices.fit(halves)
        assert volume.features_ == slices.features_ == "intensity"
        assert 0 < volume.pooling_ < slices.pooling_

    def test_textures_are_found(self):
        """Waves of two directions, of equal mean."""
        z, y, x = np.mgrid[:24, :64, :64]
        waves = np.where(x < 32, np.sin(y + 0.5 * z), np.sin(x - 0.5 * z))
        noise = np.random.default_rng(0).normal(0, 0.2, waves.shape)
        fitted = encoder("auto", pooling="auto").fit([waves + noise])
        assert fitted.features_ == "texture"
        assert fitted.pooling_ == 24 / 16  # of the shortest side
        assert fitted.contrast_sigma_ == 0  # one view

    def test_slices_of_a_volume(self, volume):
        """Spread evenly over its depth, with their data and gaps."""
        gappy = np.where(volume[:, :1] > 0.5, np.nan, volume)[..., None]
        slices = slices_of([gappy])
        assert [own.depth.start for own in slices] == [2, 7, 12, 17]
        for own in slices:
            np.testing.assert_array_equal(np.asarray(own), gappy[own.depth.start])
        part, place = slices[0].slab((slice(2, 9), slice(0, 5)), 6)
        np.testing.assert_array_equal(part, gappy[:9, 2:9, :5])
        assert place == 2


class TestPretrained:
    """A frozen network reads slices; codes are averaged along z."""

    @pytest.fixture
    def backbone(self, one_seed):
        return torch.nn.Sequential(torch.nn.Conv2d(3, 4, 2, stride=2), torch.nn.ReLU())

    @pytest.mark.parametrize("features", ["pretrained", "multiscale+pretrained"])
    def test_codes_held_or_not(self, volume, backbone, features):
        """Codes of all slices are computed at once if they fit into memory; they are the same."""
        fitted = encoder(features, (2, 1, 1), backbone=backbone, pooling="auto").fit([volume])
        image = volume[..., None]
        held = fitted.transform([volume])[0]
        tile = slice(3, 9), slice(4, 20), slice(10, 44)
        np.testing.assert_allclose(fitted.encode_tile(image, tile), held[tile], atol=1e-6)
        gappy = volume.copy()
        gappy[:, :6, :6] = np.nan
        codes = fitted.transform([gappy])[0]
        np.testing.assert_array_equal(np.isnan(codes[..., 0]), np.isnan(gappy))

    def test_equal_slices(self, volume, backbone):
        """Their average is the code of one of them."""
        fitted = encoder("pretrained", backbone=backbone, pooling="auto").fit([volume])
        one, five = (fitted.transform([np.repeat(volume[:1], n, 0)])[0] for n in (1, 5))
        np.testing.assert_allclose(five, np.repeat(one, 5, 0), atol=1e-6)
