"""The state_dict of torchvision's full-size models, in order, and what is random in training.

    /usr/bin/python3 golden/names.py        writes golden/model-names.json.gz

{model: {"variables": [[name, shape], ...], "parameters": count, "dropout": [p, ...], "stochasticDepth": [p, ...]}}
"""
import gzip
import sys
from pathlib import Path

sys.dont_write_bytecode = True

import torch
import torchvision
from torch import nn
from torchvision.ops import StochasticDepth

import safetensors_writer

NAMES = """
    alexnet
    vgg11 vgg11_bn vgg13 vgg13_bn vgg16 vgg16_bn vgg19 vgg19_bn
    resnet18 resnet34 resnet50 resnet101 resnet152 resnext50_32x4d wide_resnet50_2
    inception_v3 inception_v3_no_aux
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


def random_layers(model, size):
    """The probabilities of the layers that a forward pass in training mode comes by, in its order: a block without a shortcut
    has a StochasticDepth in torchvision, but does not use it; one with two branches uses its own twice."""
    probabilities = {nn.Dropout: [], StochasticDepth: []}
    for module in model.modules():
        if type(module) in probabilities and module.p > 0:
            module.register_forward_hook(lambda module, _inputs, _output: probabilities[type(module)].append(module.p))
    with torch.no_grad():
        model.train()(torch.zeros(2, 3, size, size))
    return {"dropout": probabilities[nn.Dropout], "stochasticDepth": probabilities[StochasticDepth]}


def describe(model, size):
    return {
        "variables": [[name, list(value.shape)] for name, value in model.state_dict().items()],
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        **random_layers(model, size),
    }


# What is not a name of torchvision's stands for one of its options.
VARIANTS = {
    "inception_v3": ("inception_v3", {"init_weights": False}, 299),
    "inception_v3_no_aux": ("inception_v3", {"init_weights": False, "aux_logits": False}, 299),
}
written = {}
for name in NAMES:
    builder, options, size = VARIANTS.get(name, (name, {}, 224))
    written[name] = describe(getattr(torchvision.models, builder)(weights=None, **options), size)
data = gzip.compress((safetensors_writer.compact(written) + "\n").encode(), 9, mtime=0)
(Path(__file__).parent / "model-names.json.gz").write_bytes(data)
print(f"model-names.json.gz: {len(written)} models, {len(data)} bytes")
