"""What the peers of `npm run bench` have in common: reading what Graft's side wrote, and taking turns."""

import json
import resource
import sys
import time

import numpy as np
import torch

DTYPES = {"F32": np.float32, "U8": np.uint8, "I64": np.int64}


def read_safetensors(path):
    """The tensors of a file by name, over one block of memory, and its metadata."""
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        body = bytearray(path.stat().st_size - file.tell())
        file.readinto(body)
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        start, end = entry["data_offsets"]
        dtype = np.dtype(DTYPES[entry["dtype"]])
        array = np.frombuffer(body, dtype, (end - start) // dtype.itemsize, start)
        tensors[name] = torch.from_numpy(array.reshape(entry["shape"]))
    return tensors, metadata


def serve(step, check, setting):
    """Says what the side is, then takes as many steps as each line asks for, and answers with their times."""
    versions = {"python": sys.version.split()[0], "pytorch": torch.__version__}
    print(json.dumps({"versions": versions, "check": check, "setting": setting}), flush=True)
    before = time.process_time()
    for line in sys.stdin:
        begin = time.process_time()
        milliseconds = []
        for _ in range(int(line)):
            start = time.perf_counter()
            step()
            milliseconds.append((time.perf_counter() - start) * 1000)
        end = time.process_time()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        processor, idle = (end - begin) * 1000, (begin - before) * 1000
        before = end
        print(json.dumps({"milliseconds": milliseconds, "processor": processor, "idle": idle, "peak": peak}), flush=True)
