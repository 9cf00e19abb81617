"""Writes a model of OpenVINO as its pair of files; needs the package ``openvino``."""

from __future__ import annotations

import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from detector.classifier_spec import ClassifierSpec
from detector.errors import ModelError
from detector.formats.openvino_kernels import fit_int8_kernels
from detector.formats.spec_reader import LABELS_KEY, SPEC_KEY
from detector.labels import one_line_names
from detector.spec import ModelSpec
from detector.system.files import cannot_write, replacing
from detector.system.telemetry import import_openvino

if TYPE_CHECKING:
    from openvino import Model

openvino = import_openvino()


def save_from_tflite(
    path: Path,
    tflite: bytes,
    spec: ModelSpec | ClassifierSpec,
    change: Callable[[Model], Model],
    *,
    half: bool,
    model_info: Mapping[str, str],
) -> None:
    """Write the network as ``path`` and, beside it, the ``.bin`` of the same name, with spec and labels.

    Each file appears whole or not at all, the ``.xml`` last.

    Args:
        path: ends in ``.xml``.
        tflite: the network, float32 or int8; an int8 one stays int8.
        spec: what network it is.
        change: from the model as it was read to what is written.
        half: store float32 constants as float16.
        model_info: what OpenVINO's Model API is to know of the model; nothing for none.

    Raises:
        ModelError: the path has another suffix.
        DetectorError: the folder cannot be written to, or the disk is full.
    """
    if path.suffix != ".xml":
        raise ModelError(f"OpenVINO's models are files that end in .xml, got {path}.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Beside the target, so that both files can be renamed.
        folder = tempfile.TemporaryDirectory(dir=path.parent, prefix=".openvino-")
    except OSError as error:
        raise cannot_write(path, error) from error
    with folder as name:
        model = change(_read_tflite(tflite, spec.network_name, Path(name)))
        _name_nodes(model)
        model.set_rt_info(spec.to_json(), SPEC_KEY)
        model.set_rt_info("\n".join(one_line_names(spec.classes)), LABELS_KEY)
        for key, value in model_info.items():
            model.set_rt_info(value, ["model_info", key])
        written = Path(name) / path.name
        try:
            openvino.save_model(model, written, compress_to_fp16=half)
        except RuntimeError as error:  # OpenVINO's only word for a full disk
            raise ModelError(f"OpenVINO could not write {path} ({error}); is the disk full?") from error
        _ask_for_float32(written)
        for suffix in (".bin", ".xml"):
            with replacing(path.with_suffix(suffix)) as temporary:
                written.with_suffix(suffix).replace(temporary)


def join_labels(names: Sequence[str]) -> str:
    """The names for OpenVINO's Model API. It parts them at white space, so that a name has underscores in
    place of its own.
    """
    return " ".join("_".join(name.split()) for name in one_line_names(names))


def _read_tflite(content: bytes, name: str, folder: Path) -> Model:
    """The model under a name, with no trace of the file that it was read from."""
    file = folder / "model.tflite"
    file.write_bytes(content)
    model = openvino.Core().read_model(file)
    fit_int8_kernels(model)
    model.set_friendly_name(name)
    return model


def _name_nodes(model: Model) -> None:
    """Number the nodes: OpenVINO's own numbers count on from model to model, so they would differ."""
    for number, node in enumerate(model.get_ordered_ops()):
        kind = node.get_type_name()
        if kind != "Parameter":
            node.set_friendly_name(f"{kind}_{number}")


def _ask_for_float32(path: Path) -> None:
    """Mark every layer of a written model as one that needs its precision.

    Programs that compile it without a word on precision would otherwise get bfloat16 on processors that have
    it, and AP 32.17 in place of 32.34. Layers in int8 stay in int8.

    Source: OpenVINO, ``transformations/rt_info/disable_fp16_compression.hpp``, the attribute ``precise``.
    """
    tree = ElementTree.parse(path)
    for layer in tree.iter("layer"):
        info = layer.find("rt_info")
        if info is None:
            info = ElementTree.SubElement(layer, "rt_info")
        if info.find("attribute[@name='precise']") is None:  # OpenVINO 2025 reads no file that says it twice
            ElementTree.SubElement(info, "attribute", name="precise", version="0")
    tree.write(path, encoding="utf-8", xml_declaration=True)
