"""The state_dict of timm's full-size models that the registry has weights of: what a checkpoint on the hub holds. Needs timm 1.0.

    python3 golden/timm_names.py        writes golden/timm-names.json.gz

{timm's model: [[name, shape], ...]}, without the counters `num_batches_tracked`.
"""
import gzip
import sys
from pathlib import Path

sys.dont_write_bytecode = True

import timm
import torch

import safetensors_writer
from timm_weights import ARCHITECTURES

written = {}
for model in ARCHITECTURES:
    with torch.device("meta"):
        state = timm.create_model(model).state_dict()
    written[model] = [[name, list(v.shape)] for name, v in state.items() if not name.endswith("num_batches_tracked")]
data = gzip.compress((safetensors_writer.compact(written) + "\n").encode(), 9, mtime=0)
(Path(__file__).parent / "timm-names.json.gz").write_bytes(data)
print(f"timm-names.json.gz: {len(written)} models, {len(data)} bytes")
