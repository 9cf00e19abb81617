"""An ONNX graph in the making: nodes and constants, and at the end the bytes of the file; needs the package
``onnx``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from detector.boxes import FloatArray
from detector.classifier_spec import ClassifierSpec
from detector.formats.spec_reader import LABELS_KEY, SPEC_KEY
from detector.labels import one_line_names
from detector.spec import ModelSpec

# Old enough for every runtime in use, new enough for all operators here.
_OPSET = 13
_IR_VERSION = 7


class Graph:
    """Collects nodes and constants. A node's first output bears the node's name.

    Args:
        half: store kernels as float16.

    Attributes:
        scope: what names of nodes start with from here on, where the graph has several networks. They share
            their constants.
    """

    def __init__(self, half: bool) -> None:
        self.scope = ""
        self._half = half
        self._nodes: list[NodeProto] = []
        self._constants: dict[str, TensorProto] = {}
        self._kernels: dict[str, str] = {}

    def add(
        self,
        operator: str,
        inputs: Sequence[str],
        name: str,
        *others: str,
        **attributes: int | str | Sequence[int],
    ) -> str:
        """Add a node with an output of that name, and others where it has some; the name comes back."""
        name = f"{self.scope}{name}"
        self._nodes.append(helper.make_node(operator, list(inputs), [name, *others], name=name, **attributes))
        return name

    def constant(self, name: str, values: NDArray[np.generic] | float | Sequence[float]) -> str:
        """A constant tensor, float32 or, for integers, int64; its name comes back.

        The same name gives the same constant, but in a scope one of its own for other values.
        """
        array = np.asarray(values)
        return self._constant(name, array.astype(np.int64 if array.dtype.kind == "i" else np.float32))

    def kernel(self, name: str, values: FloatArray) -> str:
        """A constant that is stored as float16 where the graph's kernels are."""
        if not self._half:
            return self.constant(name, values)
        stored = self._constant(f"{name}/half", values.astype(np.float16))
        if stored not in self._kernels:
            self._kernels[stored] = self.add("Cast", [stored], name, to=TensorProto.FLOAT)
        return self._kernels[stored]

    def _constant(self, name: str, array: NDArray[np.generic]) -> str:
        tensor = numpy_helper.from_array(array, name)
        if self.scope and self._constants.get(name, tensor) != tensor:
            name = tensor.name = f"{self.scope}{name}"
        self._constants[name] = tensor
        return name

    def finish(
        self,
        inputs: dict[str, tuple[int, tuple[int, ...]]],
        outputs: dict[str, tuple[int, ...]],
        spec: ModelSpec | ClassifierSpec,
    ) -> bytes:
        """The graph as the bytes of a file. Outputs are float32."""
        graph = helper.make_graph(
            self._nodes,
            spec.network_name,
            [helper.make_tensor_value_info(name, *input_) for name, input_ in inputs.items()],
            [helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n, shape in outputs.items()],
            list(self._constants.values()),
        )
        model = helper.make_model(
            graph,
            producer_name="ssdlite",
            ir_version=_IR_VERSION,
            opset_imports=[helper.make_opsetid("", _OPSET)],
        )
        helper.set_model_props(
            model, {SPEC_KEY: spec.to_json(), LABELS_KEY: "\n".join(one_line_names(spec.classes))}
        )
        content: bytes = model.SerializeToString(deterministic=True)
        return content
