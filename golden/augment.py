"""Writes augment.safetensors: what torchvision's operations on u8 tensors make of small images, and its tables of policies.

Run with torchvision 0.14: /usr/bin/python3 golden/augment.py
Tensors: input.<image> u8 (3, h, w), and <operation>/<arguments>/<image> u8 (3, h, w), the arguments with commas between
them. `spaces` in the metadata holds, as JSON, the magnitudes of RandAugment, TrivialAugmentWide and AutoAugment for images of
224 x 160: policy -> operation -> [magnitudes, signed]; `policies` those of AutoAugment on ImageNet.
"""

from pathlib import Path

import numpy as np
import torch
from safetensors_writer import write
from torchvision.transforms import AutoAugment, InterpolationMode, RandAugment, TrivialAugmentWide
from torchvision.transforms import functional as F
from torchvision.transforms.autoaugment import _apply_op

FILL = [124.0, 116.0, 104.0]


def waves(height, width, seed):
    """Smooth colour waves with noise on top."""
    random = np.random.default_rng(seed)
    c, y, x = np.meshgrid(np.arange(3), np.arange(height), np.arange(width), indexing="ij")
    smooth = 120 + 80 * np.sin(x / (3.0 + c) + c) * np.cos(y / (5.0 - c))
    return torch.from_numpy(np.clip(smooth + random.normal(0, 20, smooth.shape), 0, 255).astype(np.uint8))


def noise(height, width, seed):
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 256, (3, height, width)).astype(np.uint8))


def flat():
    """One channel of one brightness, one of two, one of all: what stretching must not stumble over."""
    ramp = torch.arange(20 * 16).reshape(20, 16) % 256
    return torch.stack([torch.full((20, 16), 77), 10 + 200 * (ramp % 2), ramp]).to(torch.uint8)


IMAGES = {"waves": waves(21, 26, 1), "noise": noise(24, 24, 2), "flat": flat(), "narrow": noise(2, 5, 3)}

NEAREST, BILINEAR = InterpolationMode.NEAREST, InterpolationMode.BILINEAR


def automatic(name, mode):
    return lambda image, magnitude: _apply_op(image, name, magnitude, mode, FILL)


def erase(image, left, top, width, height):
    colour = torch.tensor(FILL).to(torch.uint8)[:, None, None]
    return F.erase(image, int(top), int(left), int(height), int(width), colour)


OPERATIONS = {  # name: (function, arguments of each case)
    "rotate nearest": (lambda image, angle: F.rotate(image, angle, NEAREST, fill=FILL), [(10,), (-33.3,), (90,), (180,)]),
    "rotate bilinear": (lambda image, angle: F.rotate(image, angle, BILINEAR, fill=FILL), [(10,), (-33.3,), (90,), (135,)]),
    "shear x nearest": (automatic("ShearX", NEAREST), [(0.3,), (-0.99,)]),
    "shear x bilinear": (automatic("ShearX", BILINEAR), [(0.3,), (-0.99,)]),
    "shear y bilinear": (automatic("ShearY", BILINEAR), [(0.17,), (-0.3,)]),
    "translate x nearest": (automatic("TranslateX", NEAREST), [(4,)]),
    "translate x bilinear": (automatic("TranslateX", BILINEAR), [(4,), (-7,)]),
    "translate y bilinear": (automatic("TranslateY", BILINEAR), [(1,), (-30,)]),
    "flip vertically": (F.vflip, [()]),
    "brightness": (F.adjust_brightness, [(0,), (0.63,), (1,), (1.9,)]),
    "contrast": (F.adjust_contrast, [(0,), (0.1,), (0.77,), (1.9,)]),
    "saturation": (F.adjust_saturation, [(0,), (0.55,), (1.99,)]),
    "hue": (F.adjust_hue, [(-0.5,), (-0.13,), (0,), (0.1,), (0.37,)]),
    "greyscale": (lambda image: F.rgb_to_grayscale(image, 3), [()]),
    "posterize": (F.posterize, [(2,), (4,), (7,), (8,)]),
    "solarize": (F.solarize, [(0,), (128,), (76.5,), (255,)]),
    "autocontrast": (F.autocontrast, [()]),
    "equalize": (F.equalize, [()]),
    "invert": (F.invert, [()]),
    "sharpness": (F.adjust_sharpness, [(0,), (0.1,), (1.99,)]),
    "blur": (lambda image, size, sigma: F.gaussian_blur(image, int(size), sigma), [(3, 0.5), (7, 1.1), (13, 2.0)]),
    "erase": (erase, [(3, 2, 7, 11), (0, 0, 1, 1)]),
}


def fits(operation, arguments, image):
    if image == "narrow":
        return operation in ("sharpness", "autocontrast", "equalize", "rotate bilinear")
    if operation.startswith("rotate") and arguments == (90,):
        return image == "noise"  # of another shape, every point lies halfway between two pixels
    return image != "flat" or operation in ("contrast", "autocontrast", "equalize", "hue", "solarize")


tensors = {f"input.{name}": image for name, image in IMAGES.items()}
for operation, (function, cases) in OPERATIONS.items():
    for arguments in cases:
        for image, image in IMAGES.items():
            if fits(operation, arguments, image):
                name = f"{operation}/{','.join(str(argument) for argument in arguments)}/{image}"
                tensors[name] = function(image, *arguments)


def space(magnitudes_of):
    return {
        operation: [magnitudes.tolist() if magnitudes.ndim else None, signed]
        for operation, (magnitudes, signed) in magnitudes_of.items()
    }


spaces = {
    "randaugment": space(RandAugment()._augmentation_space(31, (160, 224))),
    "trivialaugment": space(TrivialAugmentWide()._augmentation_space(31)),
    "autoaugment": space(AutoAugment()._augmentation_space(10, (160, 224))),
}
write(Path(__file__).with_suffix(".safetensors"), tensors, {"spaces": spaces, "policies": AutoAugment().policies})
