"""Reference runs of narrow MobileNets with torchvision's structure and parameter names (see reference.py)."""
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent.parent))

from torch import nn
from torchvision.models.mobilenetv2 import MobileNetV2
from torchvision.models.mobilenetv3 import InvertedResidualConfig, MobileNetV3
from torchvision.ops.misc import Conv2dNormActivation

from reference import CLASSES, golden

# 26 px: every stride leaves a remainder, and there are still 4x4 pixels an image for the last statistics.
SIZE, IMAGES, LAST = 26, 4, 24


def endpoints(model):
    return {f"features.{i}": unit for i, unit in enumerate(model.features)}


def v2():
    stages = [[1, 8, 1, 1], [6, 8, 2, 2], [6, 16, 1, 2], [6, 8, 1, 1]]

    def build():
        model = MobileNetV2(CLASSES, inverted_residual_setting=stages, dropout=0)
        # torchvision fixes the widths of the first and of the last convolution.
        model.features[0] = Conv2dNormActivation(3, 8, stride=2, activation_layer=nn.ReLU6)
        model.features[1] = type(model.features[1])(8, 8, 1, 1)
        model.features[-1] = Conv2dNormActivation(8, LAST, 1, activation_layer=nn.ReLU6)
        model.classifier[1] = nn.Linear(LAST, CLASSES)
        return model

    config = {"stem": 8, "stages": stages, "last": LAST}
    golden("mobilenet_v2", build, endpoints, SIZE, IMAGES, ["sgd3"], config, floor=1e-3)


def v3():
    # Kernel, expanded, channels, squeeze-and-excitation, activation, stride.
    rows = [
        [3, 8, 8, "SE", "RE", 1],
        [3, 24, 8, "", "RE", 2],
        [3, 16, 8, "", "RE", 1],
        [5, 24, 16, "SE", "HS", 2],
        [5, 40, 16, "SE", "HS", 1],
        [3, 24, 8, "", "HS", 2],
    ]

    def build():
        channels, setting = 8, []
        for kernel, expanded, out, squeeze, activation, stride in rows:
            setting.append(InvertedResidualConfig(channels, kernel, expanded, out, squeeze == "SE", activation, stride, 1, 1))
            channels = out
        return MobileNetV3(setting, LAST, CLASSES, dropout=0)

    config = {"stem": 8, "rows": rows, "features": LAST, "batchNorm": {"momentum": 0.01, "epsilon": 1e-3}}
    everything = lambda model: {**endpoints(model), "classifier.1": model.classifier[1]}
    golden("mobilenet_v3", build, everything, SIZE, IMAGES, ["sgd3"], config, floor=1e-3)


v2()
v3()
