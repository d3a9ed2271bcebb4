"""Small checkpoints as torch.save writes them, and what is in them.

    python3 golden/checkpoints.py 1.13      with PyTorch 1.13: writes golden/checkpoints/1.13-*.pth
    python3 golden/checkpoints.py 2         with PyTorch 2: writes golden/checkpoints/2-*.pth, refused-*.pth and expected.safetensors

Each case is written in the zip format, in the legacy format and, by PyTorch 2, with pickle protocol 5. expected.safetensors holds
the bytes of every tensor as `CASE/NAME`, float16 and bfloat16 converted to float32, int8 and int16 to int32; its metadata `types` has
[dtype, shape] of each. The keys of storages in the legacy format are addresses, so that those files differ from run to run.
"""
import argparse
import os
import sys
from collections import OrderedDict
from pathlib import Path

sys.dont_write_bytecode = True

import numpy as np
import torch
from torch import nn

import safetensors_writer

HERE = Path(__file__).parent / "checkpoints"
WIDER = {torch.float16: torch.float32, torch.bfloat16: torch.float32, torch.int8: torch.int32, torch.int16: torch.int32}
NAMES = {"float32": "f32", "float64": "f64", "int32": "i32", "int64": "i64", "uint8": "u8", "bool": "bool"}


def dtypes():
    """Every type that is read, with the values at its edges; a scalar and an empty tensor."""
    edges = [0.0, -0.0, 1.0, -1 / 3, 1e-45, 6e-8, 65504.0, 3e38, float("inf"), float("-inf"), float("nan")]
    floats = {name: torch.tensor(edges, dtype=torch.float64).to(getattr(torch, name)) for name in ["float32", "float16", "bfloat16"]}
    whole = {
        name: torch.tensor([torch.iinfo(getattr(torch, name)).min, 0, 7, torch.iinfo(getattr(torch, name)).max], dtype=getattr(torch, name))
        for name in ["int64", "int32", "int16", "int8", "uint8"]
    }
    return {
        **floats,
        "float64": torch.tensor(edges + [5e-324, 1e308, 0.1], dtype=torch.float64),
        **whole,
        "bool": torch.tensor([[True, False, True]]),
        "scalar": torch.tensor(2.5),
        "counter": torch.tensor(3),
        "empty": torch.zeros(2, 0, 3),
    }


def views():
    """Tensors that are not all of their storage in order, and tensors that share one."""
    base = torch.arange(120, dtype=torch.float32).reshape(2, 3, 4, 5)
    matrix = torch.arange(12, dtype=torch.int64).reshape(3, 4)
    attributed = torch.arange(3.0)
    attributed.note = "a tensor with an attribute"
    return OrderedDict(
        whole=base,
        permuted=base.permute(0, 2, 3, 1),
        part=base[1, :, 1:3, ::2],
        channels_last=torch.arange(48.0).reshape(2, 3, 2, 4).contiguous(memory_format=torch.channels_last),
        transposed=matrix.t(),
        column=matrix[:, 2],
        last=matrix[2, 3],
        expanded=torch.tensor([[1.5], [2.5]]).expand(2, 3),
        half_transposed=torch.arange(6, dtype=torch.float16).reshape(2, 3).t(),
        bytes_reversed=torch.arange(6, dtype=torch.uint8).reshape(2, 3).t(),
        parameter=nn.Parameter(torch.arange(4.0).reshape(2, 2).t()),
        attributed=attributed,
        tied=base,
    )


def network():
    return nn.Sequential(OrderedDict(conv=nn.Conv2d(3, 4, 3), norm=nn.BatchNorm2d(4), fc=nn.Linear(4, 2)))


def training():
    """What the scripts of a training run save: the state dict of a DataParallel network, Adam's state, numbers and options."""
    net = nn.DataParallel(network())
    optimizer = torch.optim.Adam(net.parameters())
    net.module.fc(net.module.norm(net.module.conv(torch.ones(2, 3, 4, 4))).mean((2, 3))).sum().backward()
    optimizer.step()
    with torch.no_grad():  # what every version of PyTorch agrees on
        for i, value in enumerate(net.state_dict().values()):
            value.copy_(torch.arange(value.numel()).reshape(value.shape) + i)
    state = net.state_dict()
    return state, {
        "epoch": 3,
        "best_acc1": np.float64(71.5),
        "history": np.arange(3),
        "args": argparse.Namespace(lr=0.1, data=Path("photos"), big=2**70, names={"a", "b"}),
        "state_dict": state,
        "optimizer": optimizer.state_dict(),
        "shape": torch.Size([1, 2]),
        "dtype": torch.float32,
        "device": torch.device("cpu"),
    }


def densenet():
    """A DenseNet's names before torchvision 0.2."""
    layer = "features.denseblock1.denselayer1"
    return OrderedDict((f"{layer}.{part}", torch.arange(2.0)) for part in ["norm.1.weight", "norm.1.running_mean", "conv.2.weight"])


class Command:
    def __reduce__(self):
        return os.system, ("echo harm",)


class Evaluation:
    def __reduce__(self):
        return eval, ("1 + 1",)


def refused():
    linear = nn.Linear(1, 1)
    return {
        "module": nn.Sequential(linear),
        "nested-module": {"epoch": 1, "model": linear},
        "command": {"weight": torch.ones(1), "x": Command()},
        "evaluation": {"weight": torch.ones(1), "x": Evaluation()},
        "object": {"state_dict": linear.state_dict(), "date": __import__("datetime").date(2020, 1, 1)},
        "complex": {"weight": torch.ones(1, dtype=torch.complex64)},
        "sparse": {"weight": torch.eye(2).to_sparse()},
        "quantized": {"weight": torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)},
        "list": [torch.ones(1)],
        "networks": {"generator": linear.state_dict(), "discriminator": linear.state_dict()},
        "no-tensors": {"epoch": 1},
    }


def save(name, value, **options):
    torch.save(value, HERE / f"{name}.pth", **options)


def main(version):
    HERE.mkdir(exist_ok=True)
    state, checkpoint = training()
    cases = {"dtypes": (dtypes(),) * 2, "views": (views(),) * 2, "training": (state, checkpoint), "densenet": (densenet(),) * 2}
    for name, (_, value) in cases.items():
        save(f"{version}-{name}-zip", value)
        save(f"{version}-{name}-legacy", value, _use_new_zipfile_serialization=False)
        if version == "2":
            save(f"{version}-{name}-protocol5", value, pickle_protocol=5)
    if version != "2":
        return
    for name, value in refused().items():
        save(f"refused-{name}", value)
    tensors, types = {}, {}
    for case, (values, _) in cases.items():
        for name, value in values.items():
            is_half = value.dtype == torch.float16
            value = value.detach().to(WIDER.get(value.dtype, value.dtype)).contiguous()
            if is_half:  # which bits stand for it depends on the machine
                value[value.isnan()] = float("nan")
            types[f"{case}/{name}"] = [NAMES[str(value.numpy().dtype)], list(value.shape)]
            tensors[f"{case}/{name}"] = torch.tensor(np.frombuffer(value.numpy().tobytes(), dtype=np.uint8).copy())
    safetensors_writer.write(HERE / "expected.safetensors", tensors, {"types": types})


main(sys.argv[1])
