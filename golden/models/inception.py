"""Reference runs of narrow Inceptions v3, made of torchvision's own blocks (see reference.py).

The auxiliary head needs 299 pixels. Such images are computed, not stored, and only late endpoints are kept.
"""
import math
import sys
from functools import partial
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent.parent))

import torch
from torch import nn
from torch.nn import functional as F
from torchvision.models import inception
from torchvision.models.inception import Inception3

from reference import CLASSES, golden

DIVISOR, FLOOR = 32, 4
DROPPED = ["Mixed_5c", "Mixed_5d", "Mixed_6c", "Mixed_6d", "Mixed_6e", "Mixed_7c"]


class NarrowConv(nn.Module):
    """torchvision's BasicConv2d with fewer channels, however many there are in its input."""

    def __init__(self, _in_channels, out_channels, **options):
        super().__init__()
        self.conv = nn.LazyConv2d(max(FLOOR, math.ceil(out_channels / DIVISOR)), bias=False, **options)
        self.bn = nn.BatchNorm2d(self.conv.out_channels, eps=0.001)

    def forward(self, x):
        return F.relu(self.bn(self.conv(x)))


def build(**options):
    """Each kind of block once: through all eleven, with statistics of so few numbers, a gradient would be chaotic."""
    parts = [getattr(inception, f"Inception{part}") for part in ("A", "B", "C", "D", "E", "Aux")]
    blocks = [NarrowConv, *(partial(part, conv_block=NarrowConv) for part in parts)]
    model = Inception3(CLASSES, inception_blocks=blocks, init_weights=False, dropout=0, **options)
    for name in DROPPED:
        setattr(model, name, nn.Identity())
    model.fc = nn.LazyLinear(CLASSES)
    if model.AuxLogits:
        model.AuxLogits.fc = nn.LazyLinear(CLASSES)
    model(torch.zeros(2, 3, 299, 299))
    return model


def endpoints(names):
    return lambda model: {name: getattr(model, name) for name in names}


def write(name, size, kept, options):
    config = {"widthDivisor": DIVISOR, "leastChannels": FLOOR, "dropped": DROPPED, **options}
    # Deep and narrow, it makes more of a perturbation than other networks: 1e-6 would hide what is to be seen.
    golden(name, lambda: build(**options), endpoints(kept), size, 4, ["gentle3"], config, stored=False, perturbation=2e-7)


KEPT = ["maxpool2", "Mixed_5b", "Mixed_6a", "Mixed_6b", "Mixed_7a", "Mixed_7b", "avgpool"]
write("inception", 107, KEPT, {"aux_logits": False, "transform_input": True})
write("inception_auxiliary", 299, ["Mixed_7b", "avgpool"], {"aux_logits": True})
