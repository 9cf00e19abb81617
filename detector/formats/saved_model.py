"""Writes the network as a SavedModel; needs TensorFlow.

A detector has two shapes, the same as those of ``tflite.writer``; the signature is ``serving_default``, and
the loaded model can be called as well:

- Raw outputs. Input ``image``: float32 (1, H, W, 3), RGB, normalised as the spec says. Outputs
  ``box_encodings`` float32 (1, A, 4) and ``class_logits`` float32 (1, A, K + 1).
- With post-processing. Input ``image``: uint8 (1, H, W, 3), RGB. Outputs, for N = ``max_detections`` of the
  spec: ``detection_boxes`` float32 (1, N, 4), top, left, bottom, right as shares of the image, not clipped;
  ``detection_classes`` float32 (1, N), 0 is the first class; ``detection_scores`` float32 (1, N), the best
  first; ``num_detections`` float32 (1,), how many of them are detections. The rest is zeros.

The spec and the names of the classes lie in the folder as ``model_spec.json`` and ``labels.txt``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from detector.architecture import LOGITS, PROBABILITIES, build_architecture, build_classifier
from detector.boxes import FloatArray, xyxy_to_cxcywh
from detector.classifier_spec import ClassifierSpec
from detector.formats.looks import Look, growth_factors, growth_limits, pooled_anchors
from detector.formats.spec_reader import write_spec
from detector.layers import IMAGE, Layers
from detector.spec import ModelSpec
from detector.system.files import replacing_folder
from detector.weights import Weights, fold_batch_norm

SIGNATURE = "serving_default"
Tensors = dict[str, tf.Tensor]


def save_saved_model(
    folder: Path,
    weights: Weights,
    spec: ModelSpec,
    *,
    postprocess: bool = False,
    smaller: Sequence[Look] = (),
) -> None:
    """Write the network as a SavedModel; the folder appears whole or not at all.

    Args:
        folder: to make; it may be there if it is empty.
        weights: of the spec's network.
        spec: what network it is.
        postprocess: take bytes and give detections, instead of raw inputs and outputs.
        smaller: looks at smaller sizes, the smallest first; with post-processing alone. See
            ``formats.looks``.

    Raises:
        DetectorError: the folder is occupied or cannot be written.
    """
    specs = [*(look.spec for look in smaller), spec]
    folded = fold_batch_norm(weights, build_architecture(spec))
    biases = [_fold_biases(look.weights, look.spec) for look in smaller]
    biases.append({name: bias for name, (_, bias) in folded.items()})

    def run(image: tf.Tensor) -> Tensors:
        kernels = {name: tf.constant(kernel) for name, (kernel, _) in folded.items()}  # of all looks
        if not postprocess:
            return _run_network(image, spec, kernels, biases[-1])
        normalised = tf.cast(image, tf.float32) * spec.pixel_scale + spec.pixel_offset
        outputs = []
        for each, bias in zip(specs, biases, strict=True):
            seen = normalised if each is spec else tf.image.resize(normalised, each.input_hw)
            outputs.append(_run_network(seen, each, kernels, bias))
        if not smaller:
            return _add_postprocess(specs, **outputs[0])
        pooled = {name: tf.concat([look[name] for look in outputs], axis=1) for name in outputs[0]}
        return _add_postprocess(specs, **pooled)

    _save(folder, run, spec, tf.uint8 if postprocess else tf.float32)


def save_classifier_saved_model(folder: Path, weights: Weights, spec: ClassifierSpec) -> None:
    """Write a classifier as a SavedModel; the folder appears whole or not at all.

    Input ``image``: uint8 (1, H, W, 3), RGB. Output ``probabilities``: float32 (1, K), which add up to 1.

    Args:
        folder: to make; it may be there if it is empty.
        weights: of the spec's network.
        spec: what network it is.

    Raises:
        DetectorError: the folder is occupied or cannot be written.
    """
    layers = build_classifier(spec)
    folded = fold_batch_norm(weights, layers)

    def run(image: tf.Tensor) -> Tensors:
        kernels = {name: tf.constant(kernel) for name, (kernel, _) in folded.items()}
        normalised = tf.cast(image, tf.float32) * spec.pixel_scale + spec.pixel_offset
        biases = {name: bias for name, (_, bias) in folded.items()}
        logits = _run_layers(normalised, layers, kernels, biases)[LOGITS]
        return {PROBABILITIES: tf.nn.softmax(tf.reshape(logits, (1, len(spec.classes))))}

    _save(folder, run, spec, tf.uint8)


def _save(
    folder: Path, run: Callable[[tf.Tensor], Tensors], spec: ModelSpec | ClassifierSpec, kind: tf.DType
) -> None:
    """Write a function of an image of that type, with the spec beside it."""
    module = tf.Module()
    image = tf.TensorSpec((1, *spec.input_hw, 3), kind, name="image")
    # What `tf.saved_model.load` gives back is then called as it is, as programs do with models of the Object
    # Detection API, or by its signature.
    module.__call__ = tf.function(run, input_signature=[image], autograph=False)
    with replacing_folder(folder) as temporary:
        tf.saved_model.save(module, str(temporary), signatures={SIGNATURE: module.__call__})
        write_spec(temporary, spec)


def _fold_biases(weights: Weights, spec: ModelSpec) -> dict[str, FloatArray]:
    return {name: bias for name, (_, bias) in fold_batch_norm(weights, build_architecture(spec)).items()}


def _run_network(
    image: tf.Tensor, spec: ModelSpec, kernels: Tensors, biases: dict[str, FloatArray]
) -> Tensors:
    """The raw outputs."""
    architecture = build_architecture(spec)
    outputs = _run_layers(image, architecture, kernels, biases)
    heads = (
        ("box_encodings", architecture.box_heads, 4),
        ("class_logits", architecture.class_heads, len(spec.classes) + 1),
    )
    return {
        name: tf.concat([tf.reshape(outputs[layer], (1, -1, columns)) for layer in layers], axis=1)
        for name, layers, columns in heads
    }


def _run_layers(image: tf.Tensor, layers: Layers, kernels: Tensors, biases: dict[str, FloatArray]) -> Tensors:
    """The output of each layer. Kernels are constants, which TensorFlow fuses with what follows them."""
    outputs = {IMAGE: image}
    for layer in layers.layers:
        if layer.kind == "mean":
            outputs[layer.name] = tf.reduce_mean(outputs[layer.source], axis=(1, 2), keepdims=True)
            continue
        convolve = tf.nn.conv2d if layer.kind == "conv" else tf.nn.depthwise_conv2d
        kernel, strides = kernels[layer.name], [1, layer.stride, layer.stride, 1]
        x = tf.nn.bias_add(convolve(outputs[layer.source], kernel, strides, "SAME"), biases[layer.name])
        if layer.relu6:
            x = tf.nn.relu6(x)
        if layer.shortcut:
            x = x + outputs[layer.shortcut]
        outputs[layer.name] = x
    return outputs


def _add_postprocess(
    specs: Sequence[ModelSpec], box_encodings: tf.Tensor, class_logits: tf.Tensor
) -> Tensors:
    """Decoded boxes, scores, and suppression within each class."""
    spec = specs[-1]
    anchors = pooled_anchors(specs)
    anchors_yxhw = xyxy_to_cxcywh(anchors)[:, [1, 0, 3, 2]]
    offsets = box_encodings / np.array(spec.box_coder_scales, np.float32)
    centre_yx = anchors_yxhw[:, :2] + offsets[..., :2] * anchors_yxhw[:, 2:]
    half_yx = tf.exp(offsets[..., 2:]) * (anchors_yxhw[:, 2:] / 2)
    boxes_yxyx = tf.concat([centre_yx - half_yx, centre_yx + half_yx], axis=-1)
    scores = tf.sigmoid(class_logits[..., 1:])
    if len(specs) > 1:  # those are 0 where the box of a larger look is left to the first look
        growth = tf.reduce_sum(box_encodings * growth_factors(spec), axis=-1, keepdims=True)
        scores *= tf.cast(growth < growth_limits(specs)[:, None], tf.float32)
    found = tf.image.combined_non_max_suppression(
        boxes_yxyx[:, :, None],
        scores,
        max_output_size_per_class=spec.max_detections,
        max_total_size=spec.max_detections,
        iou_threshold=spec.iou_threshold,
        score_threshold=spec.inside_score_threshold,
        clip_boxes=False,
    )
    return {
        "detection_boxes": found.nmsed_boxes,
        "detection_classes": found.nmsed_classes,
        "detection_scores": found.nmsed_scores,
        "num_detections": tf.cast(found.valid_detections, tf.float32),
    }
