"""Models of golden/onnx/ with their numbers in files beside them, as the package `onnx` writes external data.

    python golden/onnx_external.py          with onnx 1.23

writes golden/onnx/external/one.onnx with one.data, and many.onnx with a file for each tensor, those of Constant nodes included.
"""
import sys
from pathlib import Path

sys.dont_write_bytecode = True

import onnx

SOURCE = Path(__file__).parent / "onnx"
TARGET = SOURCE / "external"


def save(name, out, **options):
    model = onnx.load(SOURCE / f"{name}.onnx")
    onnx.save_model(model, TARGET / f"{out}.onnx", save_as_external_data=True, convert_attribute=True, **options)


if __name__ == "__main__":
    TARGET.mkdir(exist_ok=True)
    for path in TARGET.iterdir():
        path.unlink()
    save("transformer_14", "one", all_tensors_to_one_file=True, location="one.data", size_threshold=0)
    save("fire_8", "many", all_tensors_to_one_file=False, size_threshold=16)
