"""The state_dict of torchvision's full-size models, in order, and what is random in training.

    /usr/bin/python3 golden/names.py        writes golden/model-names.json.gz

{model: {"variables": [[name, shape], ...], "parameters": count, "dropout": [p, ...], "stochasticDepth": [p, ...]}}
"""
import gzip
import sys
from pathlib import Path

sys.dont_write_bytecode = True

import torchvision
from torch import nn
from torchvision.ops import StochasticDepth

import safetensors_writer

NAMES = """
    alexnet
    vgg11 vgg11_bn vgg13 vgg13_bn vgg16 vgg16_bn vgg19 vgg19_bn
    resnet18 resnet34 resnet50 resnet101 resnet152 resnext50_32x4d wide_resnet50_2
    inception_v3
    densenet121 densenet161 densenet169 densenet201
    mobilenet_v2 mobilenet_v3_small mobilenet_v3_large
    efficientnet_b0 efficientnet_b1 efficientnet_b2 efficientnet_b3
    efficientnet_b4 efficientnet_b5 efficientnet_b6 efficientnet_b7 efficientnet_v2_s
    convnext_tiny convnext_small convnext_base convnext_large
    vit_b_16 vit_b_32 vit_l_16
    swin_t
    regnet_y_400mf regnet_y_800mf
    squeezenet1_0 squeezenet1_1
""".split()


def describe(model):
    random = {
        key: [module.p for module in model.modules() if isinstance(module, kind) and module.p > 0]
        for key, kind in (("dropout", nn.Dropout), ("stochasticDepth", StochasticDepth))
    }
    return {
        "variables": [[name, list(value.shape)] for name, value in model.state_dict().items()],
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        **random,
    }


written = {}
for name in NAMES:
    options = {"init_weights": False} if name == "inception_v3" else {}
    written[name] = describe(getattr(torchvision.models, name)(weights=None, **options))
data = gzip.compress((safetensors_writer.compact(written) + "\n").encode(), 9, mtime=0)
(Path(__file__).parent / "model-names.json.gz").write_bytes(data)
print(f"model-names.json.gz: {len(written)} models, {len(data)} bytes")
