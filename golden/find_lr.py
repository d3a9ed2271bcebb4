"""Curves of a learning rate range test, and what fastai's rules suggest of them, written down from their definitions.

    python3 golden/find_lr.py        writes golden/find_lr.json (no packages needed)

A curve is {raw, smooth, useful, valley, steepest, minimum}: the losses of the batches, their moving average with β = 0.98 divided by
1 - β^t, the number of points between the first tenth and the last five, and the learning rates. The rate of step t of 100 is
1e-7 · (10 / 1e-7)^(t / 100), and a curve ends with the first smoothed loss above four times the lowest.

    valley    the longest strictly falling subsequence has L members and ends (the first such) at e:
              the rate at e - L + ⌊L/3⌋ + ⌊L/6⌋
    steepest  the rate at which d loss / d log rate, by forward differences, is least
    minimum   a tenth of the rate at which the smoothed loss is lowest
"""
import json
import math
import random
from pathlib import Path

STEPS, BETA = 100, 0.98
RATES = [1e-7 * 1e8 ** (t / STEPS) for t in range(STEPS)]


def raw_losses(start, bottom, middle, blast, noise, seed):
    """A sigmoid down around 10^middle, and an explosion from 10^blast on."""
    draw = random.Random(seed)
    for rate in RATES:
        x = math.log10(rate)
        fall = (start - bottom) / (1 + math.exp(-3 * (x - middle)))
        yield start - fall + math.exp(4 * (x - blast)) + draw.gauss(0, noise)


def smoothed(raw):
    average, smooth = 0.0, []
    for t, loss in enumerate(raw, 1):
        average = BETA * average + (1 - BETA) * loss
        smooth.append(average / (1 - BETA**t))
        if smooth[-1] > 4 * min(smooth):
            break
    return smooth


def falling_until(losses, e, known):
    """Members of the longest falling subsequence that ends at e."""
    if e not in known:
        known[e] = 1 + max((falling_until(losses, i, known) for i in range(e) if losses[i] > losses[e]), default=0)
    return known[e]


def suggestions(rates, losses):
    known = {}
    lengths = [falling_until(losses, e, known) for e in range(len(losses))]
    longest = max(lengths)
    valley = lengths.index(longest) - longest + longest // 3 + longest // 6
    slopes = [(losses[i + 1] - losses[i]) / (math.log(rates[i + 1]) - math.log(rates[i])) for i in range(len(losses) - 1)]
    return {
        "valley": rates[max(0, valley)],
        "steepest": rates[slopes.index(min(slopes))],
        "minimum": rates[losses.index(min(losses))] / 10,
    }


def main():
    curves = {}
    for name, options in {
        "smooth": (2.3, 0.4, -3, 0, 0, 0),
        "noisy": (2.3, 0.8, -3.5, -0.5, 0.15, 1),
        "early": (4.6, 1.0, -5, -2.5, 0.1, 2),
        "flat": (0.7, 0.65, -2, 0.5, 0.05, 3),
    }.items():
        raw = list(raw_losses(*options))
        smooth = smoothed(raw)
        rates, losses = RATES[: len(smooth)][STEPS // 10 : -5], smooth[STEPS // 10 : -5]
        curves[name] = {"raw": raw, "smooth": smooth, "useful": len(losses), **suggestions(rates, losses)}
        print(name, len(smooth), {key: f"{curves[name][key]:.2e}" for key in ("valley", "steepest", "minimum")})
    path = Path(__file__).with_suffix(".json")
    path.write_text(json.dumps(curves, separators=(",", ":")) + "\n")


main()
