"""Records as TensorFlow's and Model Garden's readers see them, and how they come to be."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from detector.commands.cli import main
from detector.data.dataset import load_dataset_image
from detector.data.folder import LabelledFolder, load_labelled_folder
from detector.errors import DetectorError, ImageError
from detector.spec import ModelSpec
from detector.training.config import AugmentationConfig
from detector.training.run_folder import fingerprint
from detector.training.samples import SampleSource
from tests.data.labelled import CLASSES, Photo, write_image, write_voc

resource = pytest.importorskip("resource", reason="Windows has no limits")
tf = pytest.importorskip("tensorflow")
record_writer = pytest.importorskip("detector.training.record_writer")
save_records = record_writer.save_records

PHOTOS = [
    Photo("a.jpg", [("cat", 6.4, 12, 32, 36), ("dog", 0, 0, 64, 48)], "train"),
    Photo("b.png", [], "train"),
    Photo("c.bmp", [("traffic light", 1, 2, 3, 4)], "train"),
    Photo("misnamed.jpg", [("dog", 1, 2, 30, 40)], "train", look=7),
    Photo("v.jpg", [("dog", 1, 2, 30, 40)], "val"),
]


@pytest.fixture
def source(tmp_path: Path) -> LabelledFolder:
    root = write_voc(tmp_path / "voc", PHOTOS)
    write_image(tmp_path / "a.png", look=7).replace(root / "JPEGImages/misnamed.jpg")
    difficult = root / "Annotations/misnamed.xml"
    difficult.write_text(difficult.read_text().replace("</name>", "</name><difficult>1</difficult>"))
    return load_labelled_folder(root)


def examples_of(folder: Path, split: str) -> dict[str, bytes]:
    """The Examples of a split by the ids of their images, as TensorFlow reads them; it verifies checksums."""
    found = {}
    for record in tf.data.TFRecordDataset(sorted(map(str, folder.glob(f"{split}-*")))).as_numpy_iterator():
        key = tf.train.Example.FromString(record).features.feature["image/source_id"]
        found[key.bytes_list.value[0].decode()] = record
    return found


def feature(example: bytes, key: str) -> list[object]:
    value = tf.train.Example.FromString(example).features.feature[key]
    return list(getattr(value, value.WhichOneof("kind")).value)


def test_features(source: LabelledFolder, tmp_path: Path) -> None:
    save_records(source, tmp_path / "out")
    examples = examples_of(tmp_path / "out", "train")
    assert sorted(examples) == ["1", "2", "3", "4"]
    first = examples["1"]
    assert feature(first, "image/filename") == [b"a.jpg"]
    assert feature(first, "image/encoded") == [(tmp_path / "voc/JPEGImages/a.jpg").read_bytes()]
    assert (feature(first, "image/height"), feature(first, "image/width")) == ([48], [64])
    # 6.4 / 64, 12 / 48, 32 / 64, 36 / 48; the second box is the whole image.
    for side, expected in {"xmin": [0.1, 0], "ymin": [0.25, 0], "xmax": [0.5, 1], "ymax": [0.75, 1]}.items():
        assert feature(first, f"image/object/bbox/{side}") == pytest.approx(expected)
    assert feature(first, "image/object/class/label") == [1, 2]
    assert feature(first, "image/object/class/text") == [b"cat", b"dog"]
    # 25.6 x 24 and 64 x 48
    assert feature(first, "image/object/area") == pytest.approx([614.4, 3072])
    assert feature(first, "image/object/is_crowd") == [0, 0]
    assert feature(examples["4"], "image/object/is_crowd") == [1]
    formats = {id_: feature(example, "image/format") for id_, example in examples.items()}
    assert formats == {"1": [b"jpeg"], "2": [b"png"], "3": [b"bmp"], "4": [b"png"]}


@pytest.mark.slow
def test_model_garden_reads_them(source: LabelledFolder, tmp_path: Path) -> None:
    from official.vision.dataloaders.tf_example_decoder import TfExampleDecoder

    save_records(source, tmp_path / "out")
    decoder = TfExampleDecoder()
    examples = examples_of(tmp_path / "out", "train")
    for image in source.train.images:
        decoded = {key: value.numpy() for key, value in decoder.decode(examples[str(image.id)]).items()}
        own = [each for each in source.train.annotations if each["image_id"] == image.id]
        boxes_xywh = np.array([each["bbox"] for each in own]).reshape(-1, 4)
        x1, y1, width, height = boxes_xywh.T
        boxes_yxyx = np.stack([y1, x1, y1 + height, x1 + width], axis=1) / [48, 64, 48, 64]
        np.testing.assert_allclose(decoded["groundtruth_boxes"], boxes_yxyx, atol=1e-6)
        assert decoded["groundtruth_classes"].tolist() == [each["category_id"] for each in own]
        np.testing.assert_allclose(decoded["groundtruth_area"], [each["area"] for each in own], rtol=1e-6)
        assert decoded["groundtruth_is_crowd"].tolist() == [bool(each["iscrowd"]) for each in own]
        assert decoded["source_id"] == str(image.id).encode()
        assert (decoded["width"], decoded["height"]) == image.size_wh
        # JPEG decoders upsample colours differently; with channels in another order it would be 60 and more.
        difference = np.abs(decoded["image"][..., ::-1].astype(int) - load_dataset_image(image))
        assert difference.mean() < 5


def test_the_same_samples(source: LabelledFolder, tmp_path: Path) -> None:
    save_records(source, tmp_path / "out", shards=2)
    spec = ModelSpec("test", CLASSES)
    options = {"iou_threshold": 0.5, "seed": 3, "cache_bytes": 0}
    one, other = (
        SampleSource(folder.train, spec, AugmentationConfig(crop=0.5, colours=0.3), **options)
        for folder in (source, load_labelled_folder(tmp_path / "out"))
    )
    for number in range(12):
        expected, sample = one(number), other(number)
        assert sample.index == expected.index
        np.testing.assert_array_equal(sample.inputs[0], expected.inputs[0])
        for name, values in vars(expected.targets).items():
            np.testing.assert_array_equal(getattr(sample.targets, name), values)


def many(root: Path, count: int) -> LabelledFolder:
    photos = [Photo(f"{n:02}.png", split="train") for n in range(count)]
    return load_labelled_folder(write_voc(root, [*photos, Photo("v.png", split="val")]))


def test_shards(tmp_path: Path) -> None:
    source = many(tmp_path / "voc", 50)
    save_records(source, tmp_path / "out", shards=8)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "records.json",
        *(f"train-{n:05}-of-00008.tfrecord" for n in range(8)),
        "val-00000-of-00001.tfrecord",
    ]
    train = load_labelled_folder(tmp_path / "out").train
    by_shard = {
        path: [i.id for i in train.images if i.path == path] for path in {i.path for i in train.images}
    }
    assert sorted(map(len, by_shard.values())) == [6] * 6 + [7] * 2
    # By lot: neither runs of neighbours nor every eighth.
    steps = {int(step) for ids in by_shard.values() for step in np.diff(ids)}
    assert len(steps) > 5
    save_records(source, tmp_path / "one")
    assert len(list((tmp_path / "one").glob("train-*"))) == 1


def test_default_number_of_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_writer, "_IMAGES_PER_SHARD", 10)
    save_records(many(tmp_path / "voc", 36), tmp_path / "out")
    assert len(list((tmp_path / "out").glob("train-*-of-00004.tfrecord"))) == 4


def test_written_twice_is_the_same(tmp_path: Path) -> None:
    source = many(tmp_path / "voc", 12)
    for name in ("one", "two"):
        save_records(source, tmp_path / name, shards=3)
    files = sorted((tmp_path / "one").iterdir())
    assert len(files) == 5
    for path in files:
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def test_records_of_records(source: LabelledFolder, tmp_path: Path) -> None:
    save_records(source, tmp_path / "three", shards=3)
    save_records(load_labelled_folder(tmp_path / "three"), tmp_path / "one")
    save_records(source, tmp_path / "direct")
    for path in (tmp_path / "direct").iterdir():
        assert path.read_bytes() == (tmp_path / "one" / path.name).read_bytes()


def test_fingerprint(source: LabelledFolder, tmp_path: Path) -> None:
    for name in ("one", "two"):
        save_records(source, tmp_path / name)
    one, two = (load_labelled_folder(tmp_path / name) for name in ("one", "two"))
    # It may be moved, and it is another one when the images are.
    assert fingerprint(one.train, one.val) == fingerprint(two.train, two.val)
    image = source.train.images[0]
    image.path.write_bytes(image.path.read_bytes() + b"\0")
    save_records(source, tmp_path / "changed")
    changed = load_labelled_folder(tmp_path / "changed")
    assert fingerprint(changed.train) != fingerprint(one.train)
    assert fingerprint(changed.val) == fingerprint(one.val)
    for image in one.train.images:  # needs the index alone
        image.path.unlink(missing_ok=True)
    assert fingerprint(one.train, one.val) == fingerprint(two.train, two.val)


@pytest.mark.parametrize("existing", [False, True])
@pytest.mark.parametrize("stop", [KeyboardInterrupt(), ImageError("gone"), OSError(28, "No space left")])
def test_what_breaks_off_leaves_nothing(
    source: LabelledFolder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    existing: bool,
    stop: BaseException,
) -> None:
    output = tmp_path / "parent" / "out"
    if existing:
        output.mkdir(parents=True)
    calls = []

    def load(image: object) -> bytes:
        calls.append([path.name for path in (tmp_path / "parent").rglob("*.tfrecord")])
        if len(calls) == 3:
            raise stop
        return b"image"

    monkeypatch.setattr(record_writer, "load_image_bytes", load)
    with pytest.raises((KeyboardInterrupt, DetectorError)) as raised:
        save_records(source, output, shards=2)
    assert len(calls[-1]) == 1 or len(calls[-1]) == 2  # so far something was written
    assert list((tmp_path / "parent").rglob("*")) == ([output] if existing else [])
    if isinstance(stop, OSError):
        assert str(raised.value).startswith("The disk is full")


def test_a_file_that_cannot_grow(source: LabelledFolder, tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, limits[1]))
    try:
        with pytest.raises(DetectorError, match=r"Cannot write .*/out \(.*File too large"):
            save_records(source, tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [path.name for path in tmp_path.iterdir()] == ["voc"]


def test_an_empty_folder_is_filled(source: LabelledFolder, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    save_records(source, tmp_path / "out")
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["records.json", "train-00000-of-00001.tfrecord", "val-00000-of-00001.tfrecord"]


def command(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = 0
    try:
        main(["data", "records", *map(str, arguments)])
    except SystemExit as stop:
        code = int(stop.code or 0)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_command(source: LabelledFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "out"
    code, out, _ = command(capsys, source.root, output, "--train", "val", "--val", "train", "--shards", 2)
    assert code == 0
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert "train 1 image 1 object 1 file" in lines
    assert "val 4 images 4 objects 2 files" in lines
    assert "Note: 2 images without objects, kept as negatives (for example JPEGImages/b.png)" in lines
    assert any(line.startswith(f"Wrote {output}: 0.0 MB; classes: ") for line in lines)
    assert lines[-1] == f"Next: ssdlite train {output}"
    assert len(load_labelled_folder(output).val.images) == 4
    # What is there already stays as it is.
    before = {path: path.stat().st_mtime_ns for path in output.iterdir()}
    code, out, err = command(capsys, source.root, output)
    assert (code, out) == (2, "")
    assert err == f"Error: {output} is not empty; choose another folder for the records.\n"
    assert {path: path.stat().st_mtime_ns for path in output.iterdir()} == before


def test_mistakes(source: LabelledFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = command(capsys, source.root, source.root / "records")
    assert code == 2
    assert "lies in the dataset" in err
    code, _, err = command(capsys, tmp_path / "absent", tmp_path / "out")
    assert (code, err) == (2, f"Error: There is no dataset {tmp_path / 'absent'}.\n")
    code, _, err = command(capsys, source.root, source.root / "JPEGImages/a.jpg")
    assert code == 2
    assert "is not empty" in err
    (tmp_path / "file").touch()
    code, _, err = command(capsys, source.root, tmp_path / "file/out")
    assert code == 2
    assert err.startswith("Error: Cannot write ") or err.split("Error: ")[1].startswith("Cannot write ")
    assert not (tmp_path / "out").exists()


def test_without_tensorflow(
    source: LabelledFolder,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import detector.training

    monkeypatch.delattr(detector.training, "record_writer")
    monkeypatch.delitem(sys.modules, "detector.training.record_writer")
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    code, _, err = command(capsys, source.root, tmp_path / "out")
    assert code == 2
    assert err.startswith("Error: This needs TensorFlow and Model Garden, which are not installed here")
    assert err.count("\n") == 1


@pytest.mark.parametrize("suffix", ["gif", "tiff", "ppm", "webp"])
def test_the_format_is_what_the_file_is(tmp_path: Path, suffix: str) -> None:
    root = write_voc(tmp_path / "voc", [Photo(f"{n}.jpg", (("cat", 1, 2, 30, 40),)) for n in range(5)])
    (path,) = root.rglob("0.jpg")
    PillowImage.open(path).save(tmp_path / f"0.{suffix}")
    path.write_bytes((tmp_path / f"0.{suffix}").read_bytes())  # its name says something else
    save_records(load_labelled_folder(root), tmp_path / "out")
    examples = {**examples_of(tmp_path / "out", "train"), **examples_of(tmp_path / "out", "val")}
    formats = {
        feature(each, "image/filename")[0]: feature(each, "image/format")[0] for each in examples.values()
    }
    assert formats[b"0.jpg"] == {"ppm": "pnm"}.get(suffix, suffix).encode()
    assert set(formats.values()) == {b"jpeg", formats[b"0.jpg"]}
