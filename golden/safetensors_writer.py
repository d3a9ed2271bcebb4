"""Writes safetensors (https://github.com/huggingface/safetensors#format) with nothing but NumPy.

The file is an 8-byte little-endian header length, a JSON header padded with spaces to 8 bytes, and the raw data.
Wide elements come first, so that every tensor lies aligned to its element size.
"""
import json

import numpy as np
import torch

NAMES = {"float32": "F32", "float64": "F64", "int64": "I64", "uint8": "U8", "bool": "BOOL"}


def write(path, tensors, metadata, keep_double=False):
    """Writes `tensors` (name -> torch tensor) and `metadata` (values that are not text become JSON).

    Goldens are computed in float64, and stored as float32 unless `keep_double`.
    """
    arrays = {name: to_array(value, keep_double) for name, value in tensors.items()}
    header = {"__metadata__": {key: v if isinstance(v, str) else compact(v) for key, v in sorted(metadata.items())}}
    offset = 0
    order = sorted(arrays, key=lambda name: (-arrays[name].dtype.itemsize, name))
    for name in order:
        array = arrays[name]
        end = offset + array.nbytes
        header[name] = {"dtype": NAMES[str(array.dtype)], "shape": list(array.shape), "data_offsets": [offset, end]}
        offset = end
    text = compact(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little"))
        file.write(text)
        for name in order:
            file.write(arrays[name].tobytes())
    print(f"{path}: {len(arrays)} tensors, {8 + len(text) + offset} bytes")


def to_array(value, keep_double):
    value = value.detach()
    if value.dtype == torch.float64 and not keep_double:
        value = value.float()
    if value.is_floating_point() and not bool(torch.isfinite(value).all()):
        raise ValueError("a golden tensor is not finite")
    array = np.array(value.contiguous().numpy(), order="C")
    return array.astype(array.dtype.newbyteorder("<"), copy=False)


def compact(value):
    return json.dumps(value, separators=(",", ":"))
