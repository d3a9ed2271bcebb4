"""A torchvision classifier in PyTorch eager: one training step, or one frozen forward pass, on random images."""

import argparse

import torch
import torchvision
from serve import serve

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--model", required=True)
parser.add_argument("--work", choices=["step", "forward"], required=True)
parser.add_argument("--optimizer", choices=["sgd", "adamw"], default="sgd")
parser.add_argument("--batch-size", type=int, required=True)
parser.add_argument("--size", type=int, required=True)
parser.add_argument("--threads", type=int, required=True)
options = parser.parse_args()

torch.manual_seed(0)
model = getattr(torchvision.models, options.model)(weights=None)
images = torch.randn(options.batch_size, 3, options.size, options.size)
labels = torch.arange(options.batch_size)


def forward():
    with torch.inference_mode():
        model(images)


def step():
    optimizer.zero_grad()
    loss = torch.nn.functional.cross_entropy(model(images), labels)
    loss.backward()
    optimizer.step()


if options.work == "forward":
    model.eval()
    serve(options.threads, forward)
else:
    model.train()
    optimizer = (
        torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
        if options.optimizer == "sgd"
        else torch.optim.AdamW(model.parameters(), lr=1e-4)
    )
    serve(options.threads, step)
