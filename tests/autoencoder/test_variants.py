"""Variants: the property that defines each, on digits, and what their strength does."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sklearn_segae import AutoencoderTransformer
from sklearn_segae._base import seeded
from sklearn_segae.autoencoder._variants import (
    VARIANTS,
    VARIANTS_OF_ROWS,
    Contractive,
    Masked,
    Plain,
    build_variant,
    divergence,
    squared_jacobian_norms,
)
from sklearn_segae.networks import DenseAutoencoder
from sklearn_segae.training._losses import Loss

TRAIN, TEST = train_test_split(load_digits().data, random_state=0)


@pytest.fixture(scope="module")
def fitted():
    """A function that fits a variant on digits, once each."""
    known = {}

    def fit(variant="plain", strength="auto"):
        if (variant, strength) not in known:
            known[variant, strength] = AutoencoderTransformer(
                16,
                variant=variant,
                variant_strength=strength,
                lr=3e-3,
                max_epochs=30,
                random_state=0,
            ).fit(TRAIN)
        return known[variant, strength]

    return fit


def standardized(ae, X):
    return (X - ae.scale_[0]) / ae.scale_[1]


def there_and_back(ae, X):
    return ae.inverse_transform(ae.transform(X))


def error(ae, seen):
    """Mean squared error between clean digits and what becomes of others, in training's units."""
    return np.mean((standardized(ae, there_and_back(ae, seen)) - standardized(ae, TEST)) ** 2)


def slope(ae):
    """Mean squared Frobenius norm of the encoder's Jacobian."""
    encode = ae.net_.module_.encode
    x = torch.tensor(standardized(ae, TEST[:50]), dtype=torch.float32)
    jacobians = torch.stack(
        [torch.autograd.functional.jacobian(lambda r: encode(r[None])[0], r) for r in x]
    )
    return jacobians.square().sum((1, 2)).mean().item()


def sensitivity(ae):
    """The slope per variance of the codes."""
    return slope(ae) / ae.transform(TEST).var(0).sum()


def test_denoising_cleans_noisy_digits_better_than_plain(fitted):
    """What it was trained for: the clean digit from a noisy one."""
    noise = np.random.default_rng(0).normal(size=TEST.shape) * 0.5 * TRAIN.std(0)
    assert error(fitted("denoising"), TEST + noise) < 0.9 * error(fitted(), TEST + noise)


def test_masked_fills_hidden_inputs_better_than_plain(fitted):
    """A quarter of the pixels set to their mean come back nearer to what they were."""
    hidden = np.random.default_rng(0).random(TEST.shape) < 0.25
    seen = np.where(hidden, TRAIN.mean(0), TEST)
    wrong = [
        np.mean((there_and_back(ae, seen) - TEST)[hidden] ** 2)
        for ae in (fitted("masked"), fitted())
    ]
    assert wrong[0] < 0.8 * wrong[1]


def moved(images):
    """Images shifted by a pixel to the left."""
    return np.roll(images, -1, axis=2)


def test_augmented_codes_tell_less_of_place():
    """A shifted digit has nearly the code of the digit; more strength, nearer, and never in fit."""
    train, test = TRAIN.reshape(-1, 8, 8), TEST.reshape(-1, 8, 8)
    shares = []
    for variant, strength in [("plain", "auto"), ("augmented", 0.5), ("augmented", "auto")]:
        ae = AutoencoderTransformer(
            16,
            variant=variant,
            variant_strength=strength,
            architecture="dense",
            lr=3e-3,
            max_epochs=40,
            random_state=0,
        ).fit(train)
        steps = ae.transform(moved(test)) - ae.transform(test)
        shares.append(
            (steps**2).sum() / ((ae.transform(test) - ae.transform(test).mean(0)) ** 2).sum()
        )
    assert shares[2] < shares[1] < shares[0]
    assert shares[2] < 0.6 * shares[0]


@pytest.mark.parametrize("X", [TRAIN, TRAIN[..., None]], ids=["rows", "signals"])
def test_only_images_are_augmented(X):
    """Rows and signals are refused with the way out."""
    ae = AutoencoderTransformer(variant="augmented")
    if X.ndim == 3:
        ae.set_params(architecture="signal")
    with pytest.raises(ValueError, match=r"distorts images, but X holds .*stack of images"):
        ae.fit(X)


@pytest.mark.parametrize(("strength", "n_zeros"), [(0, 0), ("auto", 8), (0.9, 14), (0.999, 15)])
def test_sparse_codes_have_their_share_of_zeros(fitted, strength, n_zeros):
    """Every code has exactly that many inactive units, one stays active at least."""
    codes = fitted("sparse", strength).transform(TEST)
    np.testing.assert_array_equal((codes == 0).sum(1), n_zeros)


def test_sparse_codes_are_the_largest_numbers(fitted):
    """What is kept is what is largest in absolute value, unchanged."""
    ae = fitted("sparse")
    with torch.no_grad():
        x = torch.tensor(standardized(ae, TEST), dtype=torch.float32)
        dense = ae.net_.module_.encode(x).numpy()
    codes = ae.transform(TEST.astype(np.float32))
    kept = codes != 0
    np.testing.assert_allclose(codes[kept], dense[kept], atol=1e-4)
    smallest_kept = np.where(kept, np.abs(dense), np.inf).min(1)
    assert (np.where(kept, 0, np.abs(dense)).max(1) <= smallest_kept + 1e-4).all()


def test_contractive_codes_hardly_move(fitted):
    """More strength, less slope of the encoder, and not only because its codes are smaller."""
    strong, weak, none = fitted("contractive", 0.1), fitted("contractive"), fitted()
    assert slope(strong) < 0.5 * slope(weak) < 0.1 * slope(none)
    assert max(sensitivity(strong), sensitivity(weak)) < 0.7 * sensitivity(none)


def test_the_jacobians_norm_is_estimated_without_bias():
    """The mean over projections is the exact squared Frobenius norm, here of a linear encoder."""
    net = DenseAutoencoder(7, 3)
    x = torch.randn(20_000, 7, requires_grad=True)
    estimate = squared_jacobian_norms(net.encode(x), x).mean()
    exact = net.encoder[0].weight.square().sum()
    assert estimate.item() == pytest.approx(exact.item(), rel=0.05)  # 20,000 draws


def test_variational_codes_are_near_the_prior(fitted):
    """Draws from the codes' distributions are like draws from a standard normal; plain ones not."""
    ae = fitted("variational")
    x = torch.tensor(standardized(ae, TEST), dtype=torch.float32)
    with torch.no_grad():
        mean, log_variance = ae.net_.module_.posterior(x)
    spread = torch.sqrt(mean.var(0) + log_variance.exp().mean(0))
    assert mean.mean(0).abs().max() < 0.4
    assert ((spread > 0.7) & (spread < 1.4)).all()
    assert not (fitted().transform(TEST).std(0) < 1.4).all()
    np.testing.assert_allclose(ae.transform(TEST), mean, atol=1e-4)


def test_the_divergence_is_reported(fitted):
    """kl_ is that of the codes, falls with beta, and other variants have none."""
    assert 0 < fitted("variational").kl_ < fitted("variational", 0.1).kl_
    assert not hasattr(fitted(), "kl_")
    ae = AutoencoderTransformer(2, variant="variational", max_epochs=1).fit(TRAIN)
    assert not hasattr(ae.set_params(variant="plain").fit(TRAIN), "kl_")


def test_divergence_is_that_of_torch():
    """Kullback-Leibler from a diagonal normal to the standard one."""
    mean, log_variance = torch.randn(5, 3), torch.randn(5, 3)
    ours = torch.distributions.Normal(mean, (log_variance / 2).exp())
    expected = torch.distributions.kl_divergence(ours, torch.distributions.Normal(0.0, 1.0)).sum(1)
    torch.testing.assert_close(divergence(mean, log_variance), expected)


@pytest.mark.usefixtures("one_seed")
@pytest.mark.parametrize("shape", [(500, 20), (50, 3, 16, 16), (50, 1, 28, 11), (50, 2, 40)])
@pytest.mark.parametrize("share", [0.2, 0.7])
def test_hidden_inputs_are_that_share(shape, share):
    """Squares of images are hidden in all channels, stretches of signals likewise."""
    seen = Masked(Loss(), share).visible(torch.ones(shape))
    seen = seen.expand(shape)
    assert seen.shape == shape
    assert 1 - seen.mean().item() == pytest.approx(share, abs=0.04)
    assert set(seen.unique().tolist()) == {0, 1}
    if len(shape) > 2:
        assert (seen == seen[:, :1]).all()
        assert (seen[..., 1:] == seen[..., :-1]).float().mean() > 0.6  # neighbors go together


@pytest.mark.parametrize("variant", sorted(set(VARIANTS_OF_ROWS) - {"plain"}))
def test_strength_counts(fitted, variant):
    """Of every variant but the plain one."""
    codes = fitted(variant).transform(TEST[:10])
    strength = 20 if variant == "unmixing" else 0.2  # of 0.25, the initialization hardly differs
    assert np.abs(fitted(variant, strength).transform(TEST[:10]) - codes).max() > 0.1


@pytest.mark.parametrize("variant", ["denoising", "masked", "sparse", "contractive"])
def test_no_strength_is_plain(variant):
    """With a strength of 0 the loss of a batch is that of the plain variant."""
    net, x = DenseAutoencoder(6, 3, (4,)), torch.randn(10, 6)
    loss = Loss()
    torch.testing.assert_close(VARIANTS_OF_ROWS[variant](loss, 0)(net, x), Plain(loss)(net, x))


@pytest.mark.parametrize("variant", VARIANTS_OF_ROWS)
def test_noise_is_for_training_alone(fitted, variant):
    """Codes and scores are the same each time, and the score is that of the reconstruction."""
    ae = fitted(variant)
    np.testing.assert_array_equal(ae.transform(TEST), ae.transform(TEST))
    spread = np.mean((there_and_back(ae, TEST) - TEST) ** 2 / ae.scale_[1] ** 2)
    assert -ae.score(TEST) == pytest.approx(spread, rel=1e-6)


@pytest.mark.parametrize(("variant", "strength"), [("denoising", 30), ("contractive", 1e3)])
def test_validation_is_clean(variant, strength):
    """The held-out loss is that of `score`, without noise or penalty."""
    ae = AutoencoderTransformer(
        4,
        variant=variant,
        variant_strength=strength,
        early_stopping=0.1,
        max_epochs=1,
        random_state=0,
    ).fit(TRAIN)
    with seeded(0) as (rng, _):
        held_out = rng.permutation(len(TRAIN))[: round(0.1 * len(TRAIN))]
    assert -ae.score(TRAIN[held_out]) == pytest.approx(ae.validation_loss_curve_[0], rel=1e-4)


def suited(variant, X):
    """Rows, or the images they are where the variant needs them."""
    return X if variant in VARIANTS_OF_ROWS else X.reshape(-1, 8, 8)


@pytest.mark.parametrize("variant", VARIANTS)
def test_equal_seeds_equal_codes(variant):
    """Noise, masks, draws, distortions and projections come from random_state."""
    least = 1e-3 if variant == "unmixing" else 0.1  # which begins alike for all seeds
    ae, X = AutoencoderTransformer(3, variant=variant, max_epochs=2), suited(variant, TRAIN)
    codes = [ae.set_params(random_state=seed).fit_transform(X) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(codes[0], codes[1])
    assert np.abs(codes[2] - codes[0]).max() > least


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_pickle_goes_on_as_the_estimator_does(variant):
    """A further pass gives both the same codes."""
    X = suited(variant, TRAIN)
    ae = AutoencoderTransformer(3, variant=variant, max_epochs=1, random_state=0).fit(X)
    again = pickle.loads(pickle.dumps(ae)).partial_fit(X)
    np.testing.assert_array_equal(again.transform(X), ae.partial_fit(X).transform(X))


@pytest.mark.parametrize("variant", VARIANTS)
def test_no_global_generator_moves_and_none_matters(variant):
    """Noise is drawn from a generator of its own, in fit and in sample."""
    codes = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
        ae = AutoencoderTransformer(3, variant=variant, max_epochs=1, random_state=0)
        ae.fit(suited(variant, TRAIN)).sample(2)
        codes.append(ae.transform(suited(variant, TEST)))
        assert torch.equal(torch.get_rng_state(), state[0])
        np.testing.assert_array_equal(np.random.get_state()[1], state[1])  # noqa: NPY002
    np.testing.assert_array_equal(*codes)


@pytest.mark.parametrize("variant", VARIANTS_OF_ROWS)
def test_pickles_are_bitwise(fitted, variant):
    """Codes, scores and draws of a pickled estimator are the same bits."""
    ae = fitted(variant)
    again = pickle.loads(pickle.dumps(ae))
    np.testing.assert_array_equal(again.transform(TEST), ae.transform(TEST))
    np.testing.assert_array_equal(again.score_samples(TEST), ae.score_samples(TEST))
    np.testing.assert_array_equal(again.sample(5), ae.sample(5))


@pytest.mark.parametrize(
    ("variant", "strength", "message"),
    [
        ("plain", 0.5, "means nothing for variant='plain'"),
        ("masked", 1.0, r"share for variant='masked'.*\[0, 1\)"),
        ("sparse", 2.0, r"share for variant='sparse'.*\[0, 1\)"),
    ],
)
def test_strengths_without_a_meaning_are_refused(variant, strength, message):
    """The error names variant, strength and rule."""
    with pytest.raises(ValueError, match=message):
        AutoencoderTransformer(variant=variant, variant_strength=strength).fit(TRAIN)


@pytest.mark.parametrize(
    ("variant", "loss", "scaling", "strength"),
    [
        ("denoising", "mse", "standard", 0.5),
        ("denoising", "mse", "auto", 0.5),
        ("denoising", "mse", "common", 0.5),
        ("denoising", "mse", "minmax", 0.15),
        ("denoising", "mse", None, 0.15),
        ("variational", "mse", "standard", 1),
        ("variational", "mse", "minmax", 0.1),
        ("variational", "cross_entropy", "minmax", 1),
        ("sparse", "mse", "minmax", 0.5),
    ],
)
def test_auto_suits_the_scaling(variant, loss, scaling, strength):
    """Inputs in [0, 1] have less spread than standardized ones, and bear less noise."""
    assert build_variant(variant, "auto", Loss(loss), scaling).strength == strength


@pytest.mark.parametrize("scaling", ["standard", "minmax"])
def test_variational_codes_do_not_collapse(scaling):
    """With "auto" they tell of the digits: less than half of the spread is left unexplained."""
    ae = AutoencoderTransformer(
        16, variant="variational", scaling=scaling, lr=3e-3, max_epochs=30, random_state=0
    )
    ae.set_params(n_iter_no_change=30).fit(TRAIN)
    spread = (standardized(ae, TEST) - standardized(ae, TRAIN).mean(0)) ** 2
    assert error(ae, TEST) < 0.5 * spread.mean()


def test_a_variational_net_goes_on_as_one():
    """A net without log-variances cannot be continued as variational, and says so."""
    ae = AutoencoderTransformer(2, warm_start=True, max_epochs=1).fit(TRAIN)
    with pytest.raises(ValueError, match="cannot go on with a net of another kind"):
        ae.set_params(variant="variational").fit(TRAIN)
    assert ae.set_params(variant="contractive").fit(TRAIN).n_iter_ == 2
    assert isinstance(ae.net_.criterion_, Contractive)


@pytest.mark.parametrize("variant", VARIANTS_OF_ROWS)
def test_samples_are_like_the_data(fitted, variant):
    """Drawn digits are nearer to real ones than pixels are that are drawn one by one."""
    ae = fitted(variant)
    shuffled = np.random.default_rng(0).permuted(TEST, axis=0)
    drawn = ae.sample(100)

    assert drawn.shape == (100, 64)
    assert to_nearest(drawn) < 0.8 * to_nearest(shuffled[:100])
    np.testing.assert_array_equal(drawn, ae.sample(100))  # as its random_state says
    assert np.abs(drawn - ae.set_params(random_state=1).sample(100)).max() > 1
    ae.set_params(random_state=0)


def to_nearest(X):
    """Mean distance to the nearest digit of the training data."""
    return np.sqrt(((X[:, None] - TRAIN) ** 2).sum(2).min(1)).mean()


def test_ways_between_samples_lead_from_one_to_the_other(fitted):
    """Ends are reconstructions, the middle is decoded from the mean of the codes."""
    ae = fitted("variational")
    way = ae.interpolate(TEST[0], TEST[1], 5)
    assert way.shape == (5, 64)
    np.testing.assert_allclose(way[[0, 4]], there_and_back(ae, TEST[:2]), atol=1e-6)
    middle = ae.inverse_transform(ae.transform(TEST[:2]).mean(0, keepdims=True))
    np.testing.assert_allclose(way[2], middle[0], atol=1e-4)
    steps = np.linalg.norm(np.diff(ae.transform(way), axis=0), axis=1)
    assert steps.max() < 2 * steps.min()


def test_ways_between_images_are_images():
    """In the shape that images came in."""
    images = TRAIN[:20].reshape(-1, 8, 8)
    ae = AutoencoderTransformer(2, max_epochs=0, random_state=0).fit(images)
    assert ae.interpolate(images[0], images[1]).shape == (10, 8, 8)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((TEST[0], TEST[1], 1), "n_steps=1, but a way has two ends"),
        ((TEST[:1], TEST[1]), r"a has shape \(1, 64\), but one sample has \(64,\).*a\[0\]"),
        ((TEST[0], TEST[1, :3]), r"b has shape \(3,\)"),
    ],
)
def test_ways_that_lead_nowhere_are_refused(fitted, arguments, message):
    """With the argument, its value and the rule."""
    with pytest.raises(ValueError, match=message):
        fitted().interpolate(*arguments)
