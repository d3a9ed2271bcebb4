"""Writes mixing.safetensors: mixup and cutmix of a small batch as torchvision's v2 transforms do them, and the loss on mixed labels.

Run with torch 1.13: /usr/bin/python3 golden/mixing.py
Tensors: input u8 (n, 3, h, w); mixup/<share> f32, not rounded; cutmix/<share>,<x>,<y> u8, x and y the centre of the box; logits
(n, classes), labels (n) and, for each share, loss/<share> and gradient/<share> of the logits with label smoothing 0.1.
`boxes` in the metadata holds, as JSON, cutmix case -> [left, top, right, bottom, the share that is left].
"""

import math
from pathlib import Path

import torch
from safetensors_writer import write
from torch.nn.functional import cross_entropy, one_hot

generator = torch.Generator().manual_seed(1)
N, HEIGHT, WIDTH, CLASSES = 4, 8, 10, 5
images = torch.randint(0, 256, (N, 3, HEIGHT, WIDTH), generator=generator, dtype=torch.uint8)
labels = torch.tensor([3, 0, 0, 4])
tensors = {"input": images, "labels": labels}
boxes = {}

for share in (0.0, 0.31, 0.5, 0.875):
    values = images.double()
    tensors[f"mixup/{share}"] = values.roll(1, 0).mul(1 - share).add(values.mul(share))

for share, x, y in ((0.2, 5, 4), (0.5, 0, 7), (0.91, 9, 0), (1.0, 3, 3), (0.0, 4, 4)):
    reach = 0.5 * math.sqrt(1 - share)
    half_width, half_height = int(reach * WIDTH), int(reach * HEIGHT)
    left, top = max(x - half_width, 0), max(y - half_height, 0)
    right, bottom = min(x + half_width, WIDTH), min(y + half_height, HEIGHT)
    mixed = images.clone()
    mixed[..., top:bottom, left:right] = images.roll(1, 0)[..., top:bottom, left:right]
    tensors[f"cutmix/{share},{x},{y}"] = mixed
    boxes[f"{share},{x},{y}"] = [left, top, right, bottom, 1 - (right - left) * (bottom - top) / (WIDTH * HEIGHT)]

logits = torch.randn((N, CLASSES), generator=generator, dtype=torch.float64)
tensors["logits"] = logits
for share in (0.31, 0.875):
    target = one_hot(labels, CLASSES).double()
    target = target.roll(1, 0).mul(1 - share).add(target.mul(share))
    leaf = logits.clone().requires_grad_()
    loss = cross_entropy(leaf, target, label_smoothing=0.1)
    loss.backward()
    tensors[f"loss/{share}"] = loss
    tensors[f"gradient/{share}"] = leaf.grad

write(Path(__file__).with_suffix(".safetensors"), tensors, {"boxes": boxes})
