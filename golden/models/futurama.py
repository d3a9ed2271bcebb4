"""Reference runs of the two networks of the Futurama study, narrow (see reference.py)."""
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent.parent))

from torch import nn
from torch.nn import functional as F

from reference import CLASSES, golden

FILTERS, SIDE = 4, 12


class Layer(nn.Conv2d):
    """One convolution and what follows it; a subclass, so that its names are those of the convolution."""

    def __init__(self, index, residual):
        super().__init__(3 if index == 0 else FILTERS, FILTERS, 3, padding=1)
        self.activated = residual or index > 0
        self.adds = residual and index > 0

    def forward(self, x):
        y = super().forward(x)
        y = F.silu(y) if self.activated else y
        return x + y if self.adds else y


class Futurama(nn.Module):
    def __init__(self, residual):
        super().__init__()
        self.convs = nn.Sequential(*[Layer(i, residual) for i in range(4)])
        self.fc = nn.Linear(FILTERS * (SIDE - 2) ** 2, CLASSES)

    def forward(self, x):
        return self.fc(F.max_pool2d(self.convs(x), 3, stride=1).flatten(1))


def endpoints(model):
    return {f"convs.{i}": model.convs[i] for i in range(4)}


for name, residual in (("futurama_cnn", False), ("futurama_resnet", True)):
    config = {"model": name, "filters": FILTERS, "residual": residual}
    golden(name, lambda: Futurama(residual), endpoints, SIDE, 4, ["gentle3"], config)
