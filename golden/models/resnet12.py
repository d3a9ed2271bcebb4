"""Reference run of a narrow ResNet-12 of the few-shot literature (see reference.py)."""
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent.parent))

from torch import nn
from torch.nn import functional as F

from reference import CLASSES, golden

CHANNELS = [4, 6, 8, 10]


class Block(nn.Module):
    def __init__(self, inputs, channels):
        super().__init__()
        for i in range(1, 4):
            setattr(self, f"conv{i}", nn.Conv2d(inputs if i == 1 else channels, channels, 3, padding=1, bias=False))
            setattr(self, f"bn{i}", nn.BatchNorm2d(channels))
        self.downsample = nn.Sequential(nn.Conv2d(inputs, channels, 1, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x):
        y = F.leaky_relu(self.bn1(self.conv1(x)), 0.1)
        y = F.leaky_relu(self.bn2(self.conv2(y)), 0.1)
        y = self.bn3(self.conv3(y)) + self.downsample(x)
        return F.max_pool2d(F.leaky_relu(y, 0.1), 2)


class ResNet12(nn.Module):
    def __init__(self):
        super().__init__()
        for i, (inputs, channels) in enumerate(zip([3, *CHANNELS], CHANNELS)):
            setattr(self, f"layer{i + 1}", nn.Sequential(Block(inputs, channels)))
        self.fc = nn.Linear(CHANNELS[-1], CLASSES)

    def forward(self, x):
        for i in range(1, 5):
            x = getattr(self, f"layer{i}")(x)
        return self.fc(x.mean((2, 3)))


def endpoints(model):
    return {f"layer{i}": getattr(model, f"layer{i}") for i in range(1, 5)}


config = {"model": "resnet12", "channels": CHANNELS, "slope": 0.1, "batchNorm": {"momentum": 0.1, "epsilon": 1e-5}}
# 37 px: two max-pools leave a remainder, and layer4 has 2x2 pixels an image.
golden("resnet12", ResNet12, endpoints, 37, 4, ["sgd3"], config, stored=False)
