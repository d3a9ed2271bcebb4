"""Reference steps of optimizers and schedules; those of NAdam, LAMB and Lion are in later_optim.py.

    /usr/bin/python3 golden/optim.py        writes golden/optim.safetensors

    init/a, init/b                parameters a (3, 4), b (5)
    gradient/STEP/a, …/b          the gradient given at step 0 … 9, the same for every optimizer
    OPTIMIZER/STEP/a, …/b         the parameters after that step
    clipped/norm/MAXIMUM/a, …/b   the gradients of step 0 after clip_grad_norm_, and clipped/value/… after clip_grad_value_
    clipped/norm                  their norm before
    schedule/NAME                 f64[50], the learning rate of step 0 … 49
    losses                        f64[10], the losses that the plateau schedule sees, one after every five steps

The parameters are computed in float64 and stored as float32. Metadata: `optimizers`,
`schedules` and `warmups`, JSON of name -> options, and `clips`, the maxima.
"""
import sys
from pathlib import Path

sys.dont_write_bytecode = True

import torch
from torch.nn.utils import clip_grad_norm_, clip_grad_value_
from torch.optim import SGD, Adagrad, Adam, AdamW, RAdam, RMSprop
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiStepLR,
    OneCycleLR,
    PolynomialLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)

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
CLIPS = [0.5, 100.0]
STEPS_PER_EPOCH = 5
LOSSES = [2.0, 1.5, 1.4999, 1.6, 1.0, 1.1, 1.2, 1.05, 1.3, 0.9]
COSINE = {"kind": "cosine", "learningRate": 0.1, "steps": 40, "minimum": 0.001}
SCHEDULES = {
    "constant": {"kind": "constant", "learningRate": 0.3},
    "linear": {"kind": "linear", "learningRate": 0.1, "steps": 40, "from": 1, "to": 0},
    "linear-up": {"kind": "linear", "learningRate": 0.1, "steps": 7, "from": 0.25, "to": 0.75},
    "step": {"kind": "step", "learningRate": 0.1, "every": 15, "factor": 0.1},
    "multi-step": {"kind": "multiStep", "learningRate": 0.1, "milestones": [5, 20, 21], "factor": 0.5},
    "exponential": {"kind": "exponential", "learningRate": 0.1, "factor": 0.9},
    "polynomial": {"kind": "polynomial", "learningRate": 0.1, "steps": 40, "power": 0.9},
    "cosine": {**COSINE, "steps": 50},
    "restarts": {"kind": "cosineRestarts", "learningRate": 0.1, "period": 5, "growth": 2, "minimum": 0.001},
    "even-restarts": {"kind": "cosineRestarts", "learningRate": 0.1, "period": 8, "growth": 1, "minimum": 0},
    "one-cycle": {
        "kind": "oneCycle", "maximum": 0.1, "steps": SCHEDULE_STEPS, "warmup": 0.3, "initialDivisor": 25, "finalDivisor": 1e4,
    },
    "plateau": {
        "kind": "plateau", "learningRate": 0.1, "factor": 0.5, "patience": 0, "threshold": 1e-3, "cooldown": 0, "minimum": 0.01,
    },
    "patient-plateau": {
        "kind": "plateau", "learningRate": 0.1, "factor": 0.1, "patience": 1, "threshold": 1e-4, "cooldown": 2, "minimum": 0,
    },
}
# Warm-ups: the first factor, the steps, and the schedule that follows.
WARMUPS = {
    "warm-cosine": {"from": 0.1, "steps": 10, "then": COSINE},
    "warm-from-zero": {"from": 0, "steps": 8, "then": SCHEDULES["exponential"]},
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
    kind = options["kind"]
    if kind == "constant":
        return LambdaLR(optimizer, lambda step: 1)
    if kind == "linear":
        return LinearLR(optimizer, start_factor=options["from"], end_factor=options["to"], total_iters=options["steps"])
    if kind == "step":
        return StepLR(optimizer, step_size=options["every"], gamma=options["factor"])
    if kind == "multiStep":
        return MultiStepLR(optimizer, milestones=options["milestones"], gamma=options["factor"])
    if kind == "exponential":
        return ExponentialLR(optimizer, gamma=options["factor"])
    if kind == "polynomial":
        return PolynomialLR(optimizer, total_iters=options["steps"], power=options["power"])
    if kind == "cosine":
        return CosineAnnealingLR(optimizer, T_max=options["steps"], eta_min=options["minimum"])
    if kind == "cosineRestarts":
        return CosineAnnealingWarmRestarts(
            optimizer, T_0=options["period"], T_mult=options["growth"], eta_min=options["minimum"]
        )
    if kind == "plateau":
        return ReduceLROnPlateau(
            optimizer,
            factor=options["factor"],
            patience=options["patience"],
            threshold=options["threshold"],
            cooldown=options["cooldown"],
            min_lr=options["minimum"],
        )
    return OneCycleLR(
        optimizer,
        max_lr=options["maximum"],
        total_steps=options["steps"],
        pct_start=options["warmup"],
        div_factor=options["initialDivisor"],
        final_div_factor=options["finalDivisor"],
    )


def warm_schedule_of(options, optimizer):
    """LinearLR cannot start from 0: each factor is made from the one before."""
    first, steps = options["from"], options["steps"]
    if first == 0:
        up = LambdaLR(optimizer, lambda step: min(1, step / steps))
    else:
        up = LinearLR(optimizer, start_factor=first, total_iters=steps)
    return SequentialLR(optimizer, [up, schedule_of(options["then"], optimizer)], milestones=[steps])


def learning_rates(options, make=schedule_of):
    optimizer = SGD([torch.zeros(1, requires_grad=True)], lr=options.get("then", options).get("learningRate", 1.0))
    schedule = make(options, optimizer)
    rates = []
    for step in range(SCHEDULE_STEPS):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if step + 1 == SCHEDULE_STEPS:
            break
        if isinstance(schedule, ReduceLROnPlateau):
            if (step + 1) % STEPS_PER_EPOCH == 0:
                schedule.step(LOSSES[step // STEPS_PER_EPOCH])
        else:
            schedule.step()
    return torch.tensor(rates, dtype=torch.float64)


def clipped(clip, maximum, gradient):
    """The gradients after `clip`, and what it returned."""
    parameters = {name: torch.zeros_like(value, dtype=torch.float64).requires_grad_() for name, value in gradient.items()}
    for name, parameter in parameters.items():
        parameter.grad = gradient[name].double()
    returned = clip(parameters.values(), maximum)
    return {name: parameter.grad.float() for name, parameter in parameters.items()}, returned


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
    for maximum in CLIPS:
        for kind, clip in ("norm", clip_grad_norm_), ("value", clip_grad_value_):
            result, norm = clipped(clip, maximum, gradients[0])
            tensors.update({f"clipped/{kind}/{maximum:g}/{name}": value for name, value in result.items()})
            if kind == "norm":
                tensors["clipped/norm"] = norm.float()
    for key, options in SCHEDULES.items():
        tensors[f"schedule/{key}"] = learning_rates(options)
    for key, options in WARMUPS.items():
        tensors[f"schedule/{key}"] = learning_rates(options, warm_schedule_of)
    tensors["losses"] = torch.tensor(LOSSES, dtype=torch.float64)
    path = Path(__file__).with_suffix(".safetensors")
    metadata = {"optimizers": OPTIMIZERS, "schedules": SCHEDULES, "warmups": WARMUPS, "clips": CLIPS}
    safetensors_writer.write(path, tensors, metadata, keep_double=True)


main()
