"""Writes int8.safetensors: the ranges and zero points that ONNX Runtime's own static quantisation finds in a small network.

Run with onnxruntime 1.32 and torch: python golden/int8.py
Tensors: images f32 (8, 3, 10, 10), and the parameters of x - conv 3x3 (8) - ReLU - depthwise 3x3 - Clip(0, 6) - conv 1x1 (5):
`logits` f32 (1, 5, 10, 10). By name of an activation, `scale/<name>` f32 (1) and `zero/<name>` u8 (1): MinMax, u8. Weights of
the first layer, of 8 bits, symmetric, per channel: `weight_scale/first` f32 (8).
"""

import tempfile
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from safetensors_writer import write

random = np.random.default_rng(5)
IMAGES = random.normal(0, 1, (8, 3, 10, 10)).astype(np.float32)
PARAMETERS = {
    "first.weight": random.normal(0, 0.4, (8, 3, 3, 3)),
    "first.bias": random.normal(0, 0.3, 8),
    "depthwise.weight": random.normal(0.2, 0.5, (8, 1, 3, 3)),
    "depthwise.bias": random.normal(0, 0.3, 8),
    "last.weight": random.normal(0, 0.4, (5, 8, 1, 1)),
    "last.bias": random.normal(0, 0.3, 5),
}
PARAMETERS = {name: value.astype(np.float32) for name, value in PARAMETERS.items()}


class Images(CalibrationDataReader):
    def __init__(self):
        self.feeds = iter([{"x": image[None]} for image in IMAGES])

    def get_next(self):
        return next(self.feeds, None)


def network():
    conv = lambda x, name, out, **more: helper.make_node("Conv", [x, f"{name}.weight", f"{name}.bias"], [out], **more)
    nodes = [
        conv("x", "first", "a", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"]),
        conv("b", "depthwise", "c", pads=[1, 1, 1, 1], group=8),
        helper.make_node("Clip", ["c", "zero", "six"], ["d"]),
        conv("d", "last", "logits"),
    ]
    constants = {**PARAMETERS, "zero": np.float32(0), "six": np.float32(6)}
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 10, 10])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 5, 10, 10])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def main():
    with tempfile.TemporaryDirectory() as folder:
        model, out = Path(folder) / "model.onnx", Path(folder) / "int8.onnx"
        onnx.save(network(), model)
        quantize_static(
            model,
            out,
            Images(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
        )
        made = {item.name: numpy_helper.to_array(item) for item in onnx.load(out).graph.initializer}
    tensors = {"images": IMAGES, **PARAMETERS, "weight_scale/first": made["first.weight_scale"]}
    for name in ["x", "b", "d"]:
        tensors[f"scale/{name}"] = made[f"{name}_scale"].reshape(1)
        tensors[f"zero/{name}"] = made[f"{name}_zero_point"].reshape(1)
    write(Path(__file__).with_suffix(".safetensors"), {k: torch.from_numpy(v.copy()) for k, v in tensors.items()}, {})


if __name__ == "__main__":
    main()
