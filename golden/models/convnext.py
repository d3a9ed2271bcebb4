"""Reference run of a narrow ConvNeXt with torchvision's structure and parameter names (see reference.py)."""
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent.parent))

import torch
from torchvision.models.convnext import CNBlockConfig, ConvNeXt

from reference import CLASSES, golden

STAGES = [(4, 1), (8, 1), (12, 2), (16, 1)]  # channels, blocks


def build():
    following = [channels for channels, _ in STAGES[1:]] + [None]
    settings = [CNBlockConfig(channels, after, blocks) for (channels, blocks), after in zip(STAGES, following)]
    model = ConvNeXt(settings, num_classes=CLASSES)
    with torch.no_grad():
        for name, value in model.named_parameters():
            # Of the size that training gives them: from 1e-6 and 0.02 the blocks would do next to nothing.
            if name.endswith("layer_scale"):
                value.uniform_(0.3, 1)
            elif value.ndim > 1:
                value.normal_(0, value[0].numel() ** -0.5)
    return model


def endpoints(model):
    units = {f"features.{i}.{k}": block for i in (1, 3, 5, 7) for k, block in enumerate(model.features[i])}
    return {f"features.{i}": part for i, part in enumerate(model.features)} | units | {"avgpool": model.avgpool}


# 44 px: 11, then 5 and 2 pixels a side, each with a remainder, and at the end a single one.
golden("convnext", build, endpoints, 44, 2, ["sgd3", "adamw3"], {"stages": STAGES})
