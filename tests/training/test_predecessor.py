"""What a training goes on from: which data of the earlier run is at hand, and what is refused."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from detector.data.folder import load_labelled_folder
from detector.data.readers.coco import save_coco
from detector.errors import DetectorError
from detector.training.config import ConfigError
from detector.training.config_file import load_config
from detector.training.predecessor import GoingOn, Predecessor, find_predecessor, reload_predecessor
from detector.training.run_folder import RunFolder, fingerprint
from detector.weights import load_weights, save_weights
from tests.data.labelled import CLASSES, Photo, write_voc
from tests.training.small_run import begin_run, validation_of, write_run, write_shapes

SMALL = ("model.input_size=96",)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished run and, beside it, its dataset."""
    root = tmp_path_factory.mktemp("earlier")
    run = write_run(root / "run", write_shapes(root / "shapes"))
    run.update_record(finished=True)
    save_coco(validation_of(run).dataset, run.validation)
    return root


@pytest.fixture
def place(original: Path, tmp_path: Path) -> Path:
    """The same in a place of its own."""
    shutil.copytree(original, tmp_path / "here")
    run = RunFolder(tmp_path / "here/run")
    run.update_record(dataset=str(tmp_path / "here/shapes"))
    save_coco(validation_of(run).dataset, run.validation)
    return tmp_path / "here"


@pytest.fixture
def new(tmp_path: Path) -> Path:
    return write_voc(
        tmp_path / "new",
        [Photo(f"n{n}.jpg", (("bird", 5, 4, 40, 40),), "val" if n % 4 == 3 else "train") for n in range(8)],
    )


def find(place: Path, new: Path, keep: str | None = None) -> tuple[Predecessor, str]:
    """What is found, and all that is said."""
    said: list[str] = []
    return find_predecessor(GoingOn(place / "run", keep), new, said.append), "\n".join(said)


def test_the_dataset_of_the_run_is_mixed_in_where_it_is_unchanged(place: Path, new: Path) -> None:
    earlier, said = find(place, new)
    shapes = load_labelled_folder(place / "shapes")
    assert earlier.old.train == shapes.train
    assert earlier.old.val == shapes.val
    assert f"{place / 'shapes'}, which {place / 'run'} was trained on, is unchanged" in said
    assert earlier.columns(load_labelled_folder(new)) == [*CLASSES, "bird"]


@pytest.mark.parametrize("change", ["is gone", "has other labels", "is what is trained on now"])
def test_of_a_dataset_that_has_changed_only_what_validated_the_run_is_taken(
    place: Path, new: Path, change: str
) -> None:
    shapes = place / "shapes"
    if change == "is gone":
        (shapes / "ImageSets/Main/train.txt").unlink()
        shutil.rmtree(shapes / "Annotations")
    else:
        write_voc(shapes, [Photo("more.jpg", split="train")])
    earlier, said = find(place, shapes if "now" in change else new)
    assert earlier.old.train is None
    assert earlier.old.val is not None
    assert [image.name for image in earlier.old.val.images] == ["3.jpg", "7.jpg"]
    assert "othing" in said
    assert ("has changed since" in said) == ("now" in change)


@pytest.mark.parametrize("written", ["shapes", "run/../shapes"])
def test_of_the_very_dataset_it_is_not_said_that_it_is_mixed_in(place: Path, written: str) -> None:
    earlier, said = find(place, place / written)
    assert earlier.old.train is not None
    assert "its images are mixed in" not in said
    assert "what is no part of the new training yet is mixed in" in said


def test_where_nothing_is_left_of_it_that_is_a_warning(place: Path, new: Path) -> None:
    shutil.rmtree(place / "shapes")
    earlier, said = find(place, new)
    assert earlier.old.train is earlier.old.val is None
    assert "Warning: the images that validated" in said


def test_a_dataset_that_has_moved_is_named(place: Path, new: Path, tmp_path: Path) -> None:
    shutil.move(place / "shapes", tmp_path / "moved")
    earlier, said = find(place, new, str(tmp_path / "moved"))
    assert earlier.old.train is not None
    assert len(earlier.old.train.images) == 6
    assert "Note" not in said


def test_another_dataset_is_mixed_in_with_a_note(place: Path, new: Path, tmp_path: Path) -> None:
    other = write_voc(tmp_path / "other", [Photo(f"z{n}.jpg") for n in range(5)])
    earlier, said = find(place, new, str(other))
    assert earlier.old.train is not None
    assert "is not what" in said


def test_nothing_is_mixed_in_where_that_is_asked_for(place: Path, new: Path) -> None:
    earlier, said = find(place, new, "nothing")
    assert earlier.old.train is None
    assert earlier.old.val is not None
    assert "as --keep nothing asks for" in said


def test_it_is_found_again_by_its_record(place: Path, new: Path) -> None:
    for keep in (None, "nothing"):
        earlier, _ = find(place, new, keep)
        again = reload_predecessor(earlier.origin)
        assert again.old == earlier.old
        assert again.spec == earlier.spec
    (place / "shapes").rename(place / "elsewhere")
    with pytest.raises(DetectorError, match="any more, of which this run takes images"):
        reload_predecessor(earlier.origin)
    (place / "elsewhere").rename(place / "shapes")
    weights, spec = load_weights(place / "run/model.npz")
    save_weights(place / "run/model.npz", {key: values + 1 for key, values in weights.items()}, spec)
    with pytest.raises(DetectorError, match="are not those that this run began from"):
        reload_predecessor(earlier.origin)
    with pytest.raises(DetectorError, match=r"lacks origin\.run"):
        reload_predecessor({key: value for key, value in earlier.origin.items() if key != "run"})  # type: ignore[arg-type]


def test_a_run_that_went_on_from_another_has_the_data_of_both(place: Path, new: Path) -> None:
    first, _ = find(place, new)
    both = first.join(load_labelled_folder(new), print)
    second = begin_run(place / "second", new)
    shutil.copy(place / "run/model.npz", second.weights)
    second.update_record(origin=first.origin, fingerprint=fingerprint(both.train, both.val), finished=True)
    said: list[str] = []
    third = find_predecessor(GoingOn(second.root), new, said.append)
    assert third.old.train == both.train
    assert third.old.val == both.val
    assert reload_predecessor(third.origin).old == third.old


def test_a_dataset_to_keep_that_is_not_there_is_refused(place: Path, new: Path) -> None:
    with pytest.raises(DetectorError, match="There is no dataset absent to mix in"):
        find(place, new, "absent")


def test_no_run_and_a_run_without_weights_are_refused(place: Path, new: Path, tmp_path: Path) -> None:
    with pytest.raises(DetectorError, match="holds no training run"):
        find_predecessor(GoingOn(tmp_path / "absent"), new, print)
    (place / "run/model.npz").unlink()
    with pytest.raises(DetectorError, match="has no weights yet"):
        find(place, new)


def test_the_network_is_that_of_the_run(place: Path, new: Path) -> None:
    earlier, _ = find(place, new)
    fitted = earlier.fit(load_config(None, SMALL))
    assert fitted.model.input_hw == (96, 96)
    assert fitted.model.width_multiplier == 0.1
    assert fitted.training.initial_weights == str(place / "run")
    assert earlier.fit(load_config()) == fitted
    other = replace(earlier, spec=replace(earlier.spec, backbone="mobilenet_v1"))
    assert other.fit(load_config()).model.backbone == "mobilenet_v1"


@pytest.mark.parametrize(
    "setting",
    [
        "model.input_size=300",
        "model.backbone=mobilenet_v1",
        "model.width_multiplier=0.5",
        "model.classes=coco",
        "training.initial_weights=none",
    ],
)
def test_another_network_is_refused(place: Path, new: Path, setting: str) -> None:
    earlier, _ = find(place, new)
    with pytest.raises(ConfigError, match=setting.partition("=")[0]):
        earlier.fit(load_config(None, (setting,)))
