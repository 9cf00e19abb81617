"""Small whole files of other programs, to damage."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from detector.formats.tflite.metadata import SPEC_MEMBER
from detector.formats.tflite.writer import build_tflite
from detector.pretrained.archives import (
    FROZEN_GRAPH,
)
from tests.data.labelled import (
    Photo,
    write_coco,
)
from tests.data.record_files import example, photo, write_records
from tests.formats.tflite.test_writer import SMALL, random_weights
from tests.pretrained.cells import PIPELINE, VALUES
from tests.pretrained.graph_files import graph, resize_nodes, slim_tensors

PHOTOS = [
    Photo(f"{split}{number}.jpg", (("cat", 10, 10, 40, 40), ("dog", 5, 6, 20.5, 30)), split)
    for split in ("train", "val")
    for number in range(2)
]


def write_tf_records(folder: Path) -> None:
    """TFRecords of another program, in two shards."""
    write_coco(folder, PHOTOS)
    images = {path.name: path.read_bytes() for path in folder.rglob("*.jpg")}
    for path in [path for path in folder.rglob("*") if path.is_file()]:
        path.unlink()
    objects = [("cat", 1, (10, 10, 40, 40)), ("dog", 2, (5, 6, 20.5, 30))]
    examples = [example(photo(images[each.name], each.name, each.size_wh, objects)) for each in PHOTOS]
    write_records(folder / "train.record-00000-of-00002", examples[:2])
    write_records(folder / "train.record-00001-of-00002", examples[2:])


@cache
def make_foreign_tflite() -> bytes:
    """A TFLite file that does not know this project."""
    model = build_tflite(random_weights(SMALL), SMALL, postprocess=True)
    return model.replace(SPEC_MEMBER.encode(), b"x" * len(SPEC_MEMBER))


def write_foreign_graph(folder: Path) -> None:
    """A frozen graph with its pipeline.config."""
    folder.mkdir(parents=True)
    content = graph(slim_tensors(random_weights(SMALL), SMALL), resize_nodes(*SMALL.input_hw))
    (folder / FROZEN_GRAPH).write_bytes(content)
    height, width = SMALL.input_hw
    resizer = f"fixed_shape_resizer {{ height: {height} width: {width} }}"
    values = {"classes": len(SMALL.classes), "resizer": resizer, "width": SMALL.width_multiplier}
    (folder / "pipeline.config").write_text(PIPELINE.format(**{**VALUES, **values}))
