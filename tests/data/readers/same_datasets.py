"""Whether two datasets are the same, pixels included."""

from __future__ import annotations

import numpy as np

from detector.data.dataset import Dataset, load_dataset_image


def content_of(dataset: Dataset) -> tuple[object, ...]:
    images = [(image.id, image.name, image.size_wh) for image in dataset.images]
    return images, dataset.annotations, dataset.categories, dataset.split


def assert_same(one: Dataset | None, other: Dataset | None) -> None:
    assert one is not None
    assert other is not None
    assert content_of(one) == content_of(other)
    # 1 and 1.0 are equal, and are not the same in a fingerprint.
    assert repr(one.annotations) == repr(other.annotations)
    for image, same in zip(one.images, other.images, strict=True):
        np.testing.assert_array_equal(load_dataset_image(image), load_dataset_image(same))
