"""int8 kernels as OpenVINO's CPU code can use them; needs the package ``openvino``.

Two things are changed in a model that was read from an int8 TFLite file:

- Kernels of depthwise convolutions reach theirs through several reshapes, behind which OpenVINO does not see
  that they are integers, and computes in float32. They are laid out as they are needed.
- Processors without VNNI add the products of two neighbouring input channels in 16 bits, saturating. Bytes up
  to 255 times kernels up to 127 do not fit: outputs are wrong, and nothing says so. Each output channel in
  which a pair could overflow is scaled down until none can.

Source: Intel, "Lower Numerical Precision Deep Learning Inference and Training", 2018, on VPMADDUBSW.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from detector.system.telemetry import import_openvino

if TYPE_CHECKING:
    from openvino import Model, Node

openvino = import_openvino()
ops = openvino.opset8

# 255 * 128 = 32,640 fits into 16 bits, 255 * 129 = 32,895 does not.
_GREATEST_PAIR = 128


def fit_int8_kernels(model: Model) -> None:
    """Change the model's int8 kernels as above; a model without any stays as it is."""
    for node in model.get_ordered_ops():
        kind = node.get_type_name()
        if kind not in ("Convolution", "GroupConvolution"):
            continue
        found = _find_kernel(node.input_value(1).get_node())
        if found is None:
            continue
        kernel, scales = found
        if kind == "Convolution":
            kernel, scales = narrow_kernel(kernel, scales)
        elif kernel.ndim == 4:  # TFLite's (1, height, width, channels)
            kernel = kernel[0].transpose(2, 0, 1)[:, None, None]
        integers = ops.convert(ops.constant(np.ascontiguousarray(kernel)), "f32")
        along = scales.reshape(-1, *[1] * (kernel.ndim - 1))
        node.input(1).replace_source_output(ops.multiply(integers, ops.constant(along)).output(0))
    model.validate_nodes_and_infer_types()


def _find_kernel(node: Node) -> tuple[NDArray[np.int8], NDArray[np.float32]] | None:
    """The integers and the scale of each channel behind a convolution's kernel; None if it is of floats."""
    while node.get_type_name() != "Multiply":
        if not node.get_input_size():
            return None
        node = node.input_value(0).get_node()
    integers, scales = node.input_value(0).get_node(), node.input_value(1).get_node()
    if integers.get_type_name() == "Convert":
        integers = integers.input_value(0).get_node()
    if integers.get_type_name() != "Constant" or integers.get_element_type() != openvino.Type.i8:
        return None
    return integers.get_data(), scales.get_data().reshape(-1).astype(np.float32)


def narrow_kernel(
    kernel: NDArray[np.int8], scales: NDArray[np.float32]
) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """The kernel with no pair of neighbouring input channels that could overflow, and its scales.

    Args:
        kernel: (out, in, height, width).
        scales: (out,); ``kernel * scales`` stays the same but for rounding.
    """
    count, channels, *_ = kernel.shape
    even = np.pad(kernel.astype(np.int32), [(0, 0), (0, channels % 2), (0, 0), (0, 0)])
    pairs = even.reshape(count, -1, 2, *kernel.shape[2:])
    # Products of one sign add up; activations are never below 0 there.
    most = np.maximum(np.maximum(pairs, 0).sum(axis=2), np.maximum(-pairs, 0).sum(axis=2))
    greatest = most.reshape(count, -1).max(axis=1)
    # Rounding may add a half to each of the two.
    factor = np.where(greatest > _GREATEST_PAIR, (_GREATEST_PAIR - 1) / np.maximum(greatest, 1), 1)
    narrowed = np.round(kernel * factor[:, None, None, None]).astype(np.int8)
    return narrowed, (scales / factor).astype(np.float32)
