import json
from dataclasses import replace

import pytest

from detector.anchors import AnchorSpec
from detector.errors import ModelError
from detector.spec import ModelSpec


def test_round_trip():
    spec = ModelSpec(
        "model", ("a", "b"), input_hw=(320, 300), anchors=AnchorSpec(min_scale=0.1), card={"licence": "MIT"}
    )
    assert ModelSpec.from_json(spec.to_json()) == spec
    assert ModelSpec.from_json(spec.to_json()) != replace(spec, input_hw=(300, 320))


def test_what_scales_are_shares_of_travels_along_and_is_left_out_where_it_is_the_input():
    own = ModelSpec("model", ("a", "b"))
    resized = replace(own, input_hw=(512, 640), anchors=AnchorSpec(reference_hw=(300, 300)))
    assert ModelSpec.from_json(resized.to_json()) == resized
    assert "reference_hw" not in own.to_json()  # files of before, and programs of before, have no such key


def test_a_backbone_travels_along_and_is_left_out_where_it_is_the_usual_one():
    other = ModelSpec("model", ("a", "b"), backbone="mobilenet_v1")
    assert ModelSpec.from_json(other.to_json()) == other
    assert other.network_name == "ssdlite_mobilenet_v1"
    usual = ModelSpec("model", ("a", "b"))
    assert "backbone" not in usual.to_json()  # files of before, and programs of before, have no such key
    assert ModelSpec.from_json(usual.to_json()).backbone == "mobilenet_v2"


@pytest.mark.parametrize("backbone", ["mobilenet_v9", "", 1, None, ["mobilenet_v1"], {}])
def test_a_backbone_that_is_not_known_is_refused(backbone):
    with pytest.raises(ModelError, match=r"one of mobilenet_v2, mobilenet_v1, is .*update ssdlite"):
        ModelSpec.from_json(spec_json(backbone=backbone))


def test_a_spec_from_before_classes_had_thresholds_has_none():
    spec = ModelSpec("model", ("a", "b"), class_thresholds={"a": 0.25})
    assert ModelSpec.from_json(spec.to_json()).class_thresholds == {"a": 0.25}
    old = json.loads(spec.to_json())
    del old["class_thresholds"]
    assert ModelSpec.from_json(json.dumps(old)).class_thresholds == {}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 1}', '{"format": 99}', '{"format": 1, "x": 2}'])
def test_something_else_is_refused(text):
    with pytest.raises(ModelError, match="spec"):
        ModelSpec.from_json(text)


def spec_json(**changes):
    values = json.loads(ModelSpec("model", ("a", "b")).to_json())
    anchors = changes.pop("anchors", {})
    values["anchors"] |= anchors
    return json.dumps({**values, **changes})


HUGE = 10**400
BAD_NUMBERS = [float("nan"), float("inf"), -float("inf"), 1e308, HUGE, -1, True, None, "1", [], {}]
NUMBERS = ["width_multiplier", "pixel_scale", "score_threshold", "iou_threshold", "max_detections"]


@pytest.mark.parametrize("value", BAD_NUMBERS, ids=lambda value: repr(value)[:12])
@pytest.mark.parametrize("key", NUMBERS)
def test_a_number_that_no_network_has_is_refused(key, value):
    with pytest.raises(ModelError, match=rf"{key} should be a"):
        ModelSpec.from_json(spec_json(**{key: value}))


@pytest.mark.parametrize(
    "changes",
    [
        {"input_hw": [300]},
        {"input_hw": [0, 300]},
        {"input_hw": [-0.0, 300]},
        {"input_hw": [300.0, 300]},
        {"input_hw": [True, True]},
        {"input_hw": [HUGE, 1]},
        {"input_hw": [4096, 4096]},
        {"input_hw": "ab"},
        {"input_hw": {"1": 2, "3": 4}},
        {"box_coder_scales": [1, 1, 1]},
        {"box_coder_scales": [10, 10, 0, 5]},
        {"box_coder_scales": [10, 10, float("nan"), 5]},
        {"pixel_offset": float("inf")},
        {"pixel_scale": 0},
        {"max_detections": 1e2},
        {"max_detections": 10**9},
        {"name": 5},
        {"name": "a\nb"},
        {"name": "a\0b"},
        {"name": "\x1b]0;title\x07"},
        {"name": "n" * 5000},
        {"classes": []},
        {"classes": "ab"},
        {"classes": {"a": 1}},
        {"classes": ["a", 5]},
        {"classes": ["a", "a"]},
        {"classes": ["a\nb"]},
        {"classes": ["a\u2028b"]},
        {"classes": ["a\u0085b"]},
        {"classes": ["a\ud800"]},
        {"classes": ["n" * 5000]},
        {"classes": [str(k) for k in range(20_000)]},
        {"class_thresholds": [["a", 0.5]]},
        {"class_thresholds": {"a": "0.5"}},
        {"class_thresholds": {"a": float("nan")}},
        {"card": {"source": 1}},
        {"card": {"source": "\x1b[2J"}},
        {"card": None},
        {"anchors": {"num_maps": 5}},
        {"anchors": {"num_maps": 10**9}},
        {"anchors": {"min_scale": 0}},
        {"anchors": {"max_scale": float("nan")}},
        {"anchors": {"aspect_ratios": [1.0, -2.0]}},
        {"anchors": {"aspect_ratios": [1.0] * 1000}},
        {"anchors": {"aspect_ratios": "12"}},
        {"anchors": {"first_map": [[0.1]]}},
        {"anchors": {"first_map": [0.1, 0.2]}},
        {"anchors": {"first_map": []}},
        {"anchors": {"first_map": [["0.1", 1.0]]}},
        {"anchors": {"reference_hw": 300}},
        {"anchors": {"reference_hw": [300]}},
        {"anchors": {"reference_hw": [300, 0]}},
        {"anchors": {"reference_hw": [300, 5000]}},
        {"anchors": {"reference_hw": [True, 300]}},
        {"anchors": {"reference_hw": "33"}},
        {"anchors": {"unknown": 1}},
        {"unknown": 1},
    ],
    ids=lambda changes: repr(changes)[:40],
)
def test_a_value_that_no_network_has_is_refused(changes):
    with pytest.raises(ModelError) as caught:
        ModelSpec.from_json(spec_json(**changes))
    assert len(str(caught.value)) < 400
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"a":' * 100_000,
        '{"format": 1, "format": 1}',
        "1" * 5000,
        b"\xff\xfe\0",
        b"\x80",
        " " * (1 << 24),
        "\ud800",
    ],
    ids=["lists", "objects", "twice", "digits", "utf-16", "no utf-8", "spaces", "surrogate"],
)
def test_json_that_was_made_to_do_harm_is_refused(text):
    with pytest.raises(ModelError, match="spec"):
        ModelSpec.from_json(text)


def test_names_of_all_the_world_are_kept():
    classes = ("stopp-skylt, röd", "左折", "👩‍🚒", "a/b", "..", "CON")
    assert ModelSpec.from_json(ModelSpec("../é", classes).to_json()).classes == classes


def test_the_constructor_checks_as_the_file_is_checked():
    with pytest.raises(ModelError, match="input_hw"):
        replace(ModelSpec("model", ("a",)), input_hw=(0, 0))
    with pytest.raises(ModelError, match="scale"):
        AnchorSpec(min_scale=float("nan"))
