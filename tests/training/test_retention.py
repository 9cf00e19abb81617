"""What a model has kept of an earlier one, said and written down."""

from __future__ import annotations

from pathlib import Path

import pytest

from detector.data.readers.coco import save_coco
from detector.errors import DetectorError
from detector.evaluation.comparison import compare_detections
from detector.training.retention import RETENTION, Retention, leave_retention, tell_retention
from detector.training.run_folder import RunFolder
from tests.evaluation.noisy_detections import build_dataset, with_noise
from tests.training.small_run import validation_of, write_run, write_shapes


def retention(images: int = 24, spoil: str | None = None) -> Retention:
    """Of detections of which those of a class are lost."""
    dataset = build_dataset(images)
    first = with_noise(dataset)
    lost = [id_ for id_, name in dataset.categories.items() if name == spoil]
    second = [each for each in first if each["category_id"] not in lost]
    compared = compare_detections(dataset, first, second, rounds=100)
    return Retention("runs/a", "old.json", images, 100, compared.summary, tuple(compared.classes))


def test_nothing_lost_is_said_to_be_so() -> None:
    kept = retention()
    assert kept.warning() is None
    assert not kept.worse_classes
    assert list(kept.lines())[-1] == "Nothing is worse than before beyond chance."


def test_a_class_that_is_lost_is_a_warning_with_its_loss() -> None:
    name = next(iter(build_dataset(24).categories.values()))
    kept = retention(spoil=name)
    lines = list(kept.lines())
    assert [each.name for each in kept.worse_classes] == [name]
    assert lines[1].split()[0] == "all"
    assert lines[2].split()[0] == name.split()[0]
    assert "beyond chance" in lines[2]
    loss = -100 * kept.classes[0].ap.difference.value
    assert f"{name} by {loss:.1f}" in lines[-1]
    assert lines[-1].startswith("Warning: worse than before, beyond chance")
    assert "all classes together" in lines[-1]
    assert len(kept.rows()) == 1 + len(kept.classes)


def test_few_images_are_said_to_be_few() -> None:
    few = retention(3, spoil=next(iter(build_dataset(24).categories.values())))
    assert few.warning() is None
    assert few.conclusion == "So few images say nothing about others, whatever the intervals."


def test_a_file_has_all_of_it(tmp_path: Path) -> None:
    kept = retention(spoil=next(iter(build_dataset(24).categories.values())))
    kept.save(tmp_path / "kept.json")
    assert list(Retention.load(tmp_path / "kept.json").lines()) == list(kept.lines())
    assert Retention.load(tmp_path / "kept.json").rows() == kept.rows()
    (tmp_path / "kept.json").write_text("{}")
    with pytest.raises(DetectorError, match="is damaged"):
        Retention.load(tmp_path / "kept.json")


def test_a_run_is_measured_on_what_validated_the_one_that_it_began_from(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", write_shapes(tmp_path / "shapes"))
    assert list(tell_retention(run)) == []
    leave_retention(run)
    assert not (run.root / RETENTION).exists()
    run.update_record(origin={"run": str(run.root)})
    assert next(tell_retention(run)).startswith("Warning: the images that validated")
    save_coco(validation_of(run).dataset, run.old_validation)
    leave_retention(RunFolder(run.root))
    kept = Retention.load(run.root / RETENTION)
    assert kept.images == 2
    assert kept.summary["AP"].difference.value == 0
    assert list(tell_retention(run)) == list(kept.lines())
