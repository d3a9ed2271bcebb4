"""Writes resize.safetensors: what Pillow's and torchvision's bilinear and bicubic resize make of small images.

Run with Pillow >= 9 and torchvision >= 0.14: /usr/bin/python3 golden/resize.py
Tensors per case: <case>.input u8 (h, w, 3) and <case>.output u8 (h, w, 3). The metadata holds, as JSON, `boxes` (case -> left, top,
right, bottom in source pixels) for the resizes and `views` (case -> resize, crop) for the evaluation views.
Each is there twice, as <case> and <case>, bicubic; the inputs of the latter are those of the former.
"""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors_writer import write
from torchvision import transforms

RESIZES = {  # name: source (w, h), target (w, h), box
    "identity": ((17, 13), (17, 13), None),
    "down": ((64, 48), (28, 28), None),
    "up": ((24, 18), (40, 44), None),
    "odd": ((61, 47), (33, 29), None),
    "far down": ((150, 101), (7, 5), None),
    "crop": ((64, 48), (28, 28), (11, 5, 50, 41)),
    "fractional crop": ((64, 48), (31, 27), (7.25, 3.5, 40.125, 45.75)),
    "tiny crop": ((40, 40), (24, 24), (17, 21, 20, 23)),
    "wide": ((300, 4), (20, 20), None),
    "tall": ((4, 300), (20, 20), None),
    "one pixel out": ((37, 29), (1, 1), None),
    "edges": ((50, 50), (24, 24), None),
}

VIEWS = {  # name: source (w, h), resize, crop
    "view landscape": ((80, 60), 48, 40),
    "view portrait": ((61, 83), 41, 32),
    "view odd remainder": ((67, 50), 37, 28),
    "view up": ((30, 23), 48, 40),
    "view padded": ((50, 40), 24, 35),
}


def image(width, height, seed, hard):
    """Smooth colour waves with noise on top; `hard` is black and white noise, where rounding shows most."""
    random = np.random.default_rng(seed)
    if hard:
        return (random.integers(0, 2, (height, width, 3)) * 255).astype(np.uint8)
    y, x, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(3), indexing="ij")
    waves = 127 + 90 * np.sin(x / (5.0 + c) + c) * np.cos(y / (7.0 - c))
    return np.clip(waves + random.normal(0, 25, waves.shape), 0, 255).astype(np.uint8)


MODES = {
    "": (Image.Resampling.BILINEAR, transforms.InterpolationMode.BILINEAR),
    ", bicubic": (Image.Resampling.BICUBIC, transforms.InterpolationMode.BICUBIC),
}

tensors, boxes, views = {}, {}, {}


def add(name, source, output):
    if not name.endswith("bicubic"):
        tensors[f"{name}.input"] = torch.from_numpy(np.array(source))
    tensors[f"{name}.output"] = torch.from_numpy(np.array(output))


for suffix, (resampling, interpolation) in MODES.items():
    for seed, (name, (source, target, box)) in enumerate(RESIZES.items()):
        image = Image.fromarray(image(*source, seed, hard=name == "edges"))
        add(name + suffix, image, image.resize(target, resampling, box=box))
        boxes[name + suffix] = box or (0, 0, *source)

    for seed, (name, (source, resize, crop)) in enumerate(VIEWS.items()):
        image = Image.fromarray(image(*source, 100 + seed, hard=False))
        view = transforms.Compose([transforms.Resize(resize, interpolation), transforms.CenterCrop(crop)])
        add(name + suffix, image, view(image))
        views[name + suffix] = (resize, crop)

write(Path(__file__).with_suffix(".safetensors"), tensors, {"boxes": boxes, "views": views})
