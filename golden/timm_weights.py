"""Writes packages/core/src/weights/registry/timm.ts: what timm says of its weights for the zoo's architectures. Needs timm 1.0.

    python3 golden/timm_weights.py results-imagenet.csv

The file with the accuracies, one line for each checkpoint and image size, is timm's own: results/ in its repository.
"""
import csv
import math
import sys
from pathlib import Path

sys.dont_write_bytecode = True

# timm's models that compute what one of the zoo's does: the same graph, strides, padding, activations and epsilons. Found among
# all of timm's by the sizes of their parameters, then compared by their logits. The sizes alone also fit, and are left out:
# tf_* (padding and epsilon of TensorFlow), convnext_tiny_hnf (normalises before pooling), flexivit_* (no position for the class
# token), resnetaa50 and resnetblur50 (antialiased strides).
ARCHITECTURES = {
    "vgg11": "vgg11", "vgg11_bn": "vgg11_bn", "vgg13": "vgg13", "vgg13_bn": "vgg13_bn",
    "vgg16": "vgg16", "vgg16_bn": "vgg16_bn", "vgg19": "vgg19", "vgg19_bn": "vgg19_bn",
    "resnet18": "resnet18", "resnet34": "resnet34", "resnet50": "resnet50", "resnet101": "resnet101",
    "resnet152": "resnet152", "resnext50_32x4d": "resnext50_32x4d", "wide_resnet50_2": "wide_resnet50_2",
    "inception_v3": "inception_v3_no_aux",
    "densenet121": "densenet121", "densenet161": "densenet161", "densenet169": "densenet169", "densenet201": "densenet201",
    "mobilenetv2_100": "mobilenet_v2",
    "mobilenetv3_small_100": "mobilenet_v3_small_timm", "mobilenetv3_large_100": "mobilenet_v3_large_timm",
    "efficientnet_b0": "efficientnet_b0", "efficientnet_b1": "efficientnet_b1", "efficientnet_b2": "efficientnet_b2",
    "efficientnet_b3": "efficientnet_b3", "efficientnet_b4": "efficientnet_b4", "efficientnet_b5": "efficientnet_b5_timm",
    "regnety_004": "regnet_y_400mf", "regnety_008_tv": "regnet_y_800mf",
    "convnext_tiny": "convnext_tiny", "convnext_small": "convnext_small", "convnext_base": "convnext_base",
    "convnext_large": "convnext_large",
    "vit_base_patch16_224": "vit_b_16", "deit_base_patch16_224": "vit_b_16",
    "vit_base_patch16_384": "vit_b_16_384", "deit_base_patch16_384": "vit_b_16_384",
    "vit_base_patch32_224": "vit_b_32", "vit_base_patch32_384": "vit_b_32_384",
    "vit_large_patch16_224": "vit_l_16", "vit_large_patch16_384": "vit_l_16_384",
    "swin_tiny_patch4_window7_224": "swin_t",
}

# Of inception_v3's files only this one holds the auxiliary head.
AUXILIARY = "inception_v3.tv_in1k"

# Towers of CLIP: their head is a projection and no classifier.
PROJECTION = 640

LICENCES = {
    "apache-2.0": "Apache-2.0", "bsd-3-clause": "BSD-3-Clause", "cc-by-nc-4.0": "CC-BY-NC-4.0", "mit": "MIT",
    "dinov3-license": "LicenseRef-DINOv3", "fair-noncommercial-research-license": "LicenseRef-FAIR-Noncommercial-Research",
    None: None,
}
# Under the names that timm.ts has for them. The other checkpoints' source is their own page on the hub.
SOURCES = {
    "arXiv:2110.00476": "resnetStrikesBack",
    "arXiv:2104.10972v4": "imageNet21k",
    "arXiv:2203.07845": "bamboo",
    "https://github.com/pytorch/vision": "torchvision",
    "https://github.com/facebookresearch/pycls": "pycls",
    "https://github.com/facebookresearch/semi-supervised-ImageNet1K-models": "semiSupervised",
    "https://cv.gluon.ai/model_zoo/classification.html": "gluon",
}
NORMALISATIONS = {
    ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)): "imageNet",
    ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)): "half",
    ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)): "clip",
    ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)): "none",
}


def measurements(path):
    with open(path) as file:
        rows = list(csv.DictReader(file))
    found = {}
    for row in rows:
        key = (row["model"], int(row["img_size"]), float(row["crop_pct"]), row["interpolation"])
        found[key] = (float(row["top1"]), float(row["top5"]))
    return found


def views(config):
    """The image sizes and crops a checkpoint is meant for: in timm's test and in its training."""
    test = config.test_input_size or config.input_size, config.test_crop_pct or config.crop_pct
    return [(size[1], crop) for size, crop in (test, (config.input_size, config.crop_pct))]


def row(name, config, parameters, measured):
    known = [(measured[key], view) for view in views(config) if (key := (name, *view, config.interpolation)) in measured]
    # The view with the better accuracy; in all but one case it is that of the test.
    (top1, top5), (size, crop) = max(known) if known else ((None, None), views(config)[0])
    assert known or config.num_classes != 1000, name
    normalisation = NORMALISATIONS[(tuple(config.mean), tuple(config.std))]
    assert config.hf_hub_id == f"timm/{name}" and config.hf_hub_filename is None, name
    architecture = "inception_v3" if name == AUXILIARY else ARCHITECTURES[name.split(".")[0]]
    return [
        name, architecture, config.num_classes, parameters, top1, top5, math.floor(size / crop), config.crop_mode, size, config.interpolation,
        normalisation, LICENCES[config.license], SOURCES.get(config.paper_ids or config.origin_url, "hub"),
    ]


def count(model, config):
    import timm
    import torch

    options = {"aux_logits": True} if f"{model}.{config.tag}" == AUXILIARY else {}
    with torch.device("meta"):
        network = timm.create_model(model, num_classes=config.num_classes, **options)
    return sum(parameter.numel() for parameter in network.parameters())


def rows(measured):
    """Those of one architecture together, classifiers of ImageNet-1k first, else in timm's order of preference."""
    import timm
    from timm.models import _registry

    for architecture in dict.fromkeys(ARCHITECTURES.values()):
        found = []
        for model in (key for key, value in ARCHITECTURES.items() if value == architecture):
            for tag in _registry._model_default_cfgs[model].tags:
                config = timm.get_pretrained_cfg(f"{model}.{tag}")
                if config.has_weights and config.num_classes != PROJECTION:
                    found.append(row(f"{model}.{tag}", config, count(model, config), measured))
        yield from sorted(found, key=lambda row: row[2] != 1000)


def literal(value):
    if value is None:
        return "null"
    if isinstance(value, str):
        return f"'{value}'"
    return f"{value:_}" if value >= 10_000 else f"{value}"


def main(accuracies):
    path = Path(__file__).parent.parent / "packages" / "core" / "src" / "weights" / "registry" / "timm.ts"
    before, rest = path.read_text().split(BEGIN)
    _, after = rest.split(END, 1)
    lines = [f"  [{', '.join(map(literal, row))}],\n" for row in rows(measurements(accuracies))]
    path.write_text(before + BEGIN + "".join(lines) + END + after)
    print(f"{path}: {len(lines)} checkpoints")


BEGIN, END = "const rows: readonly Row[] = [\n", "];\n"

if __name__ == "__main__":
    main(sys.argv[1])
