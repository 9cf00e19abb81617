import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.boxes import area, intersection
from detector.training.augmentation import (
    LabelledImage,
    flip,
    sample_colours,
    sample_crop,
    sample_expansion,
)

SEEDS = range(150)
GREY = 127


def labelled(image, boxes, labels=None, crowd=None):
    boxes = np.array(boxes, np.float32).reshape(-1, 4)
    labels = np.arange(len(boxes)) if labels is None else np.array(labels)
    crowd = np.zeros(len(boxes), bool) if crowd is None else np.array(crowd)
    return LabelledImage(image, boxes, labels.astype(np.int64), crowd)


def colour_of(label):
    return np.array([250, 250 - 60 * label, 10 + 60 * label], np.uint8)


def drawn(size_wh, *rectangles):
    """A dark image with a filled rectangle for each object, in the colour of its label."""
    width, height = size_wh
    image = np.full((height, width, 3), 20, np.uint8)
    for label, (x1, y1, x2, y2) in enumerate(rectangles):
        image[y1:y2, x1:x2] = colour_of(label)
    return labelled(image, np.array(rectangles).reshape(-1, 4) / [width, height, width, height])


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@pytest.fixture
def scene():
    """Four objects that do not touch; one of them reaches two edges of the image."""
    return drawn((120, 80), (10, 12, 50, 40), (60, 5, 80, 70), (100, 60, 120, 80), (20, 55, 34, 63))


def painted_box(image, label):
    """The pixels of a label's colour, as a box in pixels."""
    rows, columns = np.nonzero((image == colour_of(label)).all(axis=2))
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])


def assert_boxes_fit_the_picture(sample):
    height, width = sample.image.shape[:2]
    for box, label in zip(sample.boxes, sample.labels, strict=True):
        expected = painted_box(sample.image, label)
        np.testing.assert_allclose(box * np.array([width, height] * 2), expected, atol=1e-3)


def assert_inside_with_area(sample):
    assert sample.boxes.dtype == np.float32
    assert len(sample.boxes) == len(sample.labels) == len(sample.crowd)
    assert (sample.boxes >= 0).all()
    assert (sample.boxes <= 1).all()
    assert (area(sample.boxes) > 0).all()


def test_the_mirror_image_by_hand():
    image = noise(3, 4)
    sample = flip(labelled(image, [[0.25, 0.1, 0.75, 0.2], [0, 0, 0.5, 1]], [3, 7], [False, True]))
    np.testing.assert_array_equal(sample.image[:, 0], image[:, 3])
    np.testing.assert_allclose(sample.boxes, [[0.25, 0.1, 0.75, 0.2], [0.5, 0, 1, 1]], atol=1e-7)
    assert sample.labels.tolist() == [3, 7]
    assert sample.crowd.tolist() == [False, True]


def test_the_mirror_image_keeps_boxes_on_their_objects(scene):
    mirrored = flip(scene)
    assert_boxes_fit_the_picture(mirrored)
    assert not np.array_equal(mirrored.boxes, scene.boxes)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 99))
def test_twice_mirrored_is_the_original(height, width, seed):
    corners = np.sort(np.random.default_rng(seed).random((5, 2, 2)), axis=1).reshape(5, 4)
    sample = labelled(noise(height, width, seed), corners)
    twice = flip(flip(sample))
    np.testing.assert_array_equal(twice.image, sample.image)
    np.testing.assert_allclose(twice.boxes, sample.boxes, atol=1e-7)


def test_crops_keep_boxes_on_their_objects(scene):
    sizes = set()
    for seed in SEEDS:
        crop = sample_crop(scene, np.random.default_rng(seed))
        assert_boxes_fit_the_picture(crop)
        assert_inside_with_area(crop)
        sizes.add(crop.image.shape)
    assert len(sizes) > 100


def test_crops_are_of_a_tenth_to_all_of_the_image_and_half_to_twice_as_wide_as_high(scene):
    shares, ratios = [], []
    for seed in SEEDS:
        height, width = sample_crop(scene, np.random.default_rng(seed)).image.shape[:2]
        if (height, width) != scene.image.shape[:2]:
            shares.append(height * width / (80 * 120))
            ratios.append(width / height)
    assert 0.09 < min(shares) < 0.25
    assert 0.8 < max(shares) <= 1
    assert 0.47 < min(ratios) < 0.65
    assert 1.6 < max(ratios) < 2.15


@pytest.mark.parametrize("least_area", [0.3, 0.8])
def test_the_smallest_crop(scene, least_area):
    shares = {
        sample_crop(scene, np.random.default_rng(seed), least_area=least_area).image[..., 0].size / (80 * 120)
        for seed in SEEDS
    }
    assert least_area - 0.02 < min(shares) < least_area + 0.1


def visible_shares(scene, crop):
    """What share of each object's pixels is in the crop, by label; the objects do not overlap."""
    return {
        label: (crop.image == colour_of(label)).all(axis=2).sum()
        / (scene.image == colour_of(label)).all(axis=2).sum()
        for label in range(len(scene.boxes))
    }


class FixedLeast(np.random.Generator):
    """A generator whose choice of the least share is fixed."""

    def __init__(self, seed, least):
        super().__init__(np.random.PCG64(seed))
        self._least = least

    def choice(self, options):
        assert self._least in options
        return self._least


@pytest.mark.parametrize("least", [0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0])
def test_crops_keep_exactly_the_objects_that_keep_their_least_share(scene, least):
    dropped = 0
    for seed in range(60):
        crop = sample_crop(scene, FixedLeast(seed, least))
        for label, share in visible_shares(scene, crop).items():
            if abs(share - least) > 1e-5:
                assert (label in crop.labels) == (share > least)
            else:  # an object that is just not touched has a share of 0 and is none
                assert (label in crop.labels) == (share > 0)
            dropped += label not in crop.labels
    assert dropped > 10


@pytest.mark.parametrize(
    ("least_covered", "expected"), [(0.0, 0.0), (0.3, 0.3), (0.31, 0.5), (0.7, 0.7), (1.0, 1.0)]
)
def test_the_least_share_is_drawn_from_those_that_are_not_below_a_bound(scene, least_covered, expected):
    kept = []
    for seed in SEEDS:
        crop = sample_crop(scene, np.random.default_rng(seed), least_covered=least_covered)
        shares = visible_shares(scene, crop)
        kept += [shares[label] for label in crop.labels]
    assert expected - 1e-5 <= min(kept) < expected + 0.15


def test_an_image_with_objects_never_loses_all(scene):
    small = drawn((200, 150), (190, 140, 193, 143))
    for seed in SEEDS:
        assert len(sample_crop(scene, np.random.default_rng(seed)).boxes)
        assert len(sample_crop(small, np.random.default_rng(seed)).boxes) == 1


def test_a_crowd_alone_is_no_object_that_a_crop_is_made_for():
    sample = drawn((120, 80), (0, 0, 60, 80), (90, 50, 110, 70))
    sample = labelled(sample.image, sample.boxes, crowd=[True, False])
    kept_crowds = set()
    for seed in SEEDS:
        crop = sample_crop(sample, np.random.default_rng(seed))
        assert (~crop.crowd).sum() == 1
        assert crop.crowd.tolist() == [label == 0 for label in crop.labels]
        kept_crowds.add(crop.crowd.sum())
    assert kept_crowds == {0, 1}
    only = labelled(sample.image, sample.boxes[:1], crowd=[True])
    assert sample_crop(only, np.random.default_rng(0)).image.shape == sample.image.shape


def test_images_without_objects_are_cropped_too():
    empty = labelled(noise(80, 120), [])
    crops = [sample_crop(empty, np.random.default_rng(seed)).image for seed in SEEDS]
    assert all(crop.size for crop in crops)
    assert len({crop.shape for crop in crops}) > 100


@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 1000))
def test_tiny_images_keep_a_pixel(height, width, seed):
    image = noise(height, width)
    for boxes in ([], [[0, 0, 1, 1]], [[0.2, 0.3, 0.5, 0.9]]):
        crop = sample_crop(labelled(image, boxes), np.random.default_rng(seed))
        assert crop.image.size
        assert_inside_with_area(crop)
        assert bool(len(boxes)) == bool(len(crop.boxes))


@given(st.integers(0, 10**6), st.integers(2, 300), st.integers(2, 300))
def test_boxes_with_edges_on_pixels_stay_inside_and_have_area(seed, width, height):
    """Edges of crops lie on pixels too, so they often meet; mirrored boxes have other roundings."""
    rng = np.random.default_rng(seed)
    xs, ys = (np.sort([rng.choice(n + 1, 2, replace=False) for _ in range(6)]) for n in (width, height))
    boxes = np.stack([xs[:, 0] / width, ys[:, 0] / height, xs[:, 1] / width, ys[:, 1] / height], axis=1)
    sample = labelled(np.zeros((height, width, 3), np.uint8), boxes)
    for _ in range(5):
        sample = sample_crop(flip(sample), rng)
        assert_inside_with_area(sample)
        assert len(sample.boxes)


def test_of_an_object_at_the_edge_of_a_crop_something_is_to_be_seen():
    """Objects and crops begin and end on pixels, so what is less than one is a rounding error."""
    strips = [[n / 375, 0, (n + 20) / 375, 1] for n in range(0, 340, 20)]
    sample = flip(labelled(np.zeros((375, 375, 3), np.uint8), strips))
    for seed in range(600):
        crop = sample_crop(sample, FixedLeast(seed, 0.0))
        widths = (crop.boxes[:, 2] - crop.boxes[:, 0]) * crop.image.shape[1]
        assert widths.min() > 0.99


def test_expansion_keeps_boxes_on_their_objects_and_the_picture_whole(scene):
    places = set()
    for seed in SEEDS:
        wide = sample_expansion(scene, np.random.default_rng(seed), largest=3.0)
        assert_boxes_fit_the_picture(wide)
        assert_inside_with_area(wide)
        height, width = wide.image.shape[:2]
        assert 80 <= height <= 240
        assert 120 <= width <= 360
        assert abs(width / height - 1.5) < 0.02
        # Everything but the picture is grey, and every pixel of the picture is there.
        assert (wide.image != GREY).all(axis=2).sum() == 80 * 120
        places.add((height, tuple(wide.boxes[0])))
        np.testing.assert_array_equal(wide.labels, scene.labels)
    assert len(places) > 100


def test_expansion_by_one_changes_nothing(scene):
    same = sample_expansion(scene, np.random.default_rng(0), largest=1.0)
    np.testing.assert_array_equal(same.image, scene.image)
    np.testing.assert_allclose(same.boxes, scene.boxes, atol=1e-7)
    empty = sample_expansion(labelled(noise(5, 7), []), np.random.default_rng(0), largest=2.0)
    assert empty.boxes.shape == (0, 4)


def test_one_after_the_other_they_keep_boxes_on_their_objects(scene):
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        sample = sample_crop(sample_expansion(flip(scene), rng, largest=2.0), rng)
        assert_boxes_fit_the_picture(sample)
        assert_inside_with_area(sample)


def test_all_follow_from_the_generator(scene):
    for draw in (
        lambda rng: sample_crop(scene, rng).image,
        lambda rng: sample_expansion(scene, rng, largest=2.0).image,
        lambda rng: sample_colours(scene.image, rng, strength=1.0),
    ):
        results = [draw(np.random.default_rng(seed)) for seed in (1, 1, 2, 3, 4)]
        np.testing.assert_array_equal(results[0], results[1])
        assert any(other.shape != results[0].shape or (other != results[0]).any() for other in results[2:])


def test_no_input_is_written_to(scene):
    image, boxes = scene.image.copy(), scene.boxes.copy()
    for seed in range(20):
        rng = np.random.default_rng(seed)
        flip(scene)
        sample_crop(scene, rng)
        sample_expansion(scene, rng, largest=2.0)
        sample_colours(scene.image, rng, strength=1.0)
    np.testing.assert_array_equal(scene.image, image)
    np.testing.assert_array_equal(scene.boxes, boxes)


def test_visible_shares_are_those_of_the_boxes(scene):
    """The pixels that the tests above count are what the boxes say."""
    window = np.array([[0.25, 0.25, 0.75, 0.75]], np.float32)
    crop = labelled(scene.image[20:60, 30:90], scene.boxes)
    shares = intersection(scene.boxes, window)[:, 0] / area(scene.boxes)
    np.testing.assert_allclose(list(visible_shares(scene, crop).values()), shares, atol=1e-6)
