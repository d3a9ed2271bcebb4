"""Reference runs of narrow ResNets with torchvision's structure and parameter names (see reference.py)."""
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent.parent))

from torch import nn
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

from reference import CLASSES, golden


class NarrowResNet(ResNet):
    """torchvision's ResNet with `width` channels in place of 64."""

    def __init__(self, block, layers, width, groups=1, width_per_group=64):
        nn.Module.__init__(self)
        self._norm_layer, self.inplanes, self.dilation = nn.BatchNorm2d, width, 1
        self.groups, self.base_width = groups, width_per_group
        self.conv1 = nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, padding=1)
        for i, blocks in enumerate(layers):
            setattr(self, f"layer{i + 1}", self._make_layer(block, width * 2**i, blocks, stride=1 if i == 0 else 2))
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(width * 8 * block.expansion, CLASSES)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


def endpoints(model):
    stages = ("maxpool", "layer1", "layer2", "layer3", "layer4", "avgpool")
    return {"stem": model.relu, **{name: getattr(model, name) for name in stages}}


def resnet(name, block, width, optimizers, stored=True, **cardinality):
    # 36 px: the stem leaves a remainder (18), and layer4 still has 2x2 pixels an image to take statistics of.
    layers = [1, 1, 1, 1]
    config = {
        "model": name, "block": block.__name__, "layers": layers, "width": width, "expansion": block.expansion,
        **cardinality,
        "batchNorm": {"momentum": 0.1, "epsilon": 1e-5},
    }
    golden(name, lambda: NarrowResNet(block, layers, width, **cardinality), endpoints, 36, 4, optimizers, config, stored=stored)


resnet("resnet_basic", BasicBlock, 8, ["sgd3", "nesterov3", "adamw3"])
resnet("resnet_bottleneck", Bottleneck, 4, ["sgd3", "adamw3"])
resnet("resnet_grouped", Bottleneck, 2, ["sgd3"], stored=False, groups=2, width_per_group=96)
