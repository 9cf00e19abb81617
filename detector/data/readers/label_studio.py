"""Label Studio's own exports, JSON and JSON-MIN: a list of tasks, shapes in percent of the image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from detector.data.findings import FindingLog
from detector.data.image_index import ImageIndex, only_one
from detector.data.listing import Listing
from detector.data.raw_labels import RawLabels, build_labels, relative_name
from detector.data.readers.coco_file import first_character, has_key, read_json
from detector.data.readers.drawn import DrawnImage, certain_images, label_images
from detector.data.readers.label_studio_regions import (
    Region,
    is_drawn,
    is_turned,
    read_regions,
    size_of_image,
)
from detector.data.splits import splits_of_folders
from detector.images import SUFFIXES, UNREAD_SUFFIXES

# Keys of regions in either form of export, and of tasks that nobody has labelled.
_KEYS = ("rectanglelabels", "original_width", "total_annotations", "from_name")
_IMAGE_FIELDS = ("image", "img", "picture", "photo", "image_url", "url")
_SUFFIXES = (*SUFFIXES, *UNREAD_SUFFIXES)


def is_label_studio(listing: Listing) -> bool:
    """Whether a folder has a JSON file that is a list of Label Studio's tasks."""
    return any(map(_has_tasks, listing.with_suffix(".json")))


def _has_tasks(path: Path) -> bool:
    return first_character(path) == "[" and has_key(path, _KEYS)


def read_label_studio_labels(listing: Listing, log: FindingLog) -> RawLabels:
    """The shapes of all tasks that were labelled; the first annotation counts where there are several.

    Raises:
        DatasetError: a file is not JSON.
    """
    index = ImageIndex(listing.images, listing.root)
    read: list[DrawnImage] = []
    for path in filter(_has_tasks, listing.with_suffix(".json")):
        read += certain_images(_images(path, index, listing.root, log), index, path, listing.root, log)
    classes, images = label_images(read, log, in_fractions=True)
    splits = splits_of_folders(listing.root, [image.path for image in images])
    return build_labels("Label Studio", listing.root, classes, images, splits, "folders", log)


def _images(path: Path, index: ImageIndex, root: Path, log: FindingLog) -> Iterator[DrawnImage]:
    where = relative_name(path, root)
    for number, task in enumerate(read_json(path, "tasks"), start=1):
        place = f"{where}, task {number}"
        regions = _regions(task, place, log) if isinstance(task, dict) else None
        if regions is None:
            log.add("tasks that were not labelled, left out", place)
            continue
        shapes = list(filter(is_drawn, regions))
        if any(map(is_turned, shapes)):
            log.add("tasks whose image was turned while it was labelled, left out", place)
            continue
        for texts, mine in _by_image(task, shapes, place, log):
            found = next((found for text in texts if (found := index.find(text, path))), [])
            said = f"{place}: {next(iter(texts), 'no image'):.200}"
            image = only_one(found, said, root, log)
            if image is not None:
                drawn, unread = read_regions(mine, place, log)
                yield DrawnImage(image, drawn, unread, size_of_image(mine), place)


def _regions(task: Mapping[str, object], place: str, log: FindingLog) -> list[object] | None:
    """The regions of a task; None where nobody has labelled it.

    Of a task that is to be imported, with predictions of a model and no place for annotations, they are those
    that are predicted. A task that was exported has both; there they are what nobody has looked at.
    """
    key = next((key for key in ("annotations", "completions", "predictions") if key in task), None)
    if key == "predictions":
        log.add("tasks with predictions of a model that nobody has corrected, taken as labels", place)
    if key is None:  # JSON-MIN has them under the names of the controls
        data = task.get("data")
        lists = [value for value in task.values() if isinstance(value, list)]
        return None if not lists or isinstance(data, dict) else [each for value in lists for each in value]
    annotations = task[key]
    listed = annotations if isinstance(annotations, list) else []
    done = [each for each in listed if isinstance(each, dict) and not each.get("was_cancelled")]
    done.sort(key=lambda each: each.get("ground_truth") is not True)
    if len(done) > 1:
        log.add("tasks with several annotations, of which one is taken", place)
    if not done:
        return None
    result = done[0].get("result")
    return list(result) if isinstance(result, list) else []


def _by_image(
    task: Mapping[str, object], regions: Sequence[Region], place: str, log: FindingLog
) -> Iterator[tuple[list[str], list[Region]]]:
    """What each image of a task is called, most telling first, and its regions; most tasks have one image."""
    nested, file_upload = task.get("data"), task.get("file_upload")
    data = nested if isinstance(nested, dict) else task
    targets: dict[tuple[str, int], list[Region]] = {}
    for region in regions:
        target, page = region.get("to_name"), region.get("item_index")
        key = (target if isinstance(target, str) else "", page if type(page) is int else 0)
        targets.setdefault(key, []).append(region)
    if len({name for name, _ in targets if name}) > 1 and not all(name in data for name, _ in targets):
        log.add("tasks of several images that nothing tells apart, left out", place)
        return
    uploaded = [file_upload] if isinstance(file_upload, str) else []
    for (target, page), mine in (targets or {("", 0): []}).items():
        texts = _image_texts(data, target, page)
        if len(texts) > 1 and not uploaded:
            log.add(
                "tasks whose image is not told from other addresses, left out",
                f"{place}: {texts[0]}, {texts[1]}",
            )
        else:
            yield [*(texts if len(texts) == 1 else []), *(uploaded if len(targets) < 2 else [])], mine


def _image_texts(data: Mapping[str, object], target: str, page: int) -> list[str]:
    """The address of a task's image: the field that its regions are of, one that is called like an image, or
    those that look like one."""
    fields = {key: value for key, value in data.items() if _address(value, page)}
    for name in (target, *_IMAGE_FIELDS):
        if name in fields:
            return [_address(fields[name], page)]
    alike = [address for value in fields.values() if (address := _address(value, page))]
    suffixes = [address for address in alike if _has_image_suffix(address)]
    return list(dict.fromkeys(suffixes or (alike if len(alike) == 1 else [])))


def _address(value: object, page: int) -> str:
    """The text of a field, or of a page in a list of them; empty for anything else."""
    if isinstance(value, list):
        value = value[page] if 0 <= page < len(value) else None
    return value.strip() if isinstance(value, str) else ""


def _has_image_suffix(text: str) -> bool:
    return any(part.lower().endswith(_SUFFIXES) for part in (text, text.split("?")[0], text.split("#")[0]))
