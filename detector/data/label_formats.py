"""The formats of labels that are read, and which of them a folder has."""

from __future__ import annotations

from collections.abc import Callable

from detector.data.findings import FindingLog
from detector.data.listing import Listing
from detector.data.raw_labels import RawLabels
from detector.data.readers.class_folders import has_class_folders, read_class_folders
from detector.data.readers.coco_labels import is_coco, read_coco_labels
from detector.data.readers.create_ml import is_create_ml, read_create_ml_labels
from detector.data.readers.csv_rows import is_csv, read_csv_labels
from detector.data.readers.cvat import is_cvat, read_cvat_labels
from detector.data.readers.label_studio import is_label_studio, read_label_studio_labels
from detector.data.readers.labelme import is_labelme, read_labelme_labels
from detector.data.readers.tf_records import is_tf_records, read_tf_record_labels
from detector.data.readers.voc import is_voc, read_voc_labels
from detector.data.readers.yolo import read_yolo_labels
from detector.data.readers.yolo_layout import is_yolo
from detector.errors import DatasetError
from detector.system.terminal import counted

_FORMATS: tuple[tuple[str, Callable[[Listing], object], Callable[[Listing, FindingLog], RawLabels]], ...] = (
    ("COCO", is_coco, read_coco_labels),
    ("Pascal VOC", is_voc, read_voc_labels),
    ("YOLO", is_yolo, read_yolo_labels),
    ("CVAT", is_cvat, read_cvat_labels),
    ("Label Studio", is_label_studio, read_label_studio_labels),
    ("labelme", is_labelme, read_labelme_labels),
    ("Create ML", is_create_ml, read_create_ml_labels),
    ("CSV", is_csv, read_csv_labels),
    ("TFRecord", is_tf_records, read_tf_record_labels),
)


def formats_of(listing: Listing) -> list[str]:
    """The formats that a folder's label files look like; none where folders name its pictures."""
    return [name for name, fits, _ in _FORMATS if fits(listing)]


def read_labels(listing: Listing, log: FindingLog) -> tuple[RawLabels, str]:
    """The labels of a folder, and a remark on their format where there are several."""
    readers = {name: read for name, fits, read in _FORMATS if fits(listing)}
    if not readers and has_class_folders(listing):
        return read_class_folders(listing, log), ""
    if not readers:
        raise DatasetError(
            f"{listing.root} has no labels that can be read: expected COCO JSON (such as "
            "annotations/instances_train.json), Pascal VOC (*.xml), YOLO (data.yaml, or *.txt in labels/ or "
            "beside the images), an export of CVAT or Label Studio, JSON of labelme or Create ML, CSV "
            "(filename, class, xmin, ymin, xmax, ymax) or TFRecords, or a folder of pictures for each class."
            + "".join(f" Unpack {path} first." for path in listing.with_suffix(".zip")[:1])
        )
    if len(readers) == 1:
        ((_, read),) = readers.items()
        return read(listing, log), ""
    # The findings of the format that is not taken are of no interest.
    logs = {name: FindingLog(lenient=log.lenient) for name in readers}
    found: dict[str, RawLabels] = {}
    refusals: list[DatasetError] = []
    for name, read in readers.items():
        try:
            found[name] = read(listing, logs[name])
        except DatasetError as error:
            refusals.append(error)
    if not found:
        raise refusals[0]
    if len(found) == 1:  # the others only looked like it
        ((name, labels),) = found.items()
        log.extend(logs[name])
        return labels, ""
    most = max(found, key=lambda name: found[name].num_objects)
    log.extend(logs[most])
    counts = " and ".join(
        f"{name} ({counted(labels.num_objects, 'object')})" for name, labels in found.items()
    )
    return found[most], f"; of {counts}, {most} is read"
