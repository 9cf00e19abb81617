import numpy as np
import pytest

from detector.classification import NamedScore
from detector.detections import Detections, draw_detections
from detector.errors import ArgumentError, ModelError
from detector.evaluation.coco_results import to_named_results
from detector.runtime.second_stage import SecondStage
from tests.runtime.toy_stage import ToyClassifier, ToyDetector, scene


def test_objects_of_the_class_get_the_names_that_are_likely_enough():
    image, found = scene(
        ("bird", (20, 20, 60, 60), 0.9),
        ("cat", (100, 20, 140, 60), 0.9),
        ("bird", (200, 20, 280, 90), 0.1),
        ("bird", (20, 120, 80, 180), 0.55),
    )
    classifier = ToyClassifier()
    stage = SecondStage(ToyDetector(found), {"Bird ": classifier}, least=0.8)
    named = stage.detect(image)
    assert [kind and kind.name for kind in named.kinds] == ["robin", None, "wren", None]
    assert named.kinds[0].score == pytest.approx(0.9, abs=0.01)
    assert named.names == found.names
    assert sorted(classifier.seen) == [(48, 48), (72, 72), (84, 96)]  # a tenth around each box
    (batch,) = stage.detect_batch([image])
    assert batch == named
    assert batch != found


def test_the_largest_are_named_where_there_are_more_than_may_be():
    image, found = scene(*(("bird", (10 + 60 * n, 10, 20 + 60 * n + 10 * n, 50), 1.0) for n in range(4)))
    stage = SecondStage(ToyDetector(found), {"bird": ToyClassifier()})
    kinds = stage.add_kinds(image, found, most=2).kinds
    assert [kind is not None for kind in kinds] == [False, False, True, True]


@pytest.mark.parametrize(
    ("classifiers", "least", "error", "message"),
    [
        ({"brid": ToyClassifier()}, 0.5, ModelError, "no class 'brid'; did you mean 'bird'"),
        ({"dog": ToyClassifier()}, 0.5, ArgumentError, "does not look for 'dog'"),
        ({"bird": ToyClassifier(), "BIRD": ToyClassifier()}, 0.5, ArgumentError, "two classifiers"),
        ({"bird": "runs/birds"}, 0.5, ArgumentError, "got str"),
        ({}, 0.5, ArgumentError, "got none"),
        ({"bird": ToyClassifier()}, 1.5, ArgumentError, "probability from 0 to 1"),
    ],
)
def test_what_makes_no_second_stage_is_refused(classifiers, least, error, message):
    with pytest.raises(error, match=message):
        SecondStage(ToyDetector(scene()[1]), classifiers, least=least)


def named():
    image, found = scene(("bird", (20, 20, 60, 60), 0.9), ("cat", (100, 20, 140, 60), 0.9))
    return image, SecondStage(ToyDetector(found), {"bird": ToyClassifier()}).detect(image)


def test_kinds_are_in_all_that_is_made_of_detections():
    image, found = named()
    robin = NamedScore("robin", pytest.approx(0.9, abs=0.01))
    assert found[::-1].kinds == (None, robin)
    assert found[np.array([False, True])].kinds == (None,)
    first, second = found.to_dicts()
    assert (first["name"], first["kind"], first["kind_score"]) == ("bird", *robin)
    assert (second["kind"], second["kind_score"]) == (None, None)
    assert [each["kind"] for each in to_named_results(found, "a.jpg")] == ["robin", None]
    assert [each.name for each in found.shown_names] == ["robin", "cat"]
    plain = Detections(found.boxes, found.scores, found.labels, found.classes)
    assert "kind" not in plain.to_dicts()[0]
    assert "kind" not in to_named_results(plain, "a.jpg")[0]
    assert (draw_detections(image, found) != draw_detections(image, plain)).any()
    with pytest.raises(ValueError, match="expected 2 kinds"):
        Detections(found.boxes, found.scores, found.labels, found.classes, (None,))


def test_kinds_are_columns_of_tables():
    pytest.importorskip("pandas")
    _, found = named()
    table = found.to_dataframe()
    assert table["kind"].tolist() == ["robin", ""]
    assert table["kind_score"].isna().tolist() == [False, True]
    pytest.importorskip("supervision")
    assert found.to_supervision().data["kind"].tolist() == ["robin", ""]
