"""Reference runs of narrow SqueezeNets with torchvision's structure and parameter names (see reference.py)."""
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent.parent))

import torch
from torch import nn
from torchvision.models.squeezenet import Fire

from reference import CLASSES, golden


class NarrowSqueezeNet(nn.Module):
    """torchvision's SqueezeNet with every channel count divided by `divisor`, and no dropout."""

    # Fire is (squeeze, expand1x1 = expand3x3); M is the max-pool.
    STEMS = {"1_0": (96, 7), "1_1": (64, 3)}
    FIRES = {
        "1_0": ["M", (16, 64), (16, 64), (32, 128), "M", (32, 128), (48, 192), (48, 192), (64, 256), "M", (64, 256)],
        "1_1": ["M", (16, 64), (16, 64), "M", (32, 128), (32, 128), "M", (48, 192), (48, 192), (64, 256), (64, 256)],
    }

    def __init__(self, version, divisor):
        super().__init__()
        stem, kernel = self.STEMS[version]
        channels = stem // divisor
        layers = [nn.Conv2d(3, channels, kernel, stride=2), nn.ReLU(inplace=True)]
        for entry in self.FIRES[version]:
            if entry == "M":
                layers.append(nn.MaxPool2d(3, 2, ceil_mode=True))
                continue
            squeeze, expand = (width // divisor for width in entry)
            layers.append(Fire(channels, squeeze, expand, expand))
            channels = 2 * expand
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            nn.Dropout(0), nn.Conv2d(channels, CLASSES, 1), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d((1, 1))
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_uniform_(module.weight)

    def forward(self, x):
        return torch.flatten(self.classifier(self.features(x)), 1)


def endpoints(model):
    return {f"features.{i}": module for i, module in enumerate(model.features)}


def squeezenet(version):
    divisor = 8
    stem, fires = NarrowSqueezeNet.STEMS[version][0], NarrowSqueezeNet.FIRES[version]
    config = {
        "model": f"squeezenet{version}",
        "widthDivisor": divisor,
        "stem": stem // divisor,
        "fires": [[width // divisor for width in entry] for entry in fires if entry != "M"],
    }
    golden(f"squeezenet{version}", lambda: NarrowSqueezeNet(version, divisor), endpoints, 32, 2, ["sgd3", "adamw3"], config)


squeezenet("1_0")
squeezenet("1_1")
