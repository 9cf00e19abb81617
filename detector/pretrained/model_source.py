"""The files of a foreign model, found and opened, whatever they are."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detector.boxes import FloatArray
from detector.errors import WeightsError
from detector.pretrained.archives import (
    CHECKPOINT_DATA,
    CHECKPOINT_INDEX,
    FROZEN_GRAPH,
    PIPELINE,
    TFJS_MODEL,
    read_archive,
)
from detector.pretrained.frozen_graph import Node, float_constants, read_nodes, read_saved_model_nodes
from detector.pretrained.tf1_checkpoint import read_tf1_checkpoint
from detector.pretrained.tfjs import read_tfjs, read_tfjs_nodes
from detector.pretrained.tflite_network import TFLiteNetwork, read_tflite
from detector.system.reading import parsing, read_whole
from detector.weights import load_weights

SAVED_MODEL = "saved_model.pb"
_VARIABLES = ("variables.index", "variables.data-00000-of-00001")
_OWN_SPEC = "model_spec.json"  # in a SavedModel of this project, and behind the bytes of a TFLite file
_ARCHIVES = (".gz", ".tgz", ".tar")
_MOST_BYTES = 1 << 29
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
    """Raise WeightsError for a model of this project, which needs no import."""
    own = path.is_dir() and (path / _OWN_SPEC).is_file()
    if path.suffix == ".npz":
        own = bool(load_weights(path))
    elif path.suffix == ".tflite" and path.is_file():
        own = _OWN_SPEC.encode() in _whole(path)
    if own:
        raise WeightsError(f"{path} was made by this project and needs no import; use it with --model.")


def _gather(path: Path) -> dict[str, bytes]:
    """The files of a model by the names that they have in a release."""
    if path.is_dir():
        return _gather_folder(path)
    checkpoint = re.sub(r"\.(index|meta|data-\d{5}-of-\d{5})$", "", str(path))
    if Path(f"{checkpoint}.index").is_file():
        return _checkpoint(Path(f"{checkpoint}.index")) | _pipeline(path.parent)
    if path.name == SAVED_MODEL:
        return _gather_folder(path.parent)
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
    return read_archive(path)


def _gather_folder(folder: Path) -> dict[str, bytes]:
    files = _pipeline(folder)
    found = sorted(folder.glob("*.tflite"))
    steps = {
        int(match[1] or -1): each for each in folder.glob("*.index") if (match := _STEP.fullmatch(each.name))
    }
    saved = next((each for each in (folder, folder / "saved_model") if (each / SAVED_MODEL).is_file()), None)
    if (folder / FROZEN_GRAPH).is_file():
        files[FROZEN_GRAPH] = _whole(folder / FROZEN_GRAPH)
        if -1 in steps:  # exported together; it has the true statistics of batch normalisation
            files |= _checkpoint(steps[-1])
    elif saved is not None:
        files[SAVED_MODEL] = _whole(saved / SAVED_MODEL)
        for name in _VARIABLES:
            if (saved / "variables" / name).is_file():
                files[name] = _whole(saved / "variables" / name)
    elif steps:
        files |= _checkpoint(steps[max(steps)])
    elif (folder / TFJS_MODEL).is_file():
        files |= _gather(folder / TFJS_MODEL)
    elif len(found) > 1:
        raise WeightsError(
            f"{folder} has several models ({', '.join(each.name for each in found)}); name one."
        )
    elif found:
        files[found[0].name] = _whole(found[0])
    return files


def _checkpoint(index: Path) -> dict[str, bytes]:
    data = index.with_name(f"{index.name.removesuffix('.index')}.data-00000-of-00001")
    if not data.is_file():
        raise WeightsError(f"{index} is a checkpoint without {data.name} beside it; put the two together.")
    return {CHECKPOINT_INDEX: _whole(index), CHECKPOINT_DATA: _whole(data)}


def _pipeline(folder: Path) -> dict[str, bytes]:
    """The pipeline.config of a model in a folder; an export has it beside saved_model/ and checkpoint/."""
    places = (
        [folder] if folder.name not in ("saved_model", "checkpoint", "train") else [folder, folder.parent]
    )
    found = next((each / PIPELINE for each in places if (each / PIPELINE).is_file()), None)
    return {} if found is None else {PIPELINE: _whole(found)}


def _whole(path: Path) -> bytes:
    return read_whole(path, _MOST_BYTES, WeightsError)
