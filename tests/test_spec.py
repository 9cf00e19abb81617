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
