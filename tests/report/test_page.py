"""The report is one file that needs nothing else, and says what the JSON says."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from detector.checks.diagnosis import find_causes
from detector.evaluation.analysis import analyse
from detector.evaluation.coco_metrics import METRICS, compute_metrics
from detector.evaluation.evaluate import evaluate_detections
from detector.report.cutout import draw_cutout
from detector.report.markup import prose
from detector.report.page import About, write_report
from tests.evaluation.noisy_detections import build_dataset, with_noise
from tests.evaluation.test_coco_metrics import as_detections

VOID = {"meta", "img", "br", "link"}


class Tree(HTMLParser):
    """Checks that every element is closed; collects addresses and text."""

    def __init__(self):
        super().__init__()
        self.open, self.addresses, self.text, self.tags = [], [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.addresses += [value for name, value in attributes if name in ("src", "href", "xlink:href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text.append(data)


def report(folder, dataset, detections, rounds=30, notes=()):
    measured = evaluate_detections(dataset, detections)
    analysis = analyse(
        dataset,
        detections,
        dataset.categories,
        measured.metrics,
        rounds=rounds,
        causes=find_causes(dataset, measured),
    )
    write_report(
        folder,
        analysis,
        About("model on val", "somewhere", list(notes), {"model": "model"}, {"numpy": "2"}),
    )
    page = (folder / "report.html").read_text("utf-8")
    tree = Tree()
    tree.feed(page)
    tree.close()
    assert tree.open == []
    return page, tree, json.loads((folder / "report.json").read_text("utf-8"), parse_constant=pytest.fail)


@pytest.fixture(scope="module")
def golden_report(coco_sample, golden_detections, tmp_path_factory):
    detections = json.loads(golden_detections.read_text())
    return report(tmp_path_factory.mktemp("report"), coco_sample, detections, notes=["Mind this."])


def test_the_page_needs_nothing_else(golden_report):
    page, tree, _ = golden_report
    assert "script" not in tree.tags
    assert "link" not in tree.tags
    assert all(address.startswith(("#", "data:image/jpeg;base64,")) for address in tree.addresses)
    assert "http" not in page.replace("http://www.w3.org", "")
    assert 'name="viewport"' in page
    assert "@media print" in page
    anchors = {address[1:] for address in tree.addresses if address.startswith("#")}
    assert anchors == set(re.findall(r'<section id="(\w+)"', page))
    assert len(anchors) == 12
    assert page.count("data:image/jpeg") == len(re.findall("<figure>", page)) > 25


def test_the_json_holds_the_coco_numbers(golden_report, coco_sample, golden_detections):
    _, tree, facts = golden_report
    detections = json.loads(golden_detections.read_text())
    expected = compute_metrics(coco_sample, detections, list(coco_sample.categories))
    for name in METRICS:
        interval = facts["summary"][name]
        assert interval["value"] == pytest.approx(expected.summary[name], abs=1e-9)
        assert interval["low"] <= interval["value"] <= interval["high"]
    for name, value in expected.per_class.items():
        if value >= 0:
            assert facts["per_class"][name]["ap"]["value"] == pytest.approx(value, abs=1e-9)
        else:
            assert name in facts["classes_without_objects"]
    assert facts["greatest_difference_from_pycocotools"] < 1e-9
    text = " ".join(tree.text)
    assert "32.3" in text
    assert "Mind this." in text
    assert "384 small, 255 medium, 222 large" in text
    assert "toaster" in text  # the class without objects
    counts = facts["confusion_matrix"]["counts"]
    assert len(counts) == len(counts[0]) == 81
    assert facts["errors"]["costs"]["missed"] == pytest.approx(0.0993, abs=0.0005)


def test_names_are_escaped(tmp_path):
    evil = "<script>alert('&')</script>"
    truth = build_dataset(30, names={1: evil, 2: "a & b"})
    images = tuple(
        replace(image, path=Path(f"<b>{image.id}.jpg"), metadata={"<i>": "<u>" if image.id % 2 else "x"})
        for image in truth.images
    )
    page, tree, _ = report(tmp_path, replace(truth, images=images), with_noise(truth), notes=["<em>"])
    assert not {"script", "b>", "i", "u", "em"} & set(tree.tags)
    assert "&lt;script&gt;" in page
    assert evil in " ".join(tree.text)


def test_minus_1_is_explained(tmp_path):
    truth = build_dataset(5)
    for annotation in truth.annotations:
        annotation["area"] = 1e5
    _, tree, facts = report(tmp_path, truth, with_noise(truth))
    assert facts["summary"]["APs"] == {"value": -1, "low": -1, "high": -1}
    text = " ".join(tree.text)
    assert "-1 is no score and no error" in text
    assert "APs and ARs, because no object has an area of under 32 x 32 pixels" in text


@pytest.mark.parametrize(
    "case", ["nothing found", "no object", "one image", "one class", "all crowd", "perfect"]
)
def test_what_is_odd_gives_a_report_too(tmp_path, case):
    names = {7: "it"} if case == "one class" else {1: "a", 2: "b"}
    truth = build_dataset(1 if case == "one image" else 12, names=names)
    found = with_noise(truth)
    if case == "nothing found":
        found = []
    if case == "no object":
        truth = replace(truth, annotations=())
    if case == "all crowd":
        truth = replace(truth, annotations=tuple({**a, "iscrowd": 1} for a in truth.annotations))
    if case == "perfect":
        found = as_detections(truth)
    _, tree, facts = report(tmp_path, truth, found)
    text = " ".join(tree.text)
    assert facts["advice"]
    assert "nan" not in text.lower()
    if case == "nothing found":
        assert "There is no detection of its classes" in text
    if case in ("no object", "all crowd"):
        assert facts["summary"]["AP"]["value"] == -1
    if case == "one image":
        assert "1 image says nothing about others" in text


def test_images_that_are_not_here_cost_the_pictures_alone(tmp_path):
    truth = build_dataset(20)
    page, tree, facts = report(tmp_path, truth, with_noise(truth)[::2])
    assert "data:image" not in page
    assert "20 image files are not here" in " ".join(tree.text)
    assert {part["dimension"] for part in facts["slices"]} >= {"aspect ratio", "position", "crowding"}
    assert "brightness" not in {part["dimension"] for part in facts["slices"]}


@pytest.mark.parametrize("box", [(-1e9, -1e9, 2e9, 2e9), (1e9, 3, 1e9, 1), (5, 5, 1e9, 0), (3, 4, 5, 6)])
def test_pictures_of_boxes_that_reach_far_beyond_the_image(box):
    drawn = draw_cutout(np.zeros((60, 80, 3), np.uint8), (10.0, 10.0, 20.0, 20.0), box)
    assert 0 < max(drawn.shape) <= 420


def test_one_is_not_many(tmp_path):
    truth = build_dataset(1, names={1: "a", 2: "b"})
    truth = replace(truth, annotations=truth.annotations[:1])
    _, tree, _ = report(tmp_path, truth, as_detections(truth))
    text = " ".join(" ".join(tree.text).split())
    assert "1 object is counted" in text
    assert "95 % interval AP50" not in text  # there is none
    assert "1 detection, 0 objects missed, 0 ghosts" in text
    assert not re.search(r"(?<![\d.,])1 (objects|images|classes|detections|ghosts|image files)\b", text)


def test_what_is_typed_is_code() -> None:
    assert (
        prose("Try `ssdlite compare <A>` & see.") == "Try <code>ssdlite compare &lt;A&gt;</code> &amp; see."
    )
    assert prose("one ` alone") == "one ` alone"
