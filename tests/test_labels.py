import pytest

from detector.errors import ModelError
from detector.labels import COCO_CLASSES, COCO_IDS, find_classes


def test_cocos_classes(coco_sample):
    assert coco_sample.categories == {id_: name for name, id_ in COCO_IDS.items()}
    assert len(COCO_CLASSES) == 80
    assert (COCO_IDS["person"], COCO_IDS["stop sign"], COCO_IDS["toothbrush"]) == (1, 13, 90)


def test_find_classes_is_forgiving_about_spelling_and_order():
    assert find_classes(["Traffic_Light", " dog ", "person", "dog"], COCO_CLASSES) == [0, 9, 16]


def test_find_classes_names_what_there_is():
    with pytest.raises(ModelError, match="did you mean 'person'"):
        find_classes(["preson"], COCO_CLASSES)
    with pytest.raises(ModelError, match="it has cat, dog"):
        find_classes(["xylophone"], ("cat", "dog"))
