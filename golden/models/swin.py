"""Reference runs of narrow Swin Transformers with torchvision's structure and parameter names (see reference.py)."""
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent.parent))

import torch
from torchvision.models.swin_transformer import SwinTransformer

from reference import CLASSES, Masked, golden


def build(**widths):
    model = SwinTransformer([4, 4], window_size=[3, 3], num_classes=CLASSES, stochastic_depth_prob=0.0, **widths)
    with torch.no_grad():
        for name, value in model.named_parameters():
            # Of the size that training gives them, not 0.02.
            if name.endswith("relative_position_bias_table"):
                value.normal_(0, 0.5)
            elif value.ndim == 2:
                value.normal_(0, value.shape[1] ** -0.5)
    return model


def endpoints(model):
    stages = range(1, len(model.features), 2)
    units = {f"features.{i}.{k}": block for i in stages for k, block in enumerate(model.features[i])}
    return {f"features.{i}": part for i, part in enumerate(model.features)} | units | {"norm": model.norm, "avgpool": model.avgpool}


# Maps of 7x5 pixels (padded to whole windows, shifted), 4x3 (shifted downwards only) and 2x2 (one window, no shift).
# No AdamW: the gradient of the keys' biases is zero but for rounding, and AdamW makes whole steps of that.
three = {"embed_dim": 4, "depths": [2, 2, 2], "num_heads": [1, 2, 4]}
golden("swin", lambda: build(**three), endpoints, (28, 20), 2, ["sgd3"], three)

two = {"embed_dim": 4, "depths": [2, 2], "num_heads": [1, 2]}
LAST = 0.6  # the last block's probability; those before have 0, 1/3 and 2/3 of it
noise = {
    f"features.{stage}.{k}.stochastic_depth.{branch}.mask": torch.tensor(kept, dtype=torch.uint8).reshape(3, 1, 1, 1)
    for (stage, k, branch), kept in {
        (1, 1, "attn"): [1, 0, 1], (1, 1, "mlp"): [1, 1, 0],
        (3, 0, "attn"): [0, 1, 1], (3, 0, "mlp"): [1, 0, 0],
        (3, 1, "attn"): [0, 1, 0], (3, 1, "mlp"): [0, 1, 1],
    }.items()
}


def build_masked():
    model = build(**two)
    for i, (stage, k) in enumerate([(1, 1), (3, 0), (3, 1)], start=1):
        masks = [noise[f"features.{stage}.{k}.stochastic_depth.{branch}.mask"] for branch in ("attn", "mlp")]
        model.features[stage][k].stochastic_depth = Masked(masks, LAST * i / 3)
    return model


golden("swin_stochastic", build_masked, endpoints, 16, 3, ["sgd3"], {**two, "stochasticDepth": LAST}, noise)
