"""``ssdlite compare``."""

from __future__ import annotations

from pathlib import Path

from detector.data.sample import SAMPLE_FOLDER
from tests.cli.running import (
    Run,
    assert_mistake,
    read_metrics,
)


def test_compare_on_the_images_that_were_evaluated(run: Run, model: Path, tmp_path: Path) -> None:
    assert run("eval", SAMPLE_FOLDER, "--model", model, "--limit", "2", "--output", tmp_path).code == 0
    detections = tmp_path / "detections.json"
    rounds = ("--rounds", "10")
    outcome = run("compare", detections, detections, SAMPLE_FOLDER, "--limit", "2", *rounds)
    ap = 100 * read_metrics(tmp_path)["AP"]
    assert outcome.code == 0
    assert f"{ap:.2f} [" in outcome.out
    assert "within chance" in outcome.out
    for content in (
        "{}",
        "3",
        '[{"image_id": 1}]',
        '[{"image_id": 1, "category_id": 1, "bbox": null, "score": 1}]',
    ):
        detections.write_text(content)
        assert "results format" in assert_mistake(run("compare", detections, detections, SAMPLE_FOLDER))


def test_compare_needs_detections_of_these_images(run: Run, tmp_path: Path) -> None:
    detections = tmp_path / "detections.json"
    detections.write_text('[{"image_id": 777, "category_id": 1, "bbox": [0, 0, 1, 1], "score": 1}]')
    mistake = assert_mistake(run("compare", detections, detections, SAMPLE_FOLDER))
    assert "No detection in" in mistake
