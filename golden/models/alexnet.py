"""Reference run of a narrow AlexNet with torchvision's structure and parameter names (see reference.py)."""
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent.parent))

from torch import nn
from torchvision.models.alexnet import AlexNet

from reference import CLASSES, golden

CHANNELS, HIDDEN = (4, 6, 8, 6, 6), 16


class NarrowAlexNet(AlexNet):
    """torchvision's AlexNet with other widths, and no dropout."""

    def __init__(self):
        nn.Module.__init__(self)
        a, b, c, d, e = CHANNELS
        relu, pool = nn.ReLU(inplace=True), nn.MaxPool2d(3, 2)
        self.features = nn.Sequential(
            nn.Conv2d(3, a, 11, stride=4, padding=2), relu, pool,
            nn.Conv2d(a, b, 5, padding=2), relu, pool,
            nn.Conv2d(b, c, 3, padding=1), relu,
            nn.Conv2d(c, d, 3, padding=1), relu,
            nn.Conv2d(d, e, 3, padding=1), relu, pool,
        )
        self.avgpool = nn.AdaptiveAvgPool2d((6, 6))
        self.classifier = nn.Sequential(
            nn.Dropout(0), nn.Linear(e * 36, HIDDEN), nn.ReLU(inplace=True),
            nn.Dropout(0), nn.Linear(HIDDEN, HIDDEN), nn.ReLU(inplace=True),
            nn.Linear(HIDDEN, CLASSES),
        )


def endpoints(model):
    convolutions = {f"features.{i}": module for i, module in enumerate(model.features) if isinstance(module, nn.Conv2d)}
    return {**convolutions, "classifier.2": model.classifier[2], "classifier.5": model.classifier[5]}


# The features are 2x3 pixels, of which the adaptive pool makes 6x6.
config = {"channels": CHANNELS, "hidden": HIDDEN}
golden("alexnet", NarrowAlexNet, endpoints, (95, 127), 2, ["sgd3", "adamw3"], config, stored=False)
