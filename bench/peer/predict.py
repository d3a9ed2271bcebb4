"""From files to labels with PyTorch: predict.py RUN IMAGE… prints the class of each image as a line of JSON.

RUN is a run folder of `graft train` with SqueezeNet 1.1: its weights have PyTorch's names.
"""

import json
import sys
from pathlib import Path

import torch
from PIL import Image
from speed_side import read_safetensors
from torchvision import models, transforms

run, *paths = sys.argv[1:]
classes = json.loads((Path(run) / "run.json").read_text())["classes"]
tensors, _ = read_safetensors(Path(run) / "best.safetensors")
model = models.squeezenet1_1(num_classes=len(classes)).eval()
model.load_state_dict({name: tensors[name] for name in model.state_dict()})
preprocess = transforms.Compose(
    [
        transforms.Resize(256),
        transforms.CenterCrop(224),
        transforms.ToTensor(),
        transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
    ]
)
labels = []
with torch.inference_mode():
    for first in range(0, len(paths), 16):
        batch = torch.stack([preprocess(Image.open(path).convert("RGB")) for path in paths[first : first + 16]])
        labels += [classes[index] for index in model(batch).argmax(1).tolist()]
print(json.dumps(labels))
