import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from detector.detections import Detections
from detector.video.collection.voc_file import write_labels


@pytest.mark.parametrize(
    ("name", "written"),
    [("cat", "cat"), ("<b>bold & 猫</b>", "<b>bold & 猫</b>"), ("a\x01b\x00", "a b"), ("a\ud800", "a?")],
)
def test_any_class_name_can_be_read_again(tmp_path, name, written):
    box = np.array([[1.2, 2.4, 30.7, 40.5]], np.float32)
    found = Detections(box, np.array([0.875], np.float32), np.zeros(1, np.int64), (name,))
    write_labels(tmp_path / "a.xml", "a&b.jpg", (64, 48), found, found[:0])
    root = ElementTree.parse(tmp_path / "a.xml").getroot()
    assert root.findtext("filename") == "a&b.jpg"
    assert (root.findtext("size/width"), root.findtext("size/height")) == ("64", "48")
    (element,) = root.iter("object")
    assert element.findtext("name") == written
    assert element.findtext("difficult") == "0"
    assert element.findtext("score") == "0.8750"
    assert [int(each.text) for each in element.find("bndbox")] == [1, 2, 31, 40]
