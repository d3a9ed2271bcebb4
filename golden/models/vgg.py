"""Reference runs of narrow VGGs with torchvision's structure and parameter names (see reference.py)."""
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent.parent))

from torch import nn
from torchvision.models.vgg import VGG, cfgs, make_layers

from reference import CLASSES, golden

DIVISOR, HIDDEN = 32, 8


class NarrowVGG(VGG):
    """torchvision's VGG with fewer channels, and no dropout."""

    def __init__(self, layers, batch_norm):
        nn.Module.__init__(self)
        self.features = make_layers([width if width == "M" else width // DIVISOR for width in cfgs[layers]], batch_norm)
        self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
        self.classifier = nn.Sequential(
            nn.Linear(512 // DIVISOR * 49, HIDDEN), nn.ReLU(inplace=True), nn.Dropout(0),
            nn.Linear(HIDDEN, HIDDEN), nn.ReLU(inplace=True), nn.Dropout(0),
            nn.Linear(HIDDEN, CLASSES),
        )
        for module in self.features.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


def endpoints(model):
    """Every pool, the layers of the last stage, and the hidden layers."""
    features = {f"features.{i}": module for i, module in enumerate(model.features)}
    pools = {name: module for name, module in features.items() if isinstance(module, nn.MaxPool2d)}
    last = dict(list(features.items())[-4:])
    return {**pools, **last, "classifier.1": model.classifier[1], "classifier.4": model.classifier[4]}


def vgg(name, layers, batch_norm, size, zero=()):
    config = {"layers": layers, "batchNorm": batch_norm, "widthDivisor": DIVISOR, "hidden": HIDDEN}
    golden(name, lambda: NarrowVGG(layers, batch_norm), endpoints, size, 2, ["sgd3"], config, stored=False, zero=zero)


vgg("vgg", "A", False, (40, 72))
# A batch norm removes the bias of the convolution before it.
biases = [f"features.{i}.bias" for i, module in enumerate(NarrowVGG("B", True).features) if isinstance(module, nn.Conv2d)]
vgg("vgg_bn", "B", True, (64, 64), biases)
