"""The files of a foreign model, found and opened, whatever they are."""

from __future__ import annotations

import glob
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from detector.boxes import FloatArray
from detector.errors import WeightsError
from detector.pretrained.archives import (
    CHECKPOINT_DATA,
    CHECKPOINT_INDEX,
    FROZEN_GRAPH,
    PIPELINE,
    SAVED_MODEL,
    TFJS_MODEL,
    read_archive,
)
from detector.pretrained.frozen_graph import Node, float_constants, read_nodes, read_saved_model_nodes
from detector.pretrained.tf1_checkpoint import read_tf1_checkpoint
from detector.pretrained.tfjs import read_tfjs, read_tfjs_nodes
from detector.pretrained.tflite_network import TFLiteNetwork, read_tflite
from detector.system.reading import parsing, read_whole
from detector.weights import load_weights

_VARIABLES = ("variables.index", "variables.data-00000-of-00001")
_OWN_SPEC = "model_spec.json"  # in a SavedModel of this project, and behind the bytes of a TFLite file
_ARCHIVES = (".gz", ".tgz", ".tar")
_MOST_BYTES = 1 << 29
_File = TypeVar("_File", Path, bytes)
_STEP = re.compile(r"(?:model\.)?ckpt(?:-(\d+))?\.index")


@dataclass(frozen=True)
class ModelSource:
    """What was found.

    Attributes:
        title: what it is and where, for messages.
        tensors: weights by their published names; none of a TFLite file.
        nodes: of the graph by name, where there is one.
        tflite: the network of a TFLite file.
        model: the bytes of a TFLite file, which may have names behind them.
        pipeline: the text of the ``pipeline.config`` beside it, if there is one.
    """

    title: str
    tensors: dict[str, FloatArray] = field(default_factory=dict)
    nodes: dict[str, Node] = field(default_factory=dict)
    tflite: TFLiteNetwork | None = None
    model: bytes = b""
    pipeline: str | None = None


def open_model(path: Path) -> ModelSource:
    """The model in a file, a folder or an archive of one.

    Args:
        path: a frozen graph or SavedModel (``.pb``), a TFLite file, a TF.js ``model.json``, a checkpoint by
            any of its files or its name without ending, a folder with one of these, or a ``.tar.gz`` of one.

    Raises:
        WeightsError: nothing of that kind is there, or it is damaged.
    """
    _refuse_own(path)
    files = _gather(path)
    if any(name.endswith(".tflite") and _OWN_SPEC.encode() in content for name, content in files.items()):
        raise _own(path)
    pipeline = files.get(PIPELINE)
    with parsing(f"{path} is damaged or is no model of TensorFlow", WeightsError):
        text = None if pipeline is None else pipeline.decode("utf-8-sig")
        tflite = next((content for name, content in files.items() if name.endswith(".tflite")), None)
        if tflite is not None:
            network = read_tflite(tflite, str(path))
            return ModelSource(f"TFLite file {path}", tflite=network, model=tflite, pipeline=text)
        title, tensors, nodes = _read(path, files)
    return ModelSource(title, tensors, nodes, pipeline=text)


def _read(path: Path, files: Mapping[str, bytes]) -> tuple[str, dict[str, FloatArray], dict[str, Node]]:
    """What it is, its weights and its graph."""
    nodes: dict[str, Node] = {}
    if FROZEN_GRAPH in files:
        nodes = read_nodes(files[FROZEN_GRAPH])
    elif SAVED_MODEL in files:
        nodes = read_saved_model_nodes(files[SAVED_MODEL])
    if CHECKPOINT_INDEX in files and CHECKPOINT_DATA in files:
        return (
            f"checkpoint {path}",
            read_tf1_checkpoint(files[CHECKPOINT_INDEX], files[CHECKPOINT_DATA]),
            nodes,
        )
    if all(name in files for name in _VARIABLES):
        variables = read_tf1_checkpoint(*(files[name] for name in _VARIABLES))
        return f"SavedModel {path}", {**float_constants(nodes), **variables}, nodes
    if nodes:
        return (
            f"{'frozen graph' if FROZEN_GRAPH in files else 'SavedModel'} {path}",
            float_constants(nodes),
            nodes,
        )
    if TFJS_MODEL in files:
        if json.loads(files[TFJS_MODEL]).get("format") == "layers-model":
            raise WeightsError(
                f"{path} is a Keras model for TF.js; expected a graph model of SSDLite MobileNetV2."
            )
        weights: dict[str, NDArray[np.generic]] = {**read_tfjs(files[TFJS_MODEL], files)}
        floats = {name: values for name, values in weights.items() if values.dtype.kind == "f"}
        return f"TF.js model {path}", floats, read_tfjs_nodes(files[TFJS_MODEL], weights)  # type: ignore[return-value]
    raise WeightsError(
        f"{path} holds no model: expected {FROZEN_GRAPH}, {SAVED_MODEL}, a checkpoint (model.ckpt.index and "
        f"model.ckpt.data-00000-of-00001), a .tflite file or a TF.js {TFJS_MODEL}."
    )


def _refuse_own(path: Path) -> None:
    """Raise WeightsError for weights and SavedModels of this project, which need no import."""
    own = path.is_dir() and (path / _OWN_SPEC).is_file()
    if own or (path.suffix == ".npz" and load_weights(path)):
        raise _own(path)


def _own(path: Path) -> WeightsError:
    return WeightsError(f"{path} was made by this project and needs no import; use it with --model.")


def _gather(path: Path) -> dict[str, bytes]:
    """The files of a model by the names that they have in a release."""
    if path.is_dir():
        return _gather_folder(path)
    if path.name in (SAVED_MODEL, "checkpoint"):
        return _gather_folder(path.parent)
    checkpoint = re.sub(r"\.(index|meta|data-\d{5}-of-\d{5})$", "", str(path))
    if Path(f"{checkpoint}.index").is_file():
        files = {each.name: each for each in path.parent.glob(f"{glob.escape(Path(checkpoint).name)}.*")}
        chosen = _checkpoint(f"{Path(checkpoint).name}.index", files, path)
        return {name: _whole(each) for name, each in chosen.items()} | _pipeline(path.parent)
    if path.name.endswith(".json"):
        shards = {each.name: _whole(each) for each in path.parent.iterdir() if "shard" in each.name}
        return shards | {TFJS_MODEL: _whole(path)} | _pipeline(path.parent)
    if path.suffix == ".tflite":
        return {path.name: _whole(path)} | _pipeline(path.parent)
    if path.suffix == ".pb":
        return {FROZEN_GRAPH: _whole(path)} | _pipeline(path.parent)
    if path.is_file() and path.suffix not in _ARCHIVES:
        raise WeightsError(
            f"{path} is no model of the Object Detection API; expected a frozen graph (.pb), a checkpoint, a "
            "SavedModel, a .tflite file, a TF.js model.json, or a .tar.gz of one."
        )
    return _chosen(read_archive(path), path)


def _gather_folder(folder: Path) -> dict[str, bytes]:
    below = [folder / "saved_model/variables", folder / "saved_model", folder / "variables", folder]
    files = {each.name: each for place in below if place.is_dir() for each in place.iterdir()}
    chosen = _chosen({name: each for name, each in files.items() if each.is_file()}, folder)
    return {name: _whole(each) for name, each in chosen.items()} | _pipeline(folder)


def _chosen(files: Mapping[str, _File], path: Path) -> dict[str, _File]:
    """Those of one model among files by their names, under the names that they have in a release.

    Raises:
        WeightsError: a checkpoint lacks its data, or there are several models.
    """
    steps = {int(match[1] or -1): name for name in files if (match := _STEP.fullmatch(name))}
    tflite = sorted(name for name in files if name.endswith(".tflite"))
    chosen: dict[str, _File] = {}
    if FROZEN_GRAPH in files:
        chosen = {FROZEN_GRAPH: files[FROZEN_GRAPH]}
        if -1 in steps:  # exported together; it has the true statistics of batch normalisation
            chosen |= _checkpoint(steps[-1], files, path)
    elif SAVED_MODEL in files:
        chosen = {name: files[name] for name in (SAVED_MODEL, *_VARIABLES) if name in files}
    elif steps:
        chosen = _checkpoint(steps[max(steps)], files, path)
    elif TFJS_MODEL in files:
        chosen = {name: each for name, each in files.items() if name == TFJS_MODEL or "shard" in name}
    elif len(tflite) > 1:
        raise WeightsError(f"{path} has several models ({', '.join(tflite)}); name one.")
    elif tflite:
        chosen = {tflite[0]: files[tflite[0]]}
    return chosen | ({PIPELINE: files[PIPELINE]} if PIPELINE in files else {})


def _checkpoint(index: str, files: Mapping[str, _File], path: Path) -> dict[str, _File]:
    data = f"{index.removesuffix('.index')}.data-00000-of-00001"
    if data not in files:
        raise WeightsError(
            f"{path} has the checkpoint {index} without {data} beside it; put the two together."
        )
    return {CHECKPOINT_INDEX: files[index], CHECKPOINT_DATA: files[data]}


def _pipeline(folder: Path) -> dict[str, bytes]:
    """The pipeline.config of a model in a folder; an export has it beside saved_model/ and checkpoint/."""
    places = (
        [folder] if folder.name not in ("saved_model", "checkpoint", "train") else [folder, folder.parent]
    )
    found = next((each / PIPELINE for each in places if (each / PIPELINE).is_file()), None)
    return {} if found is None else {PIPELINE: _whole(found)}


def _whole(path: Path) -> bytes:
    return read_whole(path, _MOST_BYTES, WeightsError)
