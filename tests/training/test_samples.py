import gc
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import cv2
import numpy as np
import pytest

from detector.architecture import anchors_of
from detector.box_coder import decode
from detector.data.dataset import Dataset, DatasetImage, load_dataset_image
from detector.data.folder import load_labelled_folder
from detector.errors import ImageError
from detector.preprocess import Preprocessor
from detector.spec import ModelSpec
from detector.training.config import AugmentationConfig
from detector.training.samples import SampleSource
from tests.data.labelled import WRITERS, Photo

# Ids have gaps and run against the order, so that neither an id nor its rank can be taken for a label.
CATEGORIES = {17: "cup", 5: "dog", 90: "cat"}
SPEC = ModelSpec("test", tuple(CATEGORIES.values()), input_hw=(96, 128), width_multiplier=0.35)
ANCHORS = anchors_of(SPEC)
COLOURS_RGB = {17: (250, 40, 10), 5: (10, 240, 60), 90: (60, 30, 230)}
SIZE_WH = (200, 150)
IMAGE_BYTES = 200 * 150 * 3
PLAIN = AugmentationConfig(flip=0, expand=0, crop=0, colours=0)
STRONG = AugmentationConfig(flip=0.5, expand=0.5, crop=0.85, colours=1)
GEOMETRY = replace(STRONG, colours=0)


def annotation(number, image_id, category, box_xywh, crowd=0):
    box = {"bbox": list(box_xywh), "area": box_xywh[2] * box_xywh[3], "iscrowd": crowd}
    return {"id": number, "image_id": image_id, "category_id": category, **box}


@pytest.fixture
def dataset(tmp_path):
    """Eight images, each with one rectangle of each category, in its colour and in a place of its own."""
    rng = np.random.default_rng(0)
    images, annotations = [], []
    for id_ in range(100, 20, -10):
        picture = np.full((SIZE_WH[1], SIZE_WH[0], 3), id_ // 2, np.uint8)
        for column, category in enumerate(CATEGORIES):
            width, height = rng.integers(25, 60), rng.integers(40, 120)
            x, y = 66 * column + rng.integers(0, 66 - width), rng.integers(0, 150 - height)
            picture[y : y + height, x : x + width] = COLOURS_RGB[category][::-1]
            annotations.append(
                annotation(len(annotations), id_, category, tuple(map(float, (x, y, width, height))))
            )
        path = tmp_path / f"{id_}.png"
        cv2.imwrite(str(path), picture)
        images.append(DatasetImage(id_, path, SIZE_WH))
    return Dataset(tmp_path, tuple(images), tuple(annotations[::-1]), CATEGORIES, "train")


def source_of(dataset, augmentation=STRONG, *, iou_threshold=0.5, seed=3, cache_bytes=1 << 30):
    return SampleSource(
        dataset, SPEC, augmentation, iou_threshold=iou_threshold, seed=seed, cache_bytes=cache_bytes
    )


def content(sample):
    return (
        sample.index,
        sample.inputs[0].tobytes(),
        sample.targets.boxes.tobytes(),
        sample.targets.classes.tobytes(),
    )


def contents(source, numbers):
    return {number: content(source(number)) for number in numbers}


def objects(sample):
    """Column of the class logits and box (in pixels of the sample) of each positive anchor."""
    positive = sample.targets.classes > 0
    boxes = decode(sample.targets.boxes, ANCHORS, scales=SPEC.box_coder_scales)[positive]
    height, width = SPEC.input_hw
    return zip(sample.targets.classes[positive], boxes * [width, height, width, height], strict=True)


def test_shapes_and_types(dataset):
    source = source_of(dataset)
    sample = source(0)
    assert sample.inputs[0].shape == (96, 128, 3)
    assert sample.inputs[0].dtype == np.uint8
    assert sample.targets.boxes.shape == (source.num_anchors, 4) == ANCHORS.shape
    assert sample.targets.classes.shape == (source.num_anchors,)


def test_without_augmentation_the_network_sees_what_it_sees_when_it_detects(dataset):
    source = source_of(dataset, PLAIN)
    for number in range(8):
        sample = source(number)
        expected = Preprocessor(SPEC)(load_dataset_image(dataset.images[sample.index]))[0]
        np.testing.assert_allclose(
            sample.inputs[0] * SPEC.pixel_scale + SPEC.pixel_offset, expected, atol=1e-6
        )


def painted_box(image, column):
    """Where a sample shows the colour of the category with this column of the class logits."""
    colour = COLOURS_RGB[list(CATEGORIES)[column - 1]]
    rows, columns = np.nonzero((image == colour).all(axis=2))
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])


def test_labels_follow_the_order_of_the_categories(dataset):
    source = source_of(dataset, PLAIN)
    for number in range(8):
        sample = source(number)
        found = list(objects(sample))
        assert {int(column) for column, _ in found} == {1, 2, 3}
        for column, box in found:
            assert np.abs(painted_box(sample.inputs[0], column) - box).max() < 1.5


def test_targets_lie_on_what_is_drawn_whatever_the_augmentation(dataset):
    source, checked = source_of(dataset, GEOMETRY), 0
    for number in range(120):
        sample = source(number)
        for column, box in objects(sample):
            if (box[2:] - box[:2]).min() < 6:
                continue  # at its edges a rectangle is mixed with what is behind it
            assert np.abs(painted_box(sample.inputs[0], column) - box).max() < 3
            checked += 1
    assert checked > 300


def test_a_sample_is_a_function_of_its_number(dataset):
    numbers = list(range(40))
    expected = contents(source_of(dataset), numbers)
    source = source_of(dataset)
    assert contents(source, numbers[::-1]) == expected
    assert contents(source, numbers[::3]) == {number: expected[number] for number in numbers[::3]}
    assert contents(source_of(dataset, cache_bytes=0), numbers) == expected
    assert contents(source_of(dataset, cache_bytes=3 * IMAGE_BYTES), numbers) == expected
    assert len(set(expected.values())) == len(numbers)


def test_threads_do_not_disturb_each_other(dataset):
    # Numbers far apart belong to different epochs, whose orders must not be mixed up.
    numbers = [n % 5 * 8 + n for n in range(60)]
    expected = contents(source_of(dataset), numbers)
    source = source_of(dataset)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda number: content(source(number)), numbers * 3))
    assert found == [expected[number] for number in numbers * 3]


def test_every_epoch_has_each_image_once_in_an_order_of_its_own(dataset):
    source = source_of(dataset)
    orders = [tuple(source.image_index(8 * epoch + n) for n in range(8)) for epoch in range(20)]
    assert all(sorted(order) == list(range(8)) for order in orders)
    assert len(set(orders)) == 20
    assert [source(n).index for n in range(16)] == [*orders[0], *orders[1]]
    # No image is bound to a place.
    assert all(len({order[place] for order in orders}) > 3 for place in range(8))


def test_the_seed_matters_to_order_and_augmentation(dataset):
    one, two = source_of(dataset, seed=0), source_of(dataset, seed=1)
    assert [one.image_index(n) for n in range(32)] != [two.image_index(n) for n in range(32)]
    single = dataset.select({100})  # no order to differ in
    assert content(source_of(single, seed=0)(0)) != content(source_of(single, seed=1)(0))


def test_an_image_is_augmented_anew_each_time(dataset):
    source = source_of(dataset.select({100}))
    assert len({content(source(number)) for number in range(20)}) == 20


@pytest.mark.parametrize(
    "change", [{"flip": 1}, {"expand": 1}, {"crop": 1}, {"colours": 1}], ids=lambda change: next(iter(change))
)
def test_every_kind_of_augmentation_matters(dataset, change):
    plain, changed = source_of(dataset, PLAIN), source_of(dataset, replace(PLAIN, **change))
    differ = sum((plain(number).inputs[0] != changed(number).inputs[0]).any() for number in range(8))
    assert differ >= 6
    same_targets = [
        np.array_equal(plain(number).targets.classes, changed(number).targets.classes) for number in range(8)
    ]
    assert all(same_targets) == ("colours" in change)


def test_how_much_a_crop_leaves_matters(dataset):
    whole = replace(PLAIN, crop=1, crop_least_covered=0, crop_least_area=0.1)

    def crops(**changes):
        source = source_of(dataset, replace(whole, **changes))
        return [content(source(number)) for number in range(8)]

    assert crops() == crops()
    assert crops() != crops(crop_least_area=0.8)
    assert crops() != crops(crop_least_covered=1.0)


def test_how_far_an_image_is_expanded_and_what_matches_matter(dataset):
    def grey(up_to):
        source = source_of(dataset, replace(PLAIN, expand=1, expand_up_to=up_to))
        return np.mean([(source(number).inputs[0] == 127).all(axis=2).mean() for number in range(8)])

    assert grey(1) < 0.01 < 0.1 < grey(2) < grey(4)
    loose, strict = (source_of(dataset, PLAIN, iou_threshold=t)(0).targets.classes for t in (0.3, 0.7))
    assert (loose > 0).sum() > (strict > 0).sum() >= 3


def test_crowd_regions_are_ignored_and_images_without_objects_are_background(dataset):
    crowds = replace(dataset, annotations=tuple({**a, "iscrowd": 1} for a in dataset.annotations))
    source = source_of(crowds, PLAIN)
    classes = np.concatenate([source(number).targets.classes for number in range(8)])
    assert set(classes.tolist()) == {-1, 0}
    empty = source_of(replace(dataset, annotations=()))
    samples = [empty(number) for number in range(16)]
    assert not any(sample.targets.classes.any() or sample.targets.boxes.any() for sample in samples)


def available(source):
    """Which images can be had after their files are gone."""
    kept = set()
    for number in range(8):
        try:
            kept.add(source(number).index)
        except ImageError:
            continue
    return kept


@pytest.mark.parametrize(("cache_bytes", "images"), [(0, 0), (2 * IMAGE_BYTES + 99, 2), (1 << 30, 8)])
def test_the_cache_holds_what_fits(dataset, cache_bytes, images):
    source = source_of(dataset, cache_bytes=cache_bytes)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(source, range(32)))
    for image in dataset.images:
        image.path.unlink()
    assert len(available(source)) == images


def test_large_images_are_kept_smaller_and_their_samples_are_the_same(dataset, tmp_path):
    picture = np.full((1200, 2000, 3), 30, np.uint8)
    picture[300:900, 500:1500] = COLOURS_RGB[5][::-1]
    path = tmp_path / "large.png"
    cv2.imwrite(str(path), picture)
    large = replace(
        dataset,
        images=(DatasetImage(1, path, (2000, 1200)),),
        annotations=(annotation(1, 1, 5, (500, 300, 1000, 600)),),
    )
    # 3.4 times the larger side of the input is 435: 435 x 261 x 3 = 340,605 bytes
    cached, uncached = (source_of(large, PLAIN, cache_bytes=size) for size in (340_605, 340_604))
    assert cached.wanted_bytes == pytest.approx(340_605, rel=0.01)
    assert content(cached(0)) == content(uncached(0))
    column, box = next(objects(cached(0)))
    assert column == 2
    np.testing.assert_allclose(box, [32, 24, 96, 72], atol=1e-3)  # a quarter to three quarters
    path.unlink()
    assert content(cached(1)) == content(cached(0))
    with pytest.raises(ImageError, match=r"large\.png"):
        uncached(1)


@pytest.mark.parametrize("cache_bytes", [0, 4 * IMAGE_BYTES])
def test_memory_stays_flat(dataset, cache_bytes):
    source = source_of(dataset, cache_bytes=cache_bytes)

    def held_after(numbers):
        for number in numbers:
            source(number)
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        before = held_after(range(16))
        after = held_after(range(16, 80))
    finally:
        tracemalloc.stop()
    assert after - before < IMAGE_BYTES / 2


def test_the_first_batch_is_the_same_in_every_format(tmp_path):
    photos = [
        Photo(f"p{n}.jpg", (("cat", 3.25 + n, 4.5, 40.125, 30 + n), ("dog", 20, 10, 60, 44)), "train")
        for n in range(5)
    ]
    photos += [Photo("v.jpg", (("cat", 1, 1, 30, 30), ("dog", 5, 5, 40, 40)), "val")]
    batches = []
    for name, write in WRITERS.items():
        folder = load_labelled_folder(write(tmp_path / name, photos))
        spec = ModelSpec("test", folder.classes)
        source = SampleSource(folder.train, spec, STRONG, iou_threshold=0.5, seed=3, cache_bytes=0)
        batches.append([source(n) for n in range(8)])
    for samples in zip(*batches, strict=True):
        for other in samples[1:]:
            np.testing.assert_array_equal(other.inputs[0], samples[0].inputs[0])
            np.testing.assert_array_equal(other.targets.boxes, samples[0].targets.boxes)
            np.testing.assert_array_equal(other.targets.classes, samples[0].targets.classes)
