"""Reference steps of optimizers and schedules; those of NAdam, LAMB and Lion are in later_optim.py.

    /usr/bin/python3 golden/optim.py        writes golden/optim.safetensors

    init/a, init/b                parameters a (3, 4), b (5)
    gradient/STEP/a, …/b          the gradient given at step 0 … 9, the same for every optimizer
    OPTIMIZER/STEP/a, …/b         the parameters after that step
    schedule/NAME                 f64[50], the learning rate of step 0 … 49

The parameters are computed in float64 and stored as float32. Metadata: `optimizers` and `schedules`, JSON of name -> options.
"""
import sys
from pathlib import Path

sys.dont_write_bytecode = True

import torch
from torch.optim import SGD, Adagrad, Adam, AdamW, RAdam, RMSprop
from torch.optim.lr_scheduler import OneCycleLR, StepLR

import safetensors_writer

STEPS, SCHEDULE_STEPS = 10, 50
SGD_OPTIONS = {"kind": "sgd", "learningRate": 0.1, "momentum": 0, "nesterov": False, "weightDecay": 0}
ADAM_OPTIONS = {"kind": "adam", "learningRate": 0.01, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "weightDecay": 0}
RMSPROP_OPTIONS = {
    "kind": "rmsprop", "learningRate": 0.01, "alpha": 0.99, "epsilon": 1e-8, "momentum": 0, "centered": False, "weightDecay": 0,
}
OPTIMIZERS = {
    "sgd": SGD_OPTIONS,
    "sgd-momentum": {**SGD_OPTIONS, "momentum": 0.9},
    "sgd-nesterov": {**SGD_OPTIONS, "momentum": 0.9, "nesterov": True, "weightDecay": 0.01},
    "adam": ADAM_OPTIONS,
    "adam-l2": {**ADAM_OPTIONS, "weightDecay": 0.1},
    "adamw": {**ADAM_OPTIONS, "kind": "adamw", "weightDecay": 0.1},
    "adamw-betas": {**ADAM_OPTIONS, "kind": "adamw", "beta1": 0.8, "beta2": 0.95, "epsilon": 1e-3, "weightDecay": 0.01},
    "radam": {**ADAM_OPTIONS, "kind": "radam"},
    "radam-l2": {**ADAM_OPTIONS, "kind": "radam", "beta2": 0.9, "epsilon": 1e-3, "weightDecay": 0.1},
    "rmsprop": RMSPROP_OPTIONS,
    "rmsprop-momentum": {**RMSPROP_OPTIONS, "alpha": 0.9, "epsilon": 1e-3, "momentum": 0.8, "weightDecay": 0.1},
    "rmsprop-centered": {**RMSPROP_OPTIONS, "centered": True, "momentum": 0.9},
    "adagrad": {"kind": "adagrad", "learningRate": 0.1, "epsilon": 1e-10, "weightDecay": 0},
    "adagrad-l2": {"kind": "adagrad", "learningRate": 0.1, "epsilon": 1e-3, "weightDecay": 0.1},
}
SCHEDULES = {
    "step": {"kind": "step", "learningRate": 0.1, "every": 15, "factor": 0.1},
    "one-cycle": {
        "kind": "oneCycle", "maximum": 0.1, "steps": SCHEDULE_STEPS, "warmup": 0.3, "initialDivisor": 25, "finalDivisor": 1e4,
    },
}


def optimizer_of(options, parameters):
    shared = {"lr": options["learningRate"], "weight_decay": options["weightDecay"]}
    if options["kind"] == "sgd":
        return SGD(parameters, momentum=options["momentum"], nesterov=options["nesterov"], **shared)
    shared["eps"] = options["epsilon"]
    if options["kind"] == "adagrad":
        return Adagrad(parameters, **shared)
    if options["kind"] == "rmsprop":
        return RMSprop(parameters, alpha=options["alpha"], momentum=options["momentum"], centered=options["centered"], **shared)
    shared["betas"] = (options["beta1"], options["beta2"])
    return {"adam": Adam, "adamw": AdamW, "radam": RAdam}[options["kind"]](parameters, **shared)


def schedule_of(options, optimizer):
    if options["kind"] == "step":
        return StepLR(optimizer, step_size=options["every"], gamma=options["factor"])
    return OneCycleLR(
        optimizer,
        max_lr=options["maximum"],
        total_steps=options["steps"],
        pct_start=options["warmup"],
        div_factor=options["initialDivisor"],
        final_div_factor=options["finalDivisor"],
    )


def learning_rates(options):
    optimizer = SGD([torch.zeros(1, requires_grad=True)], lr=options.get("learningRate", 1.0))
    schedule = schedule_of(options, optimizer)
    rates = []
    for step in range(SCHEDULE_STEPS):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if step + 1 < SCHEDULE_STEPS:
            schedule.step()
    return torch.tensor(rates, dtype=torch.float64)


def main():
    torch.manual_seed(0)
    initial = {"a": torch.randn(3, 4), "b": torch.randn(5)}
    gradients = [{name: torch.randn(value.shape) for name, value in initial.items()} for _ in range(STEPS)]
    tensors = {f"init/{name}": value for name, value in initial.items()}
    for step, gradient in enumerate(gradients):
        tensors.update({f"gradient/{step}/{name}": value for name, value in gradient.items()})
    for key, options in OPTIMIZERS.items():
        parameters = {name: value.double().requires_grad_() for name, value in initial.items()}
        optimizer = optimizer_of(options, parameters.values())
        for step, gradient in enumerate(gradients):
            for name, parameter in parameters.items():
                parameter.grad = gradient[name].double()
            optimizer.step()
            tensors.update({f"{key}/{step}/{name}": value.detach().float() for name, value in parameters.items()})
    for key, options in SCHEDULES.items():
        tensors[f"schedule/{key}"] = learning_rates(options)
    path = Path(__file__).with_suffix(".safetensors")
    safetensors_writer.write(path, tensors, {"optimizers": OPTIMIZERS, "schedules": SCHEDULES}, keep_double=True)


main()
