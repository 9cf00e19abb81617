"""A repaired copy of a dataset, as COCO JSON.

COCO JSON whatever the original is: of the formats that are read it alone keeps all that was read, such as
objects that are not to be counted, areas and images without objects, and every trainer takes it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path

import cv2
from tqdm import tqdm

from detector.checks.copies import leave_out_copies
from detector.data.dataset import Dataset, load_dataset_image, load_image_bytes
from detector.data.findings import Finding, FindingLog
from detector.data.folder import LabelledFolder
from detector.errors import DatasetError, DetectorError
from detector.exif import orientation_of
from detector.system.file_names import is_device
from detector.system.files import refuse_occupied, replacing, replacing_folder

_JPEG_QUALITY = 95
_LOSSLESS_WEBP = 101  # OpenCV's quality for it
_ENCODED = {
    ".png": (".png", []),
    ".bmp": (".png", []),
    ".webp": (".webp", [cv2.IMWRITE_WEBP_QUALITY, _LOSSLESS_WEBP]),
    ".tif": (".png", []),
    ".tiff": (".png", []),
}
_JPEG = (".jpg", [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
# What Windows does not take in a name, and what no terminal or URL takes as it is.
_UNSAFE = re.compile(r'[<>:"/\\|?*#%\x00-\x1f\x7f\ud800-\udfff]')
_LONGEST_NAME, _LONGEST_SUFFIX = 150, 10  # bytes; file systems take 255


def check_target(target: Path, root: Path) -> None:
    """Raise DetectorError unless a copy of the dataset ``root`` can be written to the folder ``target``."""
    refuse_occupied(target)
    _refuse_inside(target, root if root.is_dir() else root.parent)


def _refuse_inside(target: Path, folder: Path) -> None:
    inside = os.path.join(os.path.realpath(folder), "")
    if os.path.join(os.path.realpath(target), "").startswith(inside):
        raise DetectorError(f"{target} lies inside the dataset {folder}; name a folder outside of it.")


def write_repaired(labelled: LabelledFolder, target: Path) -> tuple[dict[str, Dataset], tuple[Finding, ...]]:
    """Write the cleaned dataset into a new folder, its images copied.

    The layout is COCO's: ``annotations/instances_train.json``, its images in ``images/train``, and so on.
    Images that occur in several parts stay in one of them, if their objects are the same. What EXIF turns is
    stored as it is labelled, so that no tool can take it for anything else. The original is only read.

    Returns:
        The parts as they were written, and what was left out or written anew.

    Raises:
        DetectorError: the folder exists, lies among the images, cannot be written to, or the disk is full.
        DatasetError: no image to train on would be left.
    """
    parts = {"train": labelled.train, "val": labelled.val}
    if labelled.test is not None:
        parts["test"] = labelled.test
    for folder in {image.path.parent for part in parts.values() for image in part.images}:
        _refuse_inside(target, folder)
    log = FindingLog()
    parts = leave_out_copies(parts, log)
    if not any(not each["iscrowd"] for each in parts["train"].annotations):
        raise DatasetError(
            f"Nothing to train on would be left of {labelled.root}: val and test have all images of train. "
            "Divide them anew with --train and --val."
        )
    with replacing_folder(target) as temporary:
        for name, part in parts.items():
            names = _write_images(part, temporary / "images" / name, log)
            with replacing(temporary / "annotations" / f"instances_{name}.json") as path:
                path.write_text(json.dumps(_content(part, names), indent=1), "utf-8")
        save_findings([*labelled.findings, *log.findings], temporary / "findings.json")
    return parts, log.findings


def save_findings(findings: list[Finding], path: Path) -> None:
    """Write findings as JSON: each kind, how often, and all of its places."""
    content = [{"kind": each.kind, "count": each.count, "places": list(each.places)} for each in findings]
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1))


def _write_images(part: Dataset, folder: Path, log: FindingLog) -> dict[int, str]:
    """Copy the images of a part into a new folder; the names that they have there, by id."""
    folder.mkdir(parents=True)
    names: dict[int, str] = {}
    taken: set[str] = set()
    for image in tqdm(part.images, desc=f"copying {part.split}", unit="image", disable=None, leave=False):
        data = load_image_bytes(image)
        turned = orientation_of(data) != 1
        own = Path(image.name)
        suffix, options = _ENCODED.get(own.suffix.lower(), _JPEG)
        wanted = own.with_suffix(suffix).name if turned and suffix == ".png" else own.name
        name = next(each for each in _safe_names(wanted, image.id) if each.casefold() not in taken)
        taken.add(name.casefold())
        names[image.id] = name
        if name != wanted:
            log.add("images under another name, which is safe and the only one", f"{wanted!r}: {name}")
        if not turned:
            # A copy and no link: whoever changes it must not change the original.
            if image.record is None:
                shutil.copyfile(image.path, folder / name)
            else:
                (folder / name).write_bytes(data)
            continue
        (folder / name).write_bytes(cv2.imencode(suffix, load_dataset_image(image), options)[1].tobytes())
        log.add("images that EXIF turned, stored as they are labelled", name)
    return names


def _safe_names(name: str, number: int) -> Iterator[str]:
    """A file name that every system takes, and then others that begin with numbers."""
    plain = _UNSAFE.sub("_", unicodedata.normalize("NFC", name)).strip(" ")
    stem, suffix = os.path.splitext(plain)
    if len(suffix.encode()) > _LONGEST_SUFFIX:  # it is none
        stem, suffix = plain, ""
    while len((stem + suffix).encode()) > _LONGEST_NAME:
        stem = stem[:-1]
    stem = stem.rstrip(" .") or "image"
    if is_device(stem) or stem.startswith(("-", ".")):
        stem = f"_{stem}"
    yield stem + suffix
    yield f"{number}_{stem}{suffix}"
    for more in range(2, 1_000_000):
        yield f"{number}_{more}_{stem}{suffix}"


def _content(part: Dataset, names: Mapping[int, str]) -> dict[str, object]:
    title = (
        f"{part.split} of {part.source.name}, repaired by ssdlite data check --fix; segmentation: the boxes"
    )
    return {
        "info": {"description": title},
        "licenses": [],
        "images": [
            {"id": image.id, "file_name": names[image.id], "width": width, "height": height}
            for image in part.images
            for width, height in [image.size_wh or (0, 0)]
        ],
        "annotations": [{**each, "segmentation": _corners(each["bbox"])} for each in part.annotations],
        "categories": [
            {"id": id_, "name": name, "supercategory": "none"} for id_, name in part.categories.items()
        ],
    }


def _corners(box: list[float]) -> list[list[float]]:
    """The polygon of a box, which readers of masks want."""
    x, y, width, height = box
    right, bottom = round(x + width, 3), round(y + height, 3)
    return [[x, y, right, y, right, bottom, x, bottom]]
