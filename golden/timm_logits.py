"""Logits of timm's models for weights that both sides can make from nothing but their names. Needs timm 1.0.

    python3 golden/timm_logits.py        writes golden/timm-logits.safetensors

logits/CASE (1, classes) of the image `made("picture", (1, 3, size, size))`, computed in float64. The metadata key `cases` says
for each case timm's model, or for the narrow ones, which the registry has no weights of, their state_dict; and the image's size.
"""
import sys
from pathlib import Path

sys.dont_write_bytecode = True

import numpy as np
import timm
import torch
from timm.models import convnext, densenet, swin_transformer, vgg, vision_transformer

import safetensors_writer

torch.set_num_threads(1)


def uniform(name, count):
    """Numbers in [0, 1): a hash (lowbias32, by C. Wellons) of the element's index and the name's FNV-1a."""
    with np.errstate(over="ignore"):
        seed = np.uint32(2166136261)
        for byte in name.encode():
            seed = (seed ^ np.uint32(byte)) * np.uint32(16777619)
        x = seed + np.arange(count, dtype=np.uint32) * np.uint32(0x9E3779B9)
        x ^= x >> np.uint32(16)
        x *= np.uint32(0x7FEB352D)
        x ^= x >> np.uint32(15)
        x *= np.uint32(0x846CA68B)
        x ^= x >> np.uint32(16)
    return x / 2.0**32


def made(name, shape):
    """A tensor of such a size that a network of them neither dies out nor grows; the same as test/made-tensors.ts makes."""
    u = uniform(name, int(np.prod(shape)))
    if name.endswith(("running_var", "gamma")) or (len(shape) == 1 and name.endswith("weight")):
        values = 0.7 + 0.6 * u
    elif len(shape) == 1:
        values = 0.2 * (u - 0.5)
    elif name.endswith("weight"):
        values = 2 * (u - 0.5) * np.sqrt(6 / np.prod(shape[1:]))
    else:
        values = 2 * (u - 0.5)
    return torch.from_numpy(values.reshape(shape).astype(np.float32)).double()


def narrow_vgg():
    model = vgg.VGG([8, "M", 16, "M", 32, 32, "M", 64, 64, "M", 64, 64, "M"], 10, norm_layer=torch.nn.BatchNorm2d)
    model.pre_logits = vgg.ConvMlp(64, 16, 7)
    model.head.fc = torch.nn.Linear(16, 10)
    return model


# The smallest variants stand for their family; where those are large, narrow ones do.
FULL = {
    "resnet18": 64, "mobilenetv2_100": 64, "mobilenetv3_small_100": 64, "mobilenetv3_large_100": 64,
    "efficientnet_b0": 64, "regnety_004": 64,
}
NARROW = {
    "vgg": (narrow_vgg, 64),
    "densenet": (
        lambda: densenet.DenseNet(growth_rate=4, block_config=(2, 2, 3, 2), num_classes=10),
        64,
    ),
    "convnext": (lambda: convnext.ConvNeXt(depths=(1, 1, 2, 1), dims=(8, 16, 24, 32), num_classes=10), 64),
    "vit": (
        lambda: vision_transformer.VisionTransformer(
            img_size=32, patch_size=8, embed_dim=32, depth=2, num_heads=4, num_classes=10
        ),
        32,
    ),
    "swin": (
        lambda: swin_transformer.SwinTransformer(
            img_size=64, window_size=4, embed_dim=8, depths=(2, 2, 2), num_heads=(2, 4, 8), num_classes=10
        ),
        64,
    ),
}


def logits(model, size):
    model = model.eval().double()
    state = model.state_dict()
    kept = {name: value for name, value in state.items() if value.is_floating_point()}
    model.load_state_dict({**state, **{name: made(name, tuple(value.shape)) for name, value in kept.items()}})
    with torch.no_grad():
        y = model(made("picture", (1, 3, size, size)))
    print(f"logits {float(y.min()):.3g} to {float(y.max()):.3g}, spread {float(y.std()):.3g}")
    return y, [[name, list(value.shape)] for name, value in kept.items()]


def main():
    tensors, cases = {}, {}
    for name, size in FULL.items():
        tensors[f"logits/{name}"], _ = logits(timm.create_model(name), size)
        cases[name] = {"model": name, "size": size}
    for name, (build, size) in NARROW.items():
        tensors[f"logits/{name}"], variables = logits(build(), size)
        cases[name] = {"variables": variables, "size": size}
    path = Path(__file__).parent / "timm-logits.safetensors"
    safetensors_writer.write(path, tensors, {"cases": cases})


if __name__ == "__main__":
    main()
