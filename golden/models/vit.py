"""Reference runs of a narrow Vision Transformer with torchvision's structure and parameter names (see reference.py)."""
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent.parent))

import torch
from torchvision.models.vision_transformer import VisionTransformer, interpolate_embeddings

from reference import CLASSES, golden

SIZE, PATCH = 32, 8
WIDTHS = {"num_layers": 2, "num_heads": 2, "hidden_dim": 16, "mlp_dim": 32}


class AnySizeViT(VisionTransformer):
    """A VisionTransformer for images of `image_size`, whose position embedding is made for SIZE and interpolated on the way."""

    def __init__(self, image_size):
        super().__init__(image_size=SIZE, patch_size=PATCH, num_classes=CLASSES, **WIDTHS)
        self.image_size = image_size

    def forward(self, x):
        tokens = torch.cat([self.class_token.expand(len(x), -1, -1), self._process_input(x)], dim=1)
        learned = {"encoder.pos_embedding": self.encoder.pos_embedding}
        positions = interpolate_embeddings(self.image_size, PATCH, learned)["encoder.pos_embedding"]
        encoder = self.encoder
        return self.heads(encoder.ln(encoder.layers(encoder.dropout(tokens + positions)))[:, 0])


def build(image_size):
    model = AnySizeViT(image_size)
    with torch.no_grad():
        for name, value in model.named_parameters():
            # Zero or small at first: the head, the class token, the positions.
            if name.startswith(("heads", "class_token")) or name.endswith("pos_embedding"):
                value.normal_(0, 0.5)
    return model


def endpoints(model):
    layers = {f"encoder.layers.{name}": layer for name, layer in model.encoder.layers.named_children()}
    return {"embedding": model.encoder.dropout, **layers, "encoder.ln": model.encoder.ln}


# No AdamW: the gradient of the keys' biases is zero but for rounding, and AdamW makes whole steps of that.
for name, size in (("vit", SIZE), ("vit_larger", 40)):
    golden(name, lambda: build(size), endpoints, size, 2, ["sgd3"], {"image": SIZE, "patch": PATCH, **WIDTHS})
