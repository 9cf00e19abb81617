"""Pictures as a classifier is trained on them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from detector.classifier_spec import ClassifierSpec
from detector.data.dataset import Dataset, load_dataset_image
from detector.data.folder import load_labelled_folder
from detector.preprocess import ClassifierPreprocessor
from detector.training.classification.samples import ClassSource, columns_of
from detector.training.config import AugmentationConfig
from detector.training.features import FeatureSource, Pool, feature_shapes
from tests.named_pictures import COLOURS, write_colours
from tests.random_networks import random_weights

PLAIN = AugmentationConfig(flip=0, crop=0, colours=0)
FULL = AugmentationConfig(flip=0.5, crop=1, colours=1)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    counts = {f"{split}/{name}": 3 for split in ("train", "val") for name in COLOURS}
    return load_labelled_folder(write_colours(tmp_path_factory.mktemp("birds"), counts)).train


SPEC = ClassifierSpec("birds", ("wren", "robin", "tit"), (32, 32), width_multiplier=0.1)


def source_of(
    dataset: Dataset, augmentation: AugmentationConfig, seed: int = 0, spec: ClassifierSpec = SPEC
) -> ClassSource:
    return ClassSource(dataset, spec, augmentation, seed=seed, cache_bytes=1 << 20)


def test_without_augmentation_it_is_trained_on_what_it_is_shown_later(pictures: Dataset) -> None:
    for spec in (SPEC, replace(SPEC, view="middle")):
        source = source_of(pictures, PLAIN, spec=spec)
        for number in range(len(pictures.images)):
            sample = source(number)
            expected = ClassifierPreprocessor(spec)(load_dataset_image(pictures.images[sample.index]))[0]
            np.testing.assert_array_equal(sample.inputs[0], expected)


def test_the_class_is_that_of_the_folder_whatever_the_order_of_columns(pictures: Dataset) -> None:
    source = source_of(pictures, FULL)
    for number in range(2 * len(pictures.images)):
        sample = source(number)
        name = pictures.images[sample.index].path.parent.name
        assert SPEC.classes[sample.targets.arrays[0]] == name
        assert sample.targets.pack().unpack() == sample.targets
    with pytest.raises(KeyError):
        columns_of(pictures, ("robin", "wren"))


def test_a_sample_follows_from_seed_and_number_alone(pictures: Dataset) -> None:
    one, other = source_of(pictures, FULL), source_of(pictures, FULL)
    backwards = {number: other(number) for number in reversed(range(12))}
    for number in range(12):
        np.testing.assert_array_equal(one(number).inputs[0], backwards[number].inputs[0])
    third = source_of(pictures, FULL, seed=1)
    assert any(not np.array_equal(one(n).inputs[0], third(n).inputs[0]) for n in range(12))


def test_pictures_are_mirrored_and_never_upside_down(pictures: Dataset) -> None:
    plain, mirrored = source_of(pictures, PLAIN), source_of(pictures, replace(PLAIN, flip=1.0))
    for number in range(9):
        np.testing.assert_array_equal(plain(number).inputs[0][:, ::-1], mirrored(number).inputs[0])


def test_parts_keep_their_least_share_of_the_picture(pictures: Dataset) -> None:
    # Of a picture whose value grows from left to right and from top to bottom, a part has at least so much.
    ramp = np.add.outer(np.arange(40), np.arange(48)).astype(np.uint8)
    image = np.dstack([ramp] * 3)
    source = source_of(pictures, replace(PLAIN, crop=1.0, crop_least_area=0.5))
    spread = [
        float(np.ptp(source._build(image, 0, np.random.default_rng(seed), None).inputs[0]))
        for seed in range(50)
    ]
    assert min(spread) >= 0.6 * float(np.ptp(ramp))  # sqrt(.5), less what resizing takes
    assert max(spread) - min(spread) > 5


def test_features_before_the_last_layer_are_tiny(pictures: Dataset) -> None:
    samples = source_of(pictures, PLAIN)
    source = FeatureSource(samples, SPEC, "logits", Pool(2, renewed=False), seed=0, cache_bytes=1 << 20)
    source.freeze(lambda: random_weights(SPEC))
    sample = source(0)
    ((height, width, channels),) = feature_shapes(SPEC, "logits")
    assert (height, width) == (1, 1)
    assert sample.inputs[0].shape == (1, 1, channels)
    assert sample.targets == samples(0).targets
    assert source.target_types == samples.target_types
