"""Writes packages/core/src/weights/registry/torchvision.ts: what torchvision says of its ImageNet-1k weights. Needs torchvision 0.29."""

import re
from pathlib import Path

from torchvision.models import get_model_weights

ARCHITECTURES = """
    alexnet vgg11 vgg13 vgg16 vgg19 vgg11_bn vgg13_bn vgg16_bn vgg19_bn
    squeezenet1_0 squeezenet1_1
    resnet18 resnet34 resnet50 resnet101 resnet152 resnext50_32x4d wide_resnet50_2
    inception_v3 densenet121 densenet161 densenet169 densenet201
    mobilenet_v2 mobilenet_v3_small mobilenet_v3_large
    efficientnet_b0 efficientnet_b1 efficientnet_b2 efficientnet_b3
    efficientnet_b4 efficientnet_b5 efficientnet_b6 efficientnet_b7 efficientnet_v2_s
    convnext_tiny convnext_small convnext_base convnext_large
    vit_b_16 vit_b_32 vit_l_16 swin_t regnet_y_400mf regnet_y_800mf
""".split()

# A detector's backbone: its classifier is filled with NaN.
LEFT_OUT = {"VGG16_Weights.IMAGENET1K_FEATURES"}

# The one licence that torchvision states for weights rather than for the package (its README, "Pre-trained Model License").
LICENCES = {None: "BSD-3-Clause", "https://github.com/facebookresearch/SWAG/blob/main/LICENSE": "CC-BY-NC-4.0"}

# Vision transformers that were fine-tuned on larger images have more position embeddings: torchvision's
# vit_b_16(image_size=384) is a model of its own in the zoo.
ENLARGED = {(384, 384), (512, 512)}

path = Path(__file__).parent.parent / "packages" / "core" / "src" / "weights" / "registry" / "torchvision.ts"


IMAGENET = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
GITHUB = "https://github.com/"
FILE = r"https://download\.pytorch\.org/models/(.*)-([0-9a-f]{8})\.pth"

BEGIN = "const rows: readonly Row[] = [\n"
END = """/** torchvision's weights for ImageNet-1k. */
export const torchvisionWeights: readonly WeightsEntry[] = rows.map(entry);
"""


def entry(architecture, weights):
    meta, (file, digits) = weights.meta, re.fullmatch(FILE, weights.url).groups()
    name = f"{architecture}.{weights.name.lower()}"
    if meta["min_size"] in ENLARGED:
        architecture += f"_{meta['min_size'][0]}"
    accuracy = meta["_metrics"]["ImageNet-1K"]
    transforms = weights.transforms()
    (resize,), (crop,) = transforms.resize_size, transforms.crop_size
    assert (transforms.mean, transforms.std) == IMAGENET
    # The published weights of inception_v3 come with transform_input, by which the model turns this normalisation into
    # (x - 0.5) / 0.5 itself. Graft's has no such step, so the preprocessing says it directly.
    normalisation = "half" if architecture == "inception_v3" else "imageNet"
    columns = [
        f"'{name}', '{architecture}', '{file}', '{digits}', {meta['_file_size']}, {meta['num_params']:_}",
        f"{accuracy['acc@1']}, {accuracy['acc@5']}, {resize}, {crop}, '{transforms.interpolation.value}'",
        f"'{normalisation}', '{LICENCES[meta.get('license')]}', '{meta['recipe'].removeprefix(GITHUB)}'",
    ]
    return f"  [{', '.join(columns)}],\n"


def entries(architecture):
    enum = get_model_weights(architecture)
    chosen = [weights for weights in enum if str(weights) not in LEFT_OUT]
    chosen.sort(key=lambda weights: weights is not enum.DEFAULT)  # the default first
    return "".join(entry(architecture, weights) for weights in chosen)


# The rows alone are written anew; what makes entries of them stays.
head, _ = path.read_text().split(BEGIN)
path.write_text(head + BEGIN + "".join(map(entries, ARCHITECTURES)) + "];\n\n" + END)
