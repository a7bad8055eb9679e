"""Collects an ONNX graph node by node; large weights stream into one external data file as they come."""

from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import onnx
from onnx import TensorProto, helper

# onnxruntime maps the data file into memory at page boundaries.
_PAGE = 4096
MICROSOFT = "com.microsoft"


class GraphBuilder:
    """Names are unique by the author's care: every value is called after what it is and its layer."""

    def __init__(self, data: BinaryIO, data_name: str) -> None:
        self._data = data
        self._data_name = data_name
        self._nodes: list[onnx.NodeProto] = []
        self._initializers: list[TensorProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []

    @property
    def node_count(self) -> int:
        return len(self._nodes)

    def input(self, name: str, kind: int, shape: list[int | str]) -> str:
        self._inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def output(self, name: str, kind: int, shape: list[int | str]) -> str:
        self._outputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def constant(self, name: str, value: np.ndarray) -> str:
        array = np.ascontiguousarray(value)
        if array.nbytes < _PAGE:
            self._initializers.append(onnx.numpy_helper.from_array(array, name))
            return name
        self._data.write(b"\0" * (-self._data.tell() % _PAGE))
        tensor = TensorProto(name=name, data_type=helper.np_dtype_to_tensor_dtype(array.dtype), dims=array.shape, data_location=TensorProto.EXTERNAL)
        for key, text in (("location", self._data_name), ("offset", self._data.tell()), ("length", array.nbytes)):
            tensor.external_data.add(key=key, value=str(text))
        array.tofile(self._data)
        self._initializers.append(tensor)
        return name

    def integers(self, name: str, value: int | list[int]) -> str:
        return self.constant(name, np.array(value, np.int64))

    def node(self, operator: str, inputs: list[str], output: str, domain: str = "", **attributes: Any) -> str:
        self.nodes(operator, inputs, [output], domain, **attributes)
        return output

    def nodes(self, operator: str, inputs: list[str], outputs: list[str], domain: str = "", **attributes: Any) -> list[str]:
        self._nodes.append(helper.make_node(operator, inputs, outputs, name=f"{outputs[0]}/{operator}", domain=domain, **attributes))
        return outputs

    def save(self, path: Path) -> None:
        graph = helper.make_graph(self._nodes, "decoder", self._inputs, self._outputs, self._initializers)
        opsets = [helper.make_opsetid("", 18), helper.make_opsetid(MICROSOFT, 1)]
        path.write_bytes(helper.make_model(graph, opset_imports=opsets, ir_version=9, producer_name="idiolect").SerializeToString())
