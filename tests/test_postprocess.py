import numpy as np
import pytest

from detector.anchors import build_anchors
from detector.architecture import build_architecture
from detector.box_coder import decode, encode
from detector.boxes import clip
from detector.nms import non_maximum_suppression
from detector.postprocess import Postprocessor
from detector.spec import ModelSpec

SPEC = ModelSpec("test", tuple(f"class {k}" for k in range(5)), input_hw=(96, 128))
ANCHORS = build_anchors(SPEC.anchors, build_architecture(SPEC).feature_map_sizes_hw)


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
    with pytest.raises(ValueError, match="expected 0 <= score_threshold"):
        Postprocessor(SPEC, **change)
