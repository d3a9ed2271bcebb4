"""A torchvision classifier with random weights: writes them, images and logits to a folder, then times its forward pass
and its training step whenever it is asked to."""

import argparse
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.append(str(Path(__file__).resolve().parents[2] / "golden"))

import safetensors_writer
import torch
import torchvision
from serve import serve

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--model", required=True)
parser.add_argument("--batch-size", type=int, required=True)
parser.add_argument("--size", type=int, required=True)
parser.add_argument("--threads", type=int, required=True)
parser.add_argument("--folder", type=Path, required=True)
options = parser.parse_args()

torch.manual_seed(0)
torch.set_num_threads(options.threads)
# What the zoo has under names of their own, torchvision has as arguments.
name, arguments = options.model, {}
if name.startswith("inception_v3"):
    arguments = {"init_weights": True, "aux_logits": name == "inception_v3"}
    name = "inception_v3"
if name.startswith("vit") and name.count("_") == 3:
    name, _, side = name.rpartition("_")
    arguments = {"image_size": int(side)}
model = getattr(torchvision.models, name)(weights=None, **arguments)
images = torch.randn(options.batch_size, 3, options.size, options.size)
labels = torch.arange(options.batch_size)

# What starts at zero, or nearly, would hide mistakes behind it; and so would statistics that are not those of the numbers.
with torch.no_grad():
    for name, parameter in model.named_parameters():
        if parameter.abs().max() < 1e-3:
            parameter.normal_(0, 0.05)
norms = [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)]
momenta = [norm.momentum for norm in norms]
for norm in norms:
    norm.momentum = 1.0
model.train()
with torch.no_grad():
    model(images)
for norm, momentum in zip(norms, momenta):
    norm.momentum = momentum
model.eval()
with torch.inference_mode():
    logits = model(images)
    # A deep network of random weights multiplies rounding errors: how much, PyTorch's own single precision tells.
    exact = model.double()(images.double())
model.float()
state = {name: value for name, value in model.state_dict().items() if not name.endswith("num_batches_tracked")}
options.folder.mkdir(parents=True, exist_ok=True)
sys.stdout, output = sys.stderr, sys.stdout
safetensors_writer.write(options.folder / "weights.safetensors", state, {})
safetensors_writer.write(options.folder / "run.safetensors", {"images": images, "logits": logits, "exact": exact}, {})
sys.stdout = output
del state

optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)


def forward():
    model.eval()
    with torch.inference_mode():
        model(images)


def step():
    model.train()
    optimizer.zero_grad()
    result = model(images)
    criterion = torch.nn.functional.cross_entropy
    if isinstance(result, tuple):
        loss = criterion(result[0], labels) + 0.4 * criterion(result[1], labels)
    else:
        loss = criterion(result, labels)
    loss.backward()
    optimizer.step()


serve(options.threads, {"forward": forward, "step": step})
