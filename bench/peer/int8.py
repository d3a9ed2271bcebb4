"""ONNX Runtime's own static quantisation of a model, for bench/int8.ts.

    python bench/peer/int8.py MODEL PIXELS OUT BITS METHOD

MODEL takes `pixels` u8 (1, 3, s, s); PIXELS holds such images, one after the other, as raw bytes: those that Graft calibrates
with. BITS is 7 (`reduce_range`) or 8. Needs onnxruntime and onnx. Prints its versions as JSON.
"""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process


class Images(CalibrationDataReader):
    def __init__(self, path, shape):
        images = np.fromfile(path, np.uint8).reshape(-1, *shape)
        self.feeds = iter([{"pixels": image[None]} for image in images])

    def get_next(self):
        return next(self.feeds, None)


def main(model, pixels, out, bits, method):
    shape = [d.dim_value for d in onnx.load(model).graph.input[0].type.tensor_type.shape.dim][1:]
    with tempfile.TemporaryDirectory() as folder:
        prepared = str(Path(folder) / "prepared.onnx")
        quant_pre_process(model, prepared, skip_symbolic_shape=True)
        quantize_static(
            prepared,
            out,
            Images(pixels, shape),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            reduce_range=bits == "7",
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod[method],
        )
    print(json.dumps({"onnxruntime": onnxruntime.__version__, "onnx": onnx.__version__}))


if __name__ == "__main__":
    main(*sys.argv[1:])
