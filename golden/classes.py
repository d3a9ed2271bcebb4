"""Writes the names of ImageNet-1k's classes, in the order of every torchvision classifier's outputs, one a line."""

from pathlib import Path

from torchvision.models._meta import _IMAGENET_CATEGORIES

path = Path(__file__).parent.parent / "packages" / "graft-ml" / "assets" / "imagenet1k_classes.txt"
path.write_text("".join(f"{name}\n" for name in _IMAGENET_CATEGORIES))
