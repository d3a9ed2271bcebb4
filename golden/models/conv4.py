"""Reference runs of narrow four-layer networks of the few-shot literature (see reference.py)."""
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent.parent))

from torch import nn

from reference import CLASSES, golden

FILTERS = 6


class Layer(nn.Module):
    def __init__(self, inputs, filters, halving, residual):
        super().__init__()
        self.conv = nn.Conv2d(inputs, filters, 3, stride=2 if halving == "stride" else 1, padding=1)
        self.bn = nn.BatchNorm2d(filters)
        self.pool = nn.MaxPool2d(2) if halving == "max-pool" else nn.Identity()
        # Whether what goes in is added; None: of a network without adds.
        self.residual = residual

    def forward(self, x):
        if self.residual is None:
            return self.pool(self.bn(self.conv(x)).relu())
        y = self.conv(x).relu()
        return self.pool(self.bn(y + x if self.residual else y))


class Conv4(nn.Module):
    def __init__(self, halving, positions, residual):
        super().__init__()
        self.halving = halving
        for i in range(1, 5):
            setattr(self, f"layer{i}", Layer(3 if i == 1 else FILTERS, FILTERS, halving, (i > 1) if residual else None))
        self.fc = nn.Linear(FILTERS * positions, CLASSES)

    def forward(self, x):
        for i in range(1, 5):
            x = getattr(self, f"layer{i}")(x)
        return self.fc(x.mean((2, 3)) if self.halving == "stride" else x.flatten(1))


def endpoints(model):
    return {f"layer{i}": getattr(model, f"layer{i}") for i in range(1, 5)}


def conv4(name, halving, positions, residual=False, stored=True):
    config = {
        "model": name, "filters": FILTERS, "halving": halving, "residual": residual,
        "batchNorm": {"momentum": 0.1, "epsilon": 1e-5},
    }
    # Nothing but rounding moves a bias that a batch norm follows.
    zero = [] if residual else [f"layer{i}.conv.bias" for i in range(1, 5)]
    golden(name, lambda: Conv4(halving, positions, residual), endpoints, 37, 4, ["sgd3"], config, stored=stored, zero=zero)


# 37 px leave 2x2 of max-pools, and 18, 9 and 4 with a remainder on the way; strides leave 3x3, by way of 19, 10 and 5.
conv4("conv4", "max-pool", 4)
conv4("conv4_stride", "stride", 1)
conv4("residual_conv4", "max-pool", 4, residual=True, stored=False)
