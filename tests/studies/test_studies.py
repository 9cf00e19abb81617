"""The studies of post-processing and tiles."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from detector import Detector, load_image
from detector.commands.cli import main
from detector.data.dataset import Dataset
from detector.data.readers.coco import load_coco
from detector.data.sample import SAMPLE_FOLDER
from detector.errors import DatasetError
from studies import tiling as tiling_study
from studies.postprocessing import (
    build_variants,
    collect_looks,
    command,
    load_looks,
    save_looks,
    study,
)
from studies.postprocessing_variants import Candidates, soften, suppress, vote

BOXES = np.array([[0, 0, 10, 10], [0, 0, 10, 8], [20, 20, 30, 30], [0, 0, 10, 9]], np.float32)
CANDIDATES = Candidates(BOXES, np.array([0.8, 0.4, 0.3, 0.2], np.float32), np.array([1, 1, 1, 2]))


def test_suppression_with_few_candidates() -> None:
    assert suppress(0.6)(CANDIDATES).scores.tolist() == pytest.approx([0.8, 0.3, 0.2])
    assert suppress(0.9)(CANDIDATES).scores.tolist() == pytest.approx([0.8, 0.4, 0.3, 0.2])
    assert suppress(0.9, per_class=1)(CANDIDATES).scores.tolist() == pytest.approx([0.8, 0.2])


def test_soft_suppression() -> None:
    # The second box overlaps the first by .8: linear 1 - .8, Gaussian exp(-.64 / .5).
    assert soften(iou_threshold=0.5)(CANDIDATES).scores.tolist() == pytest.approx([0.8, 0.3, 0.2, 0.4 * 0.2])
    expected = [0.8, 0.3, 0.2, 0.4 * np.exp(-1.28)]
    assert soften(sigma=0.5)(CANDIDATES).scores.tolist() == pytest.approx(expected)


def test_votes() -> None:
    # (.8 * 10 + .4 * 8) / 1.2; the box of another class has no vote.
    voted = vote(suppress(0.6), 0.7)(CANDIDATES)
    assert voted.boxes[0].tolist() == pytest.approx([0, 0, 10, 11.2 / 1.2])
    assert voted.boxes[1:] == pytest.approx(BOXES[2:], rel=1e-6)


@pytest.fixture(scope="module")
def sample() -> Dataset:
    return load_coco(SAMPLE_FOLDER)


def test_variants_start_from_the_product(released_weights: Path, sample: Dataset, tmp_path: Path) -> None:
    detector = Detector.load(score_threshold=None)
    looks, milliseconds = collect_looks(detector, sample)
    assert milliseconds > 0
    save_looks(looks, milliseconds, tmp_path / "looks.npz")
    again, _ = load_looks(tmp_path / "looks.npz", len(sample.images))
    variants = build_variants(detector.spec)
    assert len(variants) >= 9
    paths = [image.path for image in sample.images]
    for name, options in (
        ("the model's rule", {}),
        ("box voting at IoU .7 (--voting)", {"voting": True}),
    ):
        direct = Detector.load(score_threshold=None, **options)  # type: ignore[arg-type]
        for look, detections in zip(again, direct.detect_batch(paths, load=load_image), strict=True):
            found = variants[name](look)
            assert found.scores == pytest.approx(detections.scores, abs=1e-4)
            assert found.boxes * [*look.size_wh, *look.size_wh] == pytest.approx(detections.boxes, abs=0.1)
    for image in (2, 3):
        with pytest.raises(DatasetError, match="4 images, the dataset has"):
            load_looks(tmp_path / "looks.npz", image)


def test_rows(released_weights: Path, sample: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    detector = Detector.load(score_threshold=None)
    looks, _ = collect_looks(detector, sample)
    kept = dict(list(build_variants(detector.spec).items())[:2])
    monkeypatch.setattr("studies.postprocessing.build_variants", lambda _: kept)
    rule, other = study(sample, looks, detector.spec, 10)
    assert rule.ap.difference.value == rule.ap.difference.low == 0
    assert other.name == "IoU threshold .45"
    assert 0 < other.ap.second.value <= 1


def test_a_cache_that_is_something_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], released_weights: Path
) -> None:
    (tmp_path / "looks.npz").write_text("no outputs")
    with pytest.raises(SystemExit) as stop:
        main([str(SAMPLE_FOLDER), "--cache", str(tmp_path / "looks.npz")], command=command)
    assert stop.value.code == 2
    assert "holds no outputs" in capsys.readouterr().err


def test_frames(sample: Dataset) -> None:
    many = replace(
        sample,
        images=tuple(replace(image, id=image.id + 1000 * n) for n in range(4) for image in sample.images),
        annotations=tuple(
            {**a, "image_id": a["image_id"] + 1000 * n} for n in range(4) for a in sample.annotations
        ),
    )
    truth = tiling_study.build_truth(many)
    (frame,) = tiling_study.build_frames(many)
    assert [image.size_wh for image in truth.images] == [(2240, 1260)] == [frame.shape[1::-1]]
    assert len(truth.annotations) == 3 * len(sample.annotations)
    # The photographs come again in every row; with them their boxes.
    assert np.array_equal(frame[:420], frame[420:840])
    first = truth.annotations[0]["bbox"]
    second = truth.annotations[len(sample.annotations)]["bbox"]
    assert second == pytest.approx([first[0], first[1] + 420, *first[2:]])
    boxes = np.array([a["bbox"] for a in truth.annotations])
    assert (boxes[:, :2] + boxes[:, 2:] <= [2240 + 1, 1260 + 1]).all()


def test_too_few_images_for_a_frame(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([str(SAMPLE_FOLDER)], command=tiling_study.command)
    assert stop.value.code == 2
    assert "fewer than 12 images" in capsys.readouterr().err
