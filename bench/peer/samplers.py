"""Optuna on the functions of bench/samplers.ts: a setting as JSON on stdin, to stdout {version, outcome: {regret, epochs}}, each by seed.

    pip install optuna
"""

import json
import math
import sys
import warnings

import optuna

warnings.simplefilter("ignore")
optuna.logging.set_verbosity(optuna.logging.ERROR)
given = json.load(sys.stdin)


def branin(p, epoch):
    x, y = p["x"], p["y"]
    return (y - 5.1 / (4 * math.pi**2) * x**2 + 5 / math.pi * x - 6) ** 2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10


def hartmann(p, epoch):
    x = [p[name] for name in "abcdef"]
    alpha = [1, 1.2, 3, 3.2]
    a = [[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]]
    at = [
        [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
        [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
        [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.665],
        [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
    ]
    return -sum(alpha[i] * math.exp(-sum(a[i][j] * (x[j] - at[i][j]) ** 2 for j in range(6))) for i in range(4))


def like_fine_tuning(p, epoch):
    distance = math.log10(p["learningRate"]) + (3.2 if p["optimizer"] == 1 else 1.5)
    excess = 0.06 * distance**2 + (0 if p["optimizer"] == 1 else 0.02) + 0.12 * (p["dropout"] - 0.3) ** 2 + 0.02 * abs(math.log2(p["batchSize"] / 32))
    last = min(0.1 + excess, 0.9)
    pace = 2 + 3 * max(0, -distance) + p["batchSize"] / 32
    return last + (0.9 - last) * math.exp(-epoch / pace)


LOSSES = {"Branin": branin, "Hartmann 6": hartmann, "like fine-tuning": like_fine_tuning}
SAMPLERS = {
    "random": lambda seed: optuna.samplers.RandomSampler(seed=seed),
    "TPE": lambda seed: optuna.samplers.TPESampler(seed=seed),
    "TPE, univariate": lambda seed: optuna.samplers.TPESampler(seed=seed, multivariate=False),
}
PRUNERS = {
    "none": optuna.pruners.NopPruner,
    "median": optuna.pruners.MedianPruner,
    "ASHA": lambda: optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=3),
    "ASHA from epoch 5": lambda: optuna.pruners.SuccessiveHalvingPruner(min_resource=5, reduction_factor=3),
}
DISTRIBUTIONS = {
    "float": optuna.distributions.FloatDistribution,
    "int": optuna.distributions.IntDistribution,
    "categorical": optuna.distributions.CategoricalDistribution,
}
space = {name: DISTRIBUTIONS[fields["kind"]](**{key: value for key, value in fields.items() if key != "kind"}) for name, fields in given["space"].items()}
loss, epochs = LOSSES[given["problem"]], given["epochs"]
outcome = {"regret": [], "epochs": []}
for seed in given["seeds"]:
    study = optuna.create_study(sampler=SAMPLERS[given["sampler"]](seed), pruner=PRUNERS[given["pruner"]]())
    spent = 0
    for _ in range(given["trials"]):
        trial = study.ask(space)
        for epoch in range(1, epochs + 1):
            value, spent = loss(trial.params, epoch), spent + 1
            trial.report(value, epoch)
            if epoch < epochs and trial.should_prune():
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                break
        else:
            study.tell(trial, value)
    outcome["regret"].append(study.best_value - given["least"])
    outcome["epochs"].append(spent)
print(json.dumps({"version": optuna.__version__, "outcome": outcome}))
