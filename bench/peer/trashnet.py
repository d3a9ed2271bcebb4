"""One run of transfer learning with PyTorch, as its tutorials do it, on a split that Graft wrote.

python3 trashnet.py --split split.json --weights squeezenet1_1.safetensors --strategy full --epochs 12 --seed 0
prints {"accuracy": best validation accuracy, "seconds": all of it, "epochSeconds": mean} as one line of JSON.
"""

import argparse
import json
import os
import random
import time

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset
from torchvision import models, transforms

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def read_safetensors(path):
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        body = file.read()
    tensors = {}
    for name, entry in header.items():
        if name != "__metadata__":
            start, end = entry["data_offsets"]
            array = np.frombuffer(body[start:end], dtype=np.float32).reshape(entry["shape"])
            tensors[name] = torch.from_numpy(array.copy())
    return tensors


class Images(Dataset):
    def __init__(self, entries, transform):
        self.entries, self.transform = entries, transform

    def __len__(self):
        return len(self.entries)

    def __getitem__(self, index):
        path, label = self.entries[index]
        return self.transform(Image.open(path).convert("RGB")), label


def accuracy_of(model, loader):
    model.eval()
    correct = count = 0
    with torch.inference_mode():
        for x, y in loader:
            correct += (model(x).argmax(1) == y).sum().item()
            count += len(y)
    return correct / count


def train(model, parameters, training, validation, epochs, first_step=False):
    rates = [group["lr"] for group in parameters]
    optimizer = torch.optim.AdamW(parameters, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rates, epochs=epochs, steps_per_epoch=len(training))
    loss_of = nn.CrossEntropyLoss()
    best, start = 0.0, time.perf_counter()
    for _ in range(epochs):
        model.train()
        for x, y in training:
            optimizer.zero_grad()
            loss_of(model(x), y).backward()
            optimizer.step()
            schedule.step()
            if first_step:
                os._exit(0)  # without waiting for what is read ahead
        best = max(best, accuracy_of(model, validation))
    return best, (time.perf_counter() - start) / epochs


def main():
    parser = argparse.ArgumentParser()
    for flag in ("split", "weights", "strategy"):
        parser.add_argument(f"--{flag}", required=True)
    for flag, default in (("epochs", 12), ("seed", 0), ("batch-size", 16), ("threads", 2), ("first-step", 0)):
        parser.add_argument(f"--{flag}", type=int, default=default)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    random.seed(args.seed)
    with open(args.split) as file:
        split = json.load(file)

    start = time.perf_counter()
    model = models.squeezenet1_1()
    model.load_state_dict(read_safetensors(args.weights))
    model.classifier[1] = nn.Conv2d(512, len(split["classes"]), kernel_size=1)
    nn.init.normal_(model.classifier[1].weight, std=0.01)
    nn.init.zeros_(model.classifier[1].bias)

    to_input = [transforms.ToTensor(), transforms.Normalize(MEAN, STD)]
    plain = transforms.Compose([transforms.Resize(256), transforms.CenterCrop(224), *to_input])
    augmented = transforms.Compose(
        [transforms.RandomResizedCrop(224, scale=(0.35, 1)), transforms.RandomHorizontalFlip(), *to_input]
    )
    options = {"batch_size": args.batch_size, "num_workers": args.threads, "persistent_workers": True}
    if args.strategy == "full":
        body = {"params": model.features.parameters(), "lr": 1e-4}
        head = {"params": model.classifier.parameters(), "lr": 1e-3}
        training = DataLoader(Images(split["train"], augmented), shuffle=True, drop_last=True, **options)
        validation = DataLoader(Images(split["validation"], plain), **options)
        accuracy, epoch_seconds = train(model, [body, head], training, validation, args.epochs, args.first_step)
    elif args.strategy == "frozen-loop":
        # As most tutorials do it: the trunk has no gradients, and runs in every epoch.
        model.features.requires_grad_(False)
        training = DataLoader(Images(split["train"], plain), shuffle=True, drop_last=True, **options)
        validation = DataLoader(Images(split["validation"], plain), **options)
        parameters = [{"params": model.classifier.parameters(), "lr": 1e-3}]
        accuracy, epoch_seconds = train(model, parameters, training, validation, args.epochs)
    else:
        model.eval()
        held = []
        with torch.inference_mode():
            for part in ("train", "validation"):
                batches = [(model.features(x), y) for x, y in DataLoader(Images(split[part], plain), **options)]
                held.append(TensorDataset(torch.cat([x for x, _ in batches]), torch.cat([y for _, y in batches])))
        head = nn.Sequential(model.classifier, nn.Flatten())
        training = DataLoader(held[0], batch_size=args.batch_size, shuffle=True, drop_last=True)
        validation = DataLoader(held[1], batch_size=args.batch_size)
        parameters = [{"params": head.parameters(), "lr": 1e-3}]
        accuracy, epoch_seconds = train(head, parameters, training, validation, args.epochs)
    print(json.dumps({"accuracy": accuracy, "seconds": time.perf_counter() - start, "epochSeconds": epoch_seconds}))


if __name__ == "__main__":
    main()
