import numpy as np
import pytest

from detector.any_size import resize_spec
from detector.architecture import anchors_of
from detector.box_coder import decode, encode
from detector.boxes import area, clip, intersection_over_union
from detector.nms import non_maximum_suppression
from detector.postprocess import LARGEST_BOX, Postprocessor, largest_area
from detector.spec import ModelSpec

SPEC = ModelSpec("test", tuple(f"class {k}" for k in range(5)), input_hw=(96, 128))
ANCHORS = anchors_of(SPEC)


def random_outputs(seed, spread=3.0):
    generator = np.random.default_rng(seed)
    return (
        generator.normal(0, 1, (len(ANCHORS), 4)).astype(np.float32),
        generator.normal(-3, spread, (len(ANCHORS), 6)).astype(np.float32),
    )


def plain_postprocess(box_encodings, class_logits, size_wh, score, iou, most):
    """Every box decoded, every score computed, every candidate walked."""
    boxes = decode(box_encodings, ANCHORS, scales=SPEC.box_coder_scales)
    scores = 1 / (1 + np.exp(-class_logits[:, 1:]))
    anchors, labels = np.nonzero(scores > score)
    order = np.argsort(-scores[anchors, labels], kind="stable")
    anchors, labels = anchors[order], labels[order]
    kept = non_maximum_suppression(boxes[anchors], labels, iou_threshold=iou, max_detections=most)
    size = np.array([*size_wh, *size_wh])
    return clip(boxes[anchors[kept]], 1, 1) * size, scores[anchors[kept], labels[kept]], labels[kept]


@pytest.mark.parametrize("score", [0.0, 1e-8, 0.3, 0.9, 0.999999])
@pytest.mark.parametrize("most", [1, 100, 700])
@pytest.mark.parametrize("seed", range(3))
def test_looking_at_few_candidates_changes_nothing(score, most, seed):
    outputs = random_outputs(seed)
    expected = plain_postprocess(*outputs, (640, 480), score, 0.6, most)
    postprocess = Postprocessor(SPEC, score_threshold=score, max_detections=most)
    found = postprocess(*outputs, (640, 480))
    np.testing.assert_allclose(found.boxes, expected[0], rtol=1e-6)
    np.testing.assert_allclose(found.scores, expected[1], rtol=1e-6)
    assert found.labels.tolist() == expected[2].tolist()


def test_candidates_that_all_overlap_are_gone_through_to_the_end():
    # All anchors say the same box, so the hundreds of candidates leave one survivor of each class.
    target = np.broadcast_to(np.array([0.2, 0.2, 0.8, 0.9], np.float32), ANCHORS.shape)
    encodings = encode(target, ANCHORS, scales=SPEC.box_coder_scales)
    logits = random_outputs(0)[1]
    found = Postprocessor(SPEC, max_detections=100)(encodings, logits, (100, 100))
    assert sorted(found.labels.tolist()) == [0, 1, 2, 3, 4]
    np.testing.assert_allclose(found.boxes, np.tile([[20, 20, 80, 90]], (5, 1)), atol=1e-3)


def test_background_takes_no_part():
    encodings, logits = random_outputs(1)
    logits[:, 0] = 50
    logits[:, 1:] = -50
    assert len(Postprocessor(SPEC)(encodings, logits, (10, 10))) == 0


def test_boxes_stay_inside_the_image():
    found = Postprocessor(SPEC)(*random_outputs(2), (640, 480))
    assert len(found) == 100
    assert found.boxes.min() >= 0
    assert (found.boxes <= [640, 480, 640, 480]).all()
    assert (np.diff(found.scores) <= 0).all()


def test_fewer_labels_give_the_same_detections_of_those():
    outputs = random_outputs(3)
    everything = Postprocessor(SPEC, max_detections=5000)(*outputs, (640, 480))
    some = Postprocessor(SPEC, max_detections=5000, labels=[1, 4])(*outputs, (640, 480))
    expected = everything[np.isin(everything.labels, [1, 4])]
    assert some.names == expected.names
    assert set(some.names) == {"class 1", "class 4"}
    np.testing.assert_array_equal(some.boxes, expected.boxes)


@pytest.mark.parametrize("change", [{"score_threshold": 0.5}, {"iou_threshold": 0.2}, {"max_detections": 20}])
def test_every_parameter_matters(change):
    outputs = random_outputs(4)
    as_they_are = Postprocessor(SPEC, max_detections=5000)(*outputs, (64, 64))
    changed = Postprocessor(SPEC, **{"max_detections": 5000, **change})(*outputs, (64, 64))
    assert 0 < len(changed) < len(as_they_are)


@pytest.mark.parametrize("change", [{"score_threshold": 1.0}, {"iou_threshold": -0.1}, {"max_detections": 0}])
def test_impossible_parameters_are_refused(change):
    with pytest.raises(ValueError, match=r"^expected "):
        Postprocessor(SPEC, **change)


def clustered_outputs():
    """Every anchor says one of three boxes, more or less."""
    generator = np.random.default_rng(4)
    objects = np.array([[0.1, 0.1, 0.4, 0.5], [0.3, 0.2, 0.8, 0.9], [0.5, 0.1, 0.9, 0.4]])
    targets = objects[generator.integers(0, 3, len(ANCHORS))] + generator.normal(0, 0.02, ANCHORS.shape)
    encodings = encode(targets.astype(np.float32), ANCHORS, scales=SPEC.box_coder_scales)
    return encodings, random_outputs(4)[1]


@pytest.mark.parametrize("score", [1e-8, 0.9])
def test_voting_moves_boxes_to_the_mean_of_those_around_them(score):
    encodings, logits = clustered_outputs()
    plain = Postprocessor(SPEC, score_threshold=score)(encodings, logits, (1, 1))
    voted = Postprocessor(SPEC, score_threshold=score, voting=True)(encodings, logits, (1, 1))
    assert voted.labels.tolist() == plain.labels.tolist()
    assert voted.scores.tolist() == plain.scores.tolist()
    # The same, box by box; boxes inside the image alone, for the others were clipped.
    boxes = decode(encodings, ANCHORS, scales=SPEC.box_coder_scales)
    scores = 1 / (1 + np.exp(-logits.astype(np.float64)))
    compared = moved = 0
    for box, own_score, label, result in zip(
        plain.boxes, plain.scores, plain.labels, voted.boxes, strict=True
    ):
        if box.min() <= 0 or box.max() >= 1:
            continue
        score_of = scores[:, label + 1]
        odds = score_of / (1 - score_of)
        near = intersection_over_union(box[None], boxes)[0] >= 0.7
        votes = np.where(near & (odds >= own_score / (1 - own_score) / 10), score_of, 0)
        expected = votes @ boxes / votes.sum()
        if result.min() <= 0 or result.max() >= 1 or abs(expected).max() > 1:
            continue
        np.testing.assert_allclose(result, expected, atol=1e-4)
        compared += 1
        moved += bool(np.abs(result - box).max() > 1e-3)
    assert compared > 3
    assert moved


def test_voting_does_not_depend_on_the_score_threshold():
    encodings, logits = clustered_outputs()
    low = Postprocessor(SPEC, score_threshold=1e-8, voting=True)(encodings, logits, (640, 480))
    high = Postprocessor(SPEC, score_threshold=0.9, voting=True)(encodings, logits, (640, 480))
    assert len(high)
    np.testing.assert_allclose(high.boxes, low.boxes[: len(high)], rtol=1e-5)
    assert (
        len(Postprocessor(SPEC, score_threshold=0.9999999, voting=True)(encodings, logits * 0, (9, 9))) == 0
    )


LARGER = resize_spec(SPEC, (192, 256))


def test_two_looks_are_one_set_of_candidates():
    anchors = np.concatenate([ANCHORS, anchors_of(LARGER)])
    generator = np.random.default_rng(4)
    encodings = generator.normal(0, 1, (len(anchors), 4)).astype(np.float32)
    logits = generator.normal(-3, 3, (len(anchors), 6)).astype(np.float32)
    both = Postprocessor(SPEC, max_detections=50, others=[LARGER])
    found = both(encodings, logits, (1, 1))
    boxes = decode(encodings, anchors, scales=SPEC.box_coder_scales)
    limit = largest_area(SPEC, LARGER)
    assert 0 < limit < 1
    allowed = (area(boxes) < limit) | (np.arange(len(anchors)) < len(ANCHORS))
    assert not allowed.all()
    scores = (1 / (1 + np.exp(-logits[:, 1:]))) * allowed[:, None]
    rows, labels = np.nonzero(scores > SPEC.score_threshold)
    order = np.argsort(-scores[rows, labels], kind="stable")
    rows, labels = rows[order], labels[order]
    kept = non_maximum_suppression(boxes[rows], labels, iou_threshold=0.6, max_detections=50)
    np.testing.assert_allclose(found.boxes, clip(boxes[rows[kept]], 1, 1), rtol=1e-5, atol=1e-6)
    assert found.labels.tolist() == labels[kept].tolist()


@pytest.mark.parametrize("voting", [False, True])
def test_what_is_large_in_the_larger_look_neither_shows_nor_votes(voting):
    anchors = np.concatenate([ANCHORS, anchors_of(LARGER)])
    side = 1.01 * largest_area(SPEC, LARGER) ** 0.5
    large = np.broadcast_to(np.array([0, 0, side, side], np.float32), anchors.shape)
    encodings = encode(large, anchors, scales=SPEC.box_coder_scales)
    logits = np.full((len(anchors), 6), -20, np.float32)
    logits[len(ANCHORS) :, 1] = 5
    both = Postprocessor(SPEC, score_threshold=0.5, others=[LARGER], voting=voting)
    assert len(both(encodings, logits, (1, 1))) == 0
    # The first look sees it, somewhat to the right; the others' votes would move it.
    shifted = large[:1] + np.array([[0.02, 0, 0.02, 0]], np.float32)
    encodings[0] = encode(shifted, anchors[:1], scales=SPEC.box_coder_scales)[0]
    logits[0, 1] = 5
    found = both(encodings, logits, (1, 1))
    np.testing.assert_allclose(found.boxes, shifted, atol=1e-5)


def test_the_limit_is_the_same_in_pixels_of_every_look():
    for input_hw in ((192, 256), (96, 512), (300, 300)):
        other = resize_spec(SPEC, input_hw)
        pixels = largest_area(SPEC, other) * input_hw[0] * input_hw[1]
        assert pixels == pytest.approx(LARGEST_BOX**2 * 96 * 128)
