"""Reference steps of timm's LAMB and Lion, and of NAdam as it is in PyTorch 2: 1.13 multiplies with µₜ once too often. Needs timm 1.0.

    python3 golden/later_optim.py        writes golden/later-optim.safetensors

From the parameters and gradients of optim.safetensors (golden/optim.py):

    OPTIMIZER/STEP/a, …/b          the parameters after that step

Computed in float64 and stored as float32. Metadata: `optimizers`, JSON of name -> options. LAMB does not clip gradients here.
"""
import sys
from pathlib import Path

sys.dont_write_bytecode = True

from safetensors.torch import load_file
from timm.optim import Lamb, Lion
from torch.optim import NAdam

import safetensors_writer

HERE = Path(__file__).parent
STEPS = 10
LAMB_OPTIONS = {"kind": "lamb", "learningRate": 0.01, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-6, "weightDecay": 0.01}
LION_OPTIONS = {"kind": "lion", "learningRate": 0.01, "beta1": 0.9, "beta2": 0.99, "weightDecay": 0}
NADAM_OPTIONS = {
    "kind": "nadam", "learningRate": 0.01, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "weightDecay": 0, "momentumDecay": 4e-3,
}
OPTIMIZERS = {
    "nadam": NADAM_OPTIONS,
    "nadam-l2": {**NADAM_OPTIONS, "momentumDecay": 0.5, "beta1": 0.8, "weightDecay": 0.1},
    "lamb": LAMB_OPTIONS,
    "lamb-betas": {**LAMB_OPTIONS, "beta1": 0.8, "beta2": 0.95, "epsilon": 1e-3, "weightDecay": 0.3},
    "lamb-plain": {**LAMB_OPTIONS, "weightDecay": 0},
    "lion": LION_OPTIONS,
    "lion-decay": {**LION_OPTIONS, "beta1": 0.8, "beta2": 0.9, "weightDecay": 0.3},
}


def optimizer_of(options, parameters):
    shared = {
        "lr": options["learningRate"],
        "betas": (options["beta1"], options["beta2"]),
        "weight_decay": options["weightDecay"],
    }
    if options["kind"] == "lion":
        return Lion(parameters, **shared)
    if options["kind"] == "nadam":
        return NAdam(parameters, eps=options["epsilon"], momentum_decay=options["momentumDecay"], **shared)
    return Lamb(parameters, eps=options["epsilon"], max_grad_norm=None, **shared)


def main():
    given = load_file(HERE / "optim.safetensors")
    tensors = {}
    for key, options in OPTIMIZERS.items():
        parameters = {name: given[f"init/{name}"].double().requires_grad_() for name in "ab"}
        optimizer = optimizer_of(options, parameters.values())
        for step in range(STEPS):
            for name, parameter in parameters.items():
                parameter.grad = given[f"gradient/{step}/{name}"].double()
            optimizer.step()
            tensors.update({f"{key}/{step}/{name}": value.detach().float() for name, value in parameters.items()})
    safetensors_writer.write(HERE / "later-optim.safetensors", tensors, {"optimizers": OPTIMIZERS})


main()
