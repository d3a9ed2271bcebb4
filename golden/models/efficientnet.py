"""Reference runs of narrow EfficientNets with torchvision's structure and parameter names (see reference.py)."""
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent.parent))

from functools import partial

import torch
from torch import nn
from torchvision.models.efficientnet import EfficientNet, FusedMBConv, FusedMBConvConfig, MBConv, MBConvConfig

from reference import CLASSES, Masked, golden

BLOCKS = {"inverted": MBConvConfig, "fused": FusedMBConvConfig}
STEM, LAST = 8, 24


def endpoints(model):
    units = {name: unit for name, unit in model.features.named_modules() if isinstance(unit, (MBConv, FusedMBConv))}
    stages = dict(model.features.named_children())
    return {f"features.{name}": module for name, module in (stages | units).items()}


def network(stages, norm):
    """`stages` are (block, expansion, kernel, stride, channels, count)."""

    def build():
        channels, setting = STEM, []
        for block, expansion, kernel, stride, out, count in stages:
            setting.append(BLOCKS[block](expansion, kernel, stride, channels, out, count))
            channels = out
        layer = partial(nn.BatchNorm2d, eps=norm["epsilon"], momentum=norm["momentum"])
        return EfficientNet(setting, 0, 0, CLASSES, norm_layer=layer, last_channel=LAST)

    return build, {"stem": STEM, "stages": stages, "last": LAST, "batchNorm": norm}


FIRST = [
    ["inverted", 1, 3, 1, 8, 1],
    ["inverted", 6, 3, 2, 8, 1],
    ["inverted", 4, 5, 2, 16, 2],
]
SECOND = [
    ["fused", 1, 3, 1, 8, 1],
    ["fused", 4, 3, 2, 8, 2],
    ["inverted", 4, 3, 2, 8, 2],
]
NORM = {"momentum": 0.1, "epsilon": 1e-5}
SLOW_NORM = {"momentum": 0.01, "epsilon": 1e-3}

for name, stages, norm in (("efficientnet", FIRST, NORM), ("efficientnet_v2", SECOND, SLOW_NORM)):
    build, config = network(stages, norm)
    golden(name, build, endpoints, 22, 4, ["sgd3"], config, floor=1e-3)

# The last of the five blocks would be left out with 4/5 of this, the third with 2/5; the others have no shortcut.
LAST_PROBABILITY, DROPOUT = 0.8, 0.4
PROBABILITIES = {
    "features.2.1.stochastic_depth": LAST_PROBABILITY * 2 / 5,
    "features.3.1.stochastic_depth": LAST_PROBABILITY * 4 / 5,
    "classifier.0": DROPOUT,
}
KEPT = {"features.2.1.stochastic_depth": [1, 0, 1, 1], "features.3.1.stochastic_depth": [0, 1, 0, 1]}
noise = {f"{name}.mask": torch.tensor(rows, dtype=torch.uint8).reshape(4, 1, 1, 1) for name, rows in KEPT.items()}
noise["classifier.0.mask"] = (torch.arange(4 * LAST).reshape(4, LAST) * 7 % 5 > 1).to(torch.uint8)
build, config = network(SECOND, NORM)


def build_masked():
    model = build()
    for name, probability in PROBABILITIES.items():
        parent, _, child = name.rpartition(".")
        setattr(model.get_submodule(parent), child, Masked([noise[f"{name}.mask"]], probability))
    return model


config = {**config, "dropout": DROPOUT, "stochasticDepth": LAST_PROBABILITY}
golden("efficientnet_stochastic", build_masked, endpoints, 18, 4, ["sgd3"], config, noise, floor=1e-3)
