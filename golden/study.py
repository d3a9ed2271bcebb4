"""Writes study.json: what Optuna's TPE sampler, pruners and PED-ANOVA make of small histories.

Run with Optuna 5.0.0 (pip install optuna): python3 golden/study.py

    space       distributions as packages/core/src/study/study.ts has them
    histories   {name: {direction, trials: [{state, parameters, intermediate: [[step, value]], value}]}}
    tpe         [{history, multivariate, constantLiar, number, groups}]; a group is {names, below, above: {weights, kernels}, points,
                scores, suggestion}: the options drawn together, Parzen estimators of either part of the trials, the 24 candidates drawn, their
                log l - log g, and the parameters suggested. Without groups, options are drawn at random
    importance  {history: {local, space: {option: share}}}, against the trials and against the whole space
    curves      values of trials by epoch, null for NaN, of which four run at a time
    pruners     [{name, options, direction, decisions}], a character for each value reported: `x` where the trial was pruned

Instead of at random, TPE draws the numbers i · 0.6180339887498949 mod 1, i = 1, 2, … in each group. NumPy's sort of equal observations
depends on the machine; here it is stable, so that equal ones stay in the order of their trials.
"""

import json
import math
import warnings
from pathlib import Path

import numpy as np
import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers._tpe import parzen_estimator
from optuna.trial import TrialState

warnings.simplefilter("ignore")
optuna.logging.set_verbosity(optuna.logging.ERROR)


class StableNumPy:
    def __getattr__(self, name):
        return getattr(np, name)

    def argsort(self, values):
        return np.argsort(values, kind="stable")


parzen_estimator.np = StableNumPy()

SPACE = {
    "learningRate": {"kind": "float", "low": 1e-5, "high": 1e-1, "log": True},
    "dropout": {"kind": "float", "low": 0.0, "high": 0.8},
    "momentum": {"kind": "float", "low": 0.05, "high": 0.92, "step": 0.1},
    "epochs": {"kind": "int", "low": 3, "high": 40},
    "batchSize": {"kind": "int", "low": 8, "high": 128, "step": 8},
    "width": {"kind": "int", "low": 1, "high": 300, "log": True},
    "optimizer": {"kind": "categorical", "choices": ["sgd", "adam", "adamw"]},
    "nesterov": {"kind": "categorical", "choices": [True, False]},
    "seed": {"kind": "int", "low": 7, "high": 7},
}


def distribution(fields):
    kind, rest = fields["kind"], {key: value for key, value in fields.items() if key != "kind"}
    return {"float": FloatDistribution, "int": IntDistribution, "categorical": CategoricalDistribution}[kind](**rest)


DISTRIBUTIONS = {name: distribution(fields) for name, fields in SPACE.items()}


def digits(value, count=6):
    return float(f"{value:.{count}g}")


def draw_parameters(draw, conditional):
    def one(d):
        if isinstance(d, CategoricalDistribution):
            return d.choices[draw.integers(len(d.choices))]
        if d.log:
            x = math.exp(draw.uniform(math.log(d.low), math.log(d.high)))
            return int(round(x)) if isinstance(d, IntDistribution) else digits(x)
        if d.step:
            count = round((d.high - d.low) / d.step)
            x = d.low + int(draw.integers(count + 1)) * d.step
            return int(x) if isinstance(d, IntDistribution) else digits(x)
        return digits(draw.uniform(d.low, d.high))

    parameters = {name: one(d) for name, d in DISTRIBUTIONS.items()}
    # Only SGD has Nesterov's momentum.
    if conditional and parameters["optimizer"] != "sgd":
        del parameters["nesterov"]
    return parameters


def loss_of(p, draw):
    return (
        abs(math.log10(p["learningRate"]) + 2.5)
        + {"sgd": 0.4, "adam": 0.1, "adamw": 0.0}[p["optimizer"]]
        + 0.01 * abs(p["epochs"] - 25)
        + 0.3 * p["dropout"]
        + (0.2 if p.get("nesterov") else 0)
        + 0.1 * draw.random()
    )


def history(seed, count, direction, states, conditional=False):
    """`states`: how probable pruned, failed and running trials are."""
    draw = np.random.default_rng(seed)
    trials = []
    for _ in range(count):
        parameters = draw_parameters(draw, conditional)
        loss = loss_of(parameters, draw)
        value = digits(loss if direction == "minimize" else 3 - loss)
        state = draw.choice(["pruned", "failed", "running", "complete"], p=[*states, 1 - sum(states)])
        steps = int(draw.integers(1, 6)) if state != "complete" else 6
        intermediate = [[step, digits(value + (1 if direction == "minimize" else -1) / step)] for step in range(1, steps + 1)]
        if state == "pruned" and draw.random() < 0.2:
            intermediate = []
        trials.append({"state": str(state), "parameters": parameters, "intermediate": intermediate, "value": value if state == "complete" else None})
    return {"direction": direction, "trials": trials}


HISTORIES = {
    "no trials": {"direction": "minimize", "trials": []},
    "five": history(1, 5, "minimize", [0, 0, 0]),
    "nine finished of eleven": history(1, 11, "minimize", [0.1, 0.1, 0.1]),
    "eleven": history(3, 11, "minimize", [0, 0, 0]),
    "eleven, maximized": history(4, 11, "maximize", [0, 0, 0]),
    "mostly pruned": history(1, 24, "minimize", [0.8, 0, 0.1]),
    "sixty": history(6, 60, "minimize", [0.2, 0.05, 0.1], conditional=True),
    "sixty, maximized": history(7, 60, "maximize", [0.2, 0.05, 0.1]),
}
counts = {name: [trial["state"] for trial in each["trials"]] for name, each in HISTORIES.items()}
assert sum(state in ("complete", "pruned") for state in counts["nine finished of eleven"]) == 9
assert counts["mostly pruned"].count("complete") == 2 and counts["mostly pruned"].count("pruned") > 20  # of which three are good
STATES = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL, "running": TrialState.RUNNING}


def study_of(name, sampler=None):
    study = optuna.create_study(direction=HISTORIES[name]["direction"], sampler=sampler)
    for trial in HISTORIES[name]["trials"]:
        study.add_trial(
            optuna.trial.create_trial(
                state=STATES[trial["state"]],
                value=trial["value"],
                params=trial["parameters"],
                distributions={key: DISTRIBUTIONS[key] for key in trial["parameters"]},
                intermediate_values=dict(trial["intermediate"]),
            )
        )
    return study


class Draws:
    """Stands for NumPy's RandomState, with numbers that are the same everywhere."""

    def __init__(self):
        self.count = 0

    def rand(self, size):
        numbers = np.arange(self.count + 1, self.count + size + 1) * 0.6180339887498949 % 1
        self.count += size
        return numbers

    def choice(self, n, p, size):
        return np.searchsorted(np.cumsum(p), self.rand(size), side="right").clip(0, n - 1)

    def uniform(self, low, high, size):
        return self.rand(math.prod(size)).reshape(size)


class State:
    rng = None


def estimator(mixture):
    def kernels(d):
        if hasattr(d, "weights"):
            return {"probabilities": np.vectorize(lambda x: digits(x, 10))(d.weights).tolist()}
        return {"mus": [digits(x, 10) for x in d.mu], "sigmas": [digits(x, 10) for x in d.sigma]}

    return {"weights": [digits(x, 10) for x in mixture.weights], "kernels": [kernels(d) for d in mixture.distributions]}


def suggested(name, multivariate=True, constant_liar=True):
    sampler = optuna.samplers.TPESampler(seed=0, multivariate=multivariate, constant_liar=constant_liar)
    sampler._rng = State()
    groups, estimators = [], []
    sample, score = sampler._sample, sampler._compute_acquisition_func

    def recorded_score(points, below, above):
        scores = score(points, below, above)
        best = np.sort(np.unique(np.round(scores, 9)))
        assert len(best) < 2 or best[-1] - best[-2] > 1e-6, "two candidates are nearly equal: change the seed"
        estimators.append([below._mixture_distribution, above._mixture_distribution, points, scores])
        return scores

    def recorded_sample(study, trial, space):
        sampler._rng.rng = Draws()
        parameters = sample(study, trial, space)
        below, above, points, scores = estimators.pop()
        groups.append({
            "names": list(space),
            "below": estimator(below),
            "above": estimator(above),
            "points": [[digits(points[key][i], 10) for key in space] for i in range(len(scores))],
            "scores": [digits(x, 10) for x in scores],
            "suggestion": {key: digits(value, 10) if isinstance(value, float) else value for key, value in parameters.items()},
        })
        return parameters

    sampler._sample, sampler._compute_acquisition_func = recorded_sample, recorded_score
    study = study_of(name, sampler)
    trial = study.ask(DISTRIBUTIONS)
    return {"history": name, "multivariate": multivariate, "constantLiar": constant_liar, "number": trial.number, "groups": groups}


def curves(seed, count, epochs):
    draw = np.random.default_rng(seed)
    values = []
    for _ in range(count):
        end, speed = draw.uniform(0.5, 0.95), draw.uniform(0.1, 0.9)
        curve = [digits(end * (1 - math.exp(-speed * epoch)) + draw.normal(0, 0.01), 4) for epoch in range(1, epochs + 1)]
        if draw.random() < 0.15:
            curve[int(draw.integers(epochs))] = None
        values.append(curve)
    return values


CURVES = curves(0, 40, 16)


def decisions(pruner, direction):
    """Four trials run at a time, each in turn for an epoch; one that has ended makes room for the next."""
    study = optuna.create_study(direction=direction, pruner=pruner)
    waiting, running, text = list(range(len(CURVES))), [], ""
    sign = 1 if direction == "maximize" else -1
    while waiting or running:
        while waiting and len(running) < 4:
            waiting.pop(0)
            running.append((study.ask(), iter(enumerate(CURVES[len(study.trials) - 1], 1))))
        for each in list(running):
            trial, epochs = each
            step, value = next(epochs)
            trial.report(math.nan if value is None else sign * value, step)
            pruned = trial.should_prune()
            text += "x" if pruned else "."
            if pruned or step == len(CURVES[0]):
                failed = not pruned and (value is None or trial.number % 7 == 6)
                state = TrialState.PRUNED if pruned else TrialState.FAIL if failed else TrialState.COMPLETE
                study.tell(trial, sign * value if state == TrialState.COMPLETE else None, state)
                running.remove(each)
    return text


def snake(name):
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name)


IN_OPTUNA = {"startupTrials": "n_startup_trials", "warmupSteps": "n_warmup_steps", "interval": "interval_steps", "minTrials": "n_min_trials"}


def pruned(name, direction, **options):
    make = {"median": optuna.pruners.MedianPruner, "asha": lambda **given: optuna.pruners.SuccessiveHalvingPruner(**{"min_resource": 1, **given})}[name]
    pruner = make(**{IN_OPTUNA.get(key, snake(key)): value for key, value in options.items()})
    return {"name": name, "options": options, "direction": direction, "decisions": decisions(pruner, direction)}


def importance(name, on_local):
    evaluator = optuna.importance.PedAnovaImportanceEvaluator(evaluate_on_local=on_local)
    return optuna.importance.get_param_importances(study_of(name), evaluator=evaluator)


goldens = {
    "space": SPACE,
    "histories": HISTORIES,
    "tpe": [
        *(suggested(name) for name in HISTORIES),
        suggested("sixty", multivariate=False),
        suggested("sixty, maximized", constant_liar=False),
    ],
    "importance": {name: {kind: importance(name, kind == "local") for kind in ("local", "space")} for name in HISTORIES if counts[name].count("complete") >= 5},
    "curves": CURVES,
    "pruners": [
        pruned("median", "maximize"),
        pruned("median", "minimize"),
        pruned("median", "maximize", startupTrials=2, warmupSteps=3, interval=4),
        pruned("median", "maximize", startupTrials=0, warmupSteps=1, interval=2, minTrials=6),
        pruned("asha", "maximize"),
        pruned("asha", "minimize"),
        pruned("asha", "maximize", minResource=2, reductionFactor=2),
        pruned("asha", "maximize", reductionFactor=3, minEarlyStoppingRate=1),
        pruned("asha", "maximize", minResource=2, reductionFactor=3, bootstrapCount=4),
    ],
}
path = Path(__file__).with_suffix(".json")
path.write_text(json.dumps(goldens, separators=(",", ":")) + "\n")
for each in goldens["tpe"]:
    print(each["history"], [group["names"] for group in each["groups"]])
for each in goldens["pruners"]:
    print(each["name"], each["options"], each["direction"], len(each["decisions"]), each["decisions"].count("x"))
print(goldens["importance"])
print(path.stat().st_size)
