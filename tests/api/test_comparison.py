"""``compare``."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from detector import Detector, compare, evaluate, load_dataset
from detector.api.evaluation import Evaluation
from detector.data.sample import SAMPLE_FOLDER
from detector.errors import DatasetError, DetectorError


@pytest.fixture(scope="module")
def good(model: Path) -> Evaluation:
    return evaluate(SAMPLE_FOLDER, model=model)


@pytest.fixture(scope="module")
def bad(good: Evaluation) -> Evaluation:
    return evaluate(SAMPLE_FOLDER, detections=[{**each, "category_id": 1} for each in good.detections])


def test_sides_may_be_of_any_kind(model: Path, good: Evaluation, tmp_path: Path) -> None:
    good.save(tmp_path)
    detector = Detector.load(model, score_threshold=None)
    for side, name, letters in (
        (str(model), str(model), ["B"]),
        (detector, good.name, ["B"]),
        (good, good.name, ["B"]),
        (tmp_path / "detections.json", str(tmp_path / "detections.json"), []),
        (good.detections, "detections", []),
    ):
        found = compare(good.detections, side, SAMPLE_FOLDER, rounds=10)
        assert found.summary["AP"].first.value == pytest.approx(good.ap)
        assert found.summary["AP"].difference.value == pytest.approx(0, abs=1e-4)  # of boxes to a thousandth
        assert found.names == ("detections", name)
        assert list(found.detectors) == letters


def test_a_loss(good: Evaluation, bad: Evaluation, tmp_path: Path) -> None:
    found = compare(good, bad, rounds=10)
    loss = -100 * found.summary["AP"].difference.value
    assert loss > 10
    assert found.is_worse()
    assert found.is_worse(loss - 0.01)
    assert not found.is_worse(loss + 0.01)
    assert not compare(bad, good, rounds=10).is_worse(0)
    found.save(tmp_path / "compared.json", tolerance=100)
    record = json.loads((tmp_path / "compared.json").read_text(), parse_constant=pytest.fail)
    assert (record["A"], record["B"]) == found.names
    assert record["worse_by_more_than_tolerance"] is False
    assert record["latency_ms"] == {}
    assert record["summary"]["AP"]["difference"]["value"] == found.summary["AP"].difference.value


@pytest.mark.parametrize("other", ["absent.npz", "absent.json"])
def test_what_cannot_be_opened_is_said_before_a_model_looks(
    model: Path, other: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("detector.api.comparison.detect_dataset", lambda *_: pytest.fail("it looks"))
    for pair in ((model, tmp_path / other), (tmp_path / other, model)):
        with pytest.raises(DetectorError, match=other):
            compare(*pair, SAMPLE_FOLDER, rounds=10)


def test_images_may_be_chosen(good: Evaluation) -> None:
    found = compare(good, good, load_dataset(SAMPLE_FOLDER), rounds=10, limit=2)
    assert [image.id for image in found.dataset.images] == [1, 2]
    part = evaluate(SAMPLE_FOLDER, detections=good.detections, limit=2)
    with pytest.raises(DatasetError, match="is of other images"):
        compare(part, good, SAMPLE_FOLDER, rounds=10)


def test_models_are_timed_when_it_is_asked(
    model: Path, good: Evaluation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("detector.api.comparison._TIMED_ROUNDS", 2)
    found = compare(good.detections, model, rounds=10)
    assert list(found.time()) == ["B"]
    assert compare(good.detections, good.detections, rounds=10).time() == {}


def test_it_shows_its_numbers(good: Evaluation, bad: Evaluation) -> None:
    found = replace(compare(good, bad, rounds=10), names=("<a>", "b"))
    assert repr(found).startswith(f"<Comparison of b with <a> on 4 images: AP {100 * good.ap:.2f} -> ")
    page = found._repr_html_()
    assert "A: &lt;a&gt;, B: b, on 4 images" in page
    assert page.count("<tr>") == 13
