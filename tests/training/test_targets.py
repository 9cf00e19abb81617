import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.box_coder import decode
from detector.boxes import area, intersection, intersection_over_union
from detector.training.targets import BACKGROUND, IGNORED, build_targets, match_anchors

SCALES = (10.0, 10.0, 5.0, 5.0)


def floats(*rows):
    return np.array(rows, np.float32).reshape(-1, 4)


# Four anchors side by side, each a quarter of the width, over the whole height.
QUARTERS = floats([0, 0, 0.25, 1], [0.25, 0, 0.5, 1], [0.5, 0, 0.75, 1], [0.75, 0, 1, 1])


def targets_of(anchors, boxes, labels=None, crowd=None, **options):
    labels = np.arange(len(boxes)) if labels is None else np.array(labels)
    crowd = np.zeros(len(boxes), bool) if crowd is None else np.array(crowd)
    return build_targets(anchors, boxes, labels.astype(np.int64), crowd, **options)


def test_matching_by_hand():
    # On [0, .40] the first quarter has .25 / .40 = .625, the second .15 / (.40 + .25 - .15) = .30.
    # On [.5, 1] the third and fourth have .25 / .5 = .5 each: the threshold counts as reached.
    boxes = floats([0, 0, 0.4, 1], [0.5, 0, 1, 1])
    assert match_anchors(QUARTERS, boxes).tolist() == [0, -1, 1, 1]
    assert match_anchors(QUARTERS, boxes, iou_threshold=0.3).tolist() == [0, 0, 1, 1]
    # Above .5 only the forced match is left: the first of the two.
    assert match_anchors(QUARTERS, boxes, iou_threshold=0.51).tolist() == [0, -1, 1, -1]


def test_an_object_gets_its_best_anchor_however_little_they_overlap():
    # A tenth of the second anchor's area: IoU .1, which is below any threshold in use.
    assert match_anchors(QUARTERS, floats([0.3, 0, 0.4, 0.25])).tolist() == [-1, 0, -1, -1]


def test_a_conflict_goes_to_the_better_overlap_and_the_other_takes_its_next_best():
    # Both want the first anchor. Object 1 has it with .25 / .26 = .96, object 0 with .25 / .45 = .56;
    # its next best is the second with .20 / (.45 + .25 - .20) = .40, which is no match by the threshold.
    boxes = floats([0, 0, 0.45, 1], [0, 0, 0.26, 1])
    assert match_anchors(QUARTERS, boxes).tolist() == [1, 0, -1, -1]
    assert match_anchors(QUARTERS, boxes[::-1]).tolist() == [0, 1, -1, -1]


def test_a_forced_match_takes_an_anchor_from_the_object_that_it_overlaps_more():
    # Object 0 covers anchors 0 and 1 with IoU .5 each and is forced onto 0. Object 1 lies in anchor 1 alone:
    # IoU .1 / .25 = .4, and still the anchor is its own.
    boxes = floats([0, 0, 0.5, 1], [0.3, 0, 0.4, 1])
    assert match_anchors(QUARTERS, boxes).tolist() == [0, 1, -1, -1]


def test_a_displaced_object_does_not_displace_a_better_one():
    # Overlaps:    anchor 0                  anchor 1                        anchor 2
    # object 0:    .25 / .25       = 1       0                               0
    # object 1:    .24 / .33 = .73           .08 / (.32 + .25 - .08) = .16   0
    # object 2:    0                         .15 / .25       = .6            0
    # Object 1 loses anchor 0. Anchor 1 is wanted by both 1 and 2, and 2 overlaps it more.
    boxes = floats([0, 0, 0.25, 1], [0.01, 0, 0.33, 1], [0.35, 0, 0.5, 1])
    matched = match_anchors(QUARTERS, boxes)
    assert matched[:2].tolist() == [0, 2]
    assert (matched == 1).sum() == 1


def test_ties_go_to_the_first():
    same = floats([0, 0, 0.5, 1], [0, 0, 0.5, 1])
    # Two equal objects over two equal anchors: object 0 takes anchor 0, object 1 what is left.
    assert match_anchors(QUARTERS, same).tolist() == [0, 1, -1, -1]
    # Two equal anchors over one object: both match by the threshold, and above it the first is forced.
    twins = floats([0, 0, 0.5, 1], [0, 0, 0.5, 1])
    assert match_anchors(twins, floats([0, 0, 0.25, 1]), iou_threshold=0.6).tolist() == [0, -1]


def test_more_objects_than_anchors():
    boxes = floats(*([0, 0, 0.1 + 0.01 * n, 1] for n in range(9)))
    matched = match_anchors(QUARTERS, boxes)
    # The largest, [0, .18], overlaps the first anchor most; each anchor has another object.
    assert matched[0] == 8
    assert len(set(matched.tolist())) == 4
    assert match_anchors(QUARTERS[:1], boxes).tolist() == [8]


def test_without_objects_all_is_background():
    found = targets_of(QUARTERS, floats())
    assert found.classes.tolist() == [BACKGROUND] * 4
    assert found.classes.dtype == np.int32
    assert found.boxes.dtype == np.float32
    assert not found.boxes.any()


def test_encodings_by_hand():
    # The anchor's centre is (.125, .5) and its size (.25, 1); the object's (.15, .4) and (.2, .8).
    # ty = 10 (.4 - .5) / 1 = -1, tx = 10 (.15 - .125) / .25 = 1, th = 5 ln .8, tw = 5 ln (.2 / .25) = 5 ln .8
    found = targets_of(QUARTERS, floats([0.05, 0, 0.25, 0.8]), labels=[6])
    np.testing.assert_allclose(found.boxes[0], [-1, 1, 5 * np.log(0.8), 5 * np.log(0.8)], atol=1e-5)
    assert found.classes.tolist() == [7, 0, 0, 0]  # label + 1
    assert not found.boxes[1:].any()


def test_the_coders_scales_are_used():
    box = floats([0.05, 0, 0.25, 0.8])
    one, two = (targets_of(QUARTERS, box, scales=scales).boxes[0] for scales in (SCALES, (1, 2, 3, 4)))
    np.testing.assert_allclose(two, one / np.array(SCALES) * [1, 2, 3, 4], rtol=1e-5)


def test_crowd_regions_are_ignored_and_no_objects():
    # All of anchors 2 and 3 lies in the crowd, and nothing of anchor 1.
    boxes = floats([0, 0, 0.25, 1], [0.5, 0, 1, 1])
    found = targets_of(QUARTERS, boxes, labels=[4, 5], crowd=[False, True])
    assert found.classes.tolist() == [5, BACKGROUND, IGNORED, IGNORED]
    assert not found.boxes[1:].any()
    alone = targets_of(QUARTERS, boxes[1:], labels=[5], crowd=[True])
    assert alone.classes.tolist() == [BACKGROUND, BACKGROUND, IGNORED, IGNORED]
    # A small crowd is not forced onto an anchor, as an object would be.
    assert not targets_of(QUARTERS, floats([0.3, 0, 0.4, 0.25]), crowd=[True]).classes.any()


def test_an_object_in_a_crowd_is_an_object():
    boxes = floats([0.5, 0, 1, 1], [0.75, 0, 1, 1])
    found = targets_of(QUARTERS, boxes, labels=[5, 2], crowd=[True, False])
    assert found.classes.tolist() == [BACKGROUND, BACKGROUND, IGNORED, 3]


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7])
def test_the_threshold_reaches_objects_and_crowds(threshold):
    # IoU of [0, .4] is .625 with the first anchor and .3 with the second (see above). As a crowd it holds the
    # whole of the first anchor and .15 / .25 = .6 of the second.
    boxes = floats([0, 0, 0.4, 1])
    object_ = targets_of(QUARTERS, boxes, iou_threshold=threshold).classes
    crowd = targets_of(QUARTERS, boxes, crowd=[True], iou_threshold=threshold).classes
    assert object_.tolist() == [1, int(threshold <= 0.3), 0, 0]
    assert crowd.tolist() == [IGNORED, -int(threshold <= 0.6), 0, 0]


@st.composite
def box_arrays(draw, least, most):
    """Boxes with corners on a grid of 64ths, in which areas and so overlaps are computed exactly."""
    spans = st.lists(st.integers(0, 64), min_size=2, max_size=2, unique=True).map(sorted)
    pairs = draw(st.lists(st.tuples(spans, spans), min_size=least, max_size=most))
    return floats(*([x[0] / 64, y[0] / 64, x[1] / 64, y[1] / 64] for x, y in pairs))


ANCHORS, OBJECTS = box_arrays(1, 12), box_arrays(0, 8)
THRESHOLDS = st.sampled_from([0.1, 0.4, 0.5, 0.7])


@given(ANCHORS, OBJECTS, THRESHOLDS)
def test_every_object_gets_an_anchor_and_every_good_anchor_its_best_object(anchors, boxes, threshold):
    matched = match_anchors(anchors, boxes, iou_threshold=threshold)
    assert matched.shape == (len(anchors),)
    owners = set(matched.tolist()) - {-1}
    assert len(owners) >= min(len(anchors), len(boxes))
    assert owners <= set(range(len(boxes)))
    if not len(boxes):
        return
    overlaps = intersection_over_union(boxes, anchors)
    forced = 0
    for anchor, box in enumerate(matched):
        best = overlaps[:, anchor].max()
        expected = overlaps[:, anchor].argmax() if best >= threshold else -1
        forced += bool(box != expected)
    # Only a forced match may differ from that, and there is one at most for each object.
    assert forced <= len(boxes)


@given(ANCHORS, OBJECTS)
def test_no_object_would_swap_to_an_anchor_that_it_overlaps_more_than_its_owner(anchors, boxes):
    """Above the greatest IoU only forced matches are left, and they are stable."""
    matched = match_anchors(anchors, boxes, iou_threshold=1.5)
    overlaps = intersection_over_union(boxes, anchors)
    held = {box: anchor for anchor, box in enumerate(matched.tolist()) if box >= 0}
    assert len(held) == (matched >= 0).sum() == min(len(anchors), len(boxes))
    for box in range(len(boxes)):
        mine = overlaps[box, held[box]] if box in held else -1
        for anchor, owner in enumerate(matched.tolist()):
            if overlaps[box, anchor] > mine:
                assert owner >= 0
                assert overlaps[owner, anchor] >= overlaps[box, anchor]


@given(ANCHORS, OBJECTS, THRESHOLDS, st.data())
def test_positives_decode_to_their_objects(anchors, boxes, threshold, data):
    crowd = np.array([data.draw(st.booleans()) for _ in boxes], bool)
    found = targets_of(anchors, boxes, crowd=crowd, iou_threshold=threshold)
    decoded = decode(found.boxes, anchors, scales=SCALES)
    positive = found.classes > BACKGROUND
    np.testing.assert_allclose(decoded[positive], boxes[found.classes[positive] - 1], atol=1e-4)
    assert not crowd[found.classes[positive] - 1].any()
    assert not found.boxes[~positive].any()
    shared = intersection(anchors, boxes[crowd]).max(axis=1, initial=0)
    inside = (shared >= threshold * area(anchors)) & bool(crowd.any())
    np.testing.assert_array_equal(found.classes == IGNORED, inside & ~positive)
    np.testing.assert_array_equal(
        positive, match_anchors(anchors, boxes[~crowd], iou_threshold=threshold) >= 0
    )
