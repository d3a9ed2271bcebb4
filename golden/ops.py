"""Reference numbers for every primitive: value, gradients, and second order in random directions.

    /usr/bin/python3 golden/ops.py        writes golden/ops.safetensors

Everything is computed in float64 from inputs that float32 can hold, and stored as float32. For each case, y = op(inputs):

    CASE/in{i}        the inputs; i64 indices and bool conditions among them
    CASE/out          y
    CASE/dy           a random cotangent
    CASE/grad{i}      g_i = d<y, dy>/d in_i, for every input i in the case's `differentiable`
    CASE/v{i}         a random direction for g_i
    CASE/second{i}    d s / d in_i, where s = sum over i of <g_i, v_i>
    CASE/second_dy    d s / d dy

The metadata key `cases` is a JSON list of {name, op, attributes, inputs, differentiable}. Comparisons have in and out alone.
"""
import sys
from pathlib import Path

sys.dont_write_bytecode = True

import torch
import torch.nn.functional as F
from torchvision.ops import sigmoid_focal_loss

import safetensors_writer

torch.manual_seed(0)
torch.set_num_threads(1)

tensors, cases = {}, []


def representable(x):
    return x.float().double()


def normal(*shape):
    return representable(torch.randn(shape, dtype=torch.float64))


def uniform(low, high, *shape):
    return representable(low + (high - low) * torch.rand(shape, dtype=torch.float64))


def spread(*shape):
    """Distinct numbers in (-2, 2), evenly spaced, none within half a spacing of 0: no ties, no kinks at 0."""
    count = torch.Size(shape).numel()
    count += count % 2
    values = (torch.randperm(count).double() - count / 2 + 0.5) * 4 / count
    return representable(values[: torch.Size(shape).numel()].reshape(shape))


def case(name, op, function, inputs, attributes=None):
    """Records one case. Float inputs are differentiable where the output is a float."""
    name = f"{op}/{name}" if name else op
    assert name not in {c["name"] for c in cases}, name
    floats = [i for i, x in enumerate(inputs) if x.is_floating_point()]
    leaves = [x.clone().requires_grad_() if i in floats else x for i, x in enumerate(inputs)]
    out = function(*leaves)
    tensors.update({f"{name}/in{i}": x for i, x in enumerate(inputs)})
    tensors[f"{name}/out"] = out
    differentiable = floats if out.is_floating_point() else []
    if differentiable:
        record_gradients(name, out, leaves, differentiable)
    cases.append(
        {"name": name, "op": op, "attributes": attributes or {}, "inputs": len(inputs), "differentiable": differentiable}
    )


def record_gradients(name, out, leaves, differentiable):
    dy = normal(*out.shape).requires_grad_()
    inputs = [leaves[i] for i in differentiable]
    gradients = zeros_where_unused(torch.autograd.grad(out, inputs, dy, create_graph=True, allow_unused=True), inputs)
    directions = [normal(*x.shape) for x in inputs]
    s = sum((g * v).sum() for g, v in zip(gradients, directions))
    wanted = [*inputs, dy]
    second = torch.autograd.grad(s, wanted, allow_unused=True) if s.requires_grad else [None] * len(wanted)
    *second, second_dy = zeros_where_unused(second, wanted)
    tensors[f"{name}/dy"], tensors[f"{name}/second_dy"] = dy, second_dy
    for i, gradient, direction, curvature in zip(differentiable, gradients, directions, second):
        tensors[f"{name}/grad{i}"], tensors[f"{name}/v{i}"], tensors[f"{name}/second{i}"] = gradient, direction, curvature


def zeros_where_unused(gradients, inputs):
    return [torch.zeros_like(x) if g is None else g for g, x in zip(gradients, inputs)]


def apart(pair):
    """Passes on two inputs that are nowhere equal under broadcasting."""
    assert (pair[0] - pair[1]).abs().min() > 1e-3
    return pair


def elementwise():
    broadcasts = {"same": ((2, 3), (2, 3)), "row": ((2, 3), (3,)), "both": ((2, 1, 3), (4, 1)), "scalar": ((2, 3), ())}
    for label, (a, b) in broadcasts.items():
        case(label, "add", torch.add, [normal(*a), normal(*b)])
        case(label, "sub", torch.sub, [normal(*a), normal(*b)])
        case(label, "mul", torch.mul, [normal(*a), normal(*b)])
        case(label, "div", torch.div, [normal(*a), uniform(0.5, 2, *b)])
        case(label, "pow", torch.pow, [uniform(0.5, 2, *a), normal(*b)])
        case(label, "minimum", torch.minimum, apart([spread(*a), uniform(-1, 1, *b)]))
        case(label, "maximum", torch.maximum, apart([spread(*a), uniform(-1, 1, *b)]))
    case("negative divisor", "div", torch.div, [normal(2, 3), uniform(-2, -0.5, 2, 3)])

    smooth = {
        "neg": torch.neg, "exp": torch.exp, "erf": torch.erf, "tanh": torch.tanh, "sigmoid": torch.sigmoid, "square": torch.square,
    }
    for op, function in smooth.items():
        case("", op, function, [normal(3, 4)])
    for op, function in {"log": torch.log, "sqrt": torch.sqrt, "rsqrt": torch.rsqrt}.items():
        case("", op, function, [uniform(0.3, 3, 3, 4)])
    for op, function in {"abs": torch.abs, "sign": torch.sign, "relu": torch.relu}.items():
        case("", op, function, [spread(3, 4)])
    case("", "hardSigmoid", lambda x: (x + 3).clamp(0, 6) / 6, [3 * spread(4, 5)])
    case("", "clip", lambda x: x.clamp(-0.625, 0.75), [spread(4, 5)], {"min": -0.625, "max": 0.75})

    case("same", "where", torch.where, [torch.rand(3, 4) > 0.5, normal(3, 4), normal(3, 4)])
    case("broadcast", "where", torch.where, [torch.rand(3, 1) > 0.5, normal(4), normal(2, 1, 4)])

    comparisons = {
        "greater": torch.gt, "less": torch.lt, "equal": torch.eq, "greaterOrEqual": torch.ge, "lessOrEqual": torch.le,
    }
    for op, function in comparisons.items():
        a = torch.randint(-1, 2, (3, 4)).double()
        case("same", op, function, [a, torch.randint(-1, 2, (3, 4)).double()])
        case("broadcast", op, function, [a, torch.randint(-1, 2, (2, 1, 4)).double()])


def reductions():
    shape = (2, 3, 4)
    for axes in ([0], [1], [2], [0, 2], [1, 2], [0, 1, 2]):
        for keep in (True, False):
            label, attributes = f"{axes}{' keep' if keep else ''}", {"axes": axes, "keepDims": keep}
            case(label, "reduceSum", lambda x: x.sum(axes, keep), [normal(*shape)], attributes)
            case(label, "reduceMean", lambda x: x.mean(axes, keep), [normal(*shape)], attributes)
            case(label, "reduceMax", lambda x: x.amax(axes, keep), [spread(*shape)], attributes)
    for axis in (0, 1, 2):
        case(f"axis {axis}", "softmax", lambda x: x.softmax(axis), [normal(*shape)], {"axis": axis})
        case(f"axis {axis}", "logSoftmax", lambda x: x.log_softmax(axis), [normal(*shape)], {"axis": axis})


def matmuls():
    shapes = {
        "2d": ((3, 4), (4, 5)),
        "batched": ((2, 3, 4), (2, 4, 5)),
        "broadcast batch": ((2, 1, 3, 4), (5, 4, 2)),
        "shared right": ((2, 3, 4), (4, 5)),
        "shared left": ((3, 4), (2, 4, 5)),
    }
    for label, (a, b) in shapes.items():
        case(label, "matmul", torch.matmul, [normal(*a), normal(*b)])


def convolutions():
    table = [
        # label, input, weight, strides, pads [top, left, bottom, right], dilations, groups
        ("3x3 pad 1", (2, 3, 6, 5), (4, 3, 3, 3), [1, 1], [1, 1, 1, 1], [1, 1], 1),
        ("3x3", (2, 3, 5, 6), (2, 3, 3, 3), [1, 1], [0, 0, 0, 0], [1, 1], 1),
        ("1x1", (2, 3, 4, 5), (4, 3, 1, 1), [1, 1], [0, 0, 0, 0], [1, 1], 1),
        ("1x1 stride 2", (2, 3, 6, 5), (4, 3, 1, 1), [2, 2], [0, 0, 0, 0], [1, 1], 1),
        ("3x3 stride 2 exact", (2, 3, 7, 5), (2, 3, 3, 3), [2, 2], [1, 1, 1, 1], [1, 1], 1),
        ("3x3 stride 2 remainder", (2, 3, 8, 6), (2, 3, 3, 3), [2, 2], [0, 0, 0, 0], [1, 1], 1),
        ("3x3 stride 2 pad 1 remainder", (2, 2, 6, 8), (3, 2, 3, 3), [2, 2], [1, 1, 1, 1], [1, 1], 1),
        ("3x3 stride 3 large remainder", (2, 2, 8, 7), (3, 2, 3, 3), [3, 3], [0, 0, 0, 0], [1, 1], 1),
        ("asymmetric pads", (2, 3, 5, 6), (2, 3, 3, 3), [1, 1], [0, 1, 2, 0], [1, 1], 1),
        ("asymmetric pads stride 2", (2, 2, 6, 7), (3, 2, 3, 3), [2, 2], [0, 0, 1, 1], [1, 1], 1),
        ("7x7 stride 2 pad 3", (1, 3, 10, 11), (2, 3, 7, 7), [2, 2], [3, 3, 3, 3], [1, 1], 1),
        ("dilation 2", (2, 2, 7, 8), (3, 2, 3, 3), [1, 1], [2, 2, 2, 2], [2, 2], 1),
        ("dilation 2 by 1", (1, 2, 7, 6), (3, 2, 3, 2), [1, 1], [0, 1, 1, 0], [2, 1], 1),
        ("groups 2", (2, 4, 5, 5), (6, 2, 3, 3), [1, 1], [1, 1, 1, 1], [1, 1], 2),
        ("depthwise", (2, 4, 5, 6), (4, 1, 3, 3), [1, 1], [1, 1, 1, 1], [1, 1], 4),
        ("depthwise stride 2", (2, 3, 6, 7), (3, 1, 3, 3), [2, 2], [1, 1, 1, 1], [1, 1], 3),
        ("depthwise multiplier 2", (2, 3, 5, 5), (6, 1, 3, 3), [1, 1], [1, 1, 1, 1], [1, 1], 3),
        ("groups dilation stride", (2, 4, 9, 8), (4, 2, 3, 3), [2, 2], [1, 1, 1, 1], [2, 2], 2),
        ("5x3 strides 1 2", (2, 2, 7, 8), (3, 2, 5, 3), [1, 2], [2, 1, 2, 1], [1, 1], 1),
        ("5x3 strides 3 2", (1, 2, 10, 8), (3, 2, 5, 3), [3, 2], [1, 0, 2, 1], [1, 1], 1),
        ("whole image", (2, 3, 4, 5), (4, 3, 4, 5), [1, 1], [0, 0, 0, 0], [1, 1], 1),
        ("1x1 pad 1", (2, 2, 3, 4), (3, 2, 1, 1), [1, 1], [1, 1, 1, 1], [1, 1], 1),
        ("1x1 pad 1 stride 2", (2, 2, 4, 5), (3, 2, 1, 1), [2, 2], [1, 1, 1, 1], [1, 1], 1),
        ("2x2 pad 2", (2, 2, 3, 4), (3, 2, 2, 2), [1, 1], [2, 2, 2, 2], [1, 1], 1),
    ]
    for label, x, weight, strides, pads, dilations, groups in table:
        attributes = {"strides": strides, "pads": pads, "dilations": dilations, "groups": groups}
        top, left, bottom, right = pads
        padded = lambda x: F.pad(x, (left, right, top, bottom))
        conv = lambda x, w: F.conv2d(padded(x), w, stride=strides, dilation=dilations, groups=groups)
        case(label, "conv2d", conv, [normal(*x), normal(*weight)], attributes)


def pools():
    max_pools = [
        # label, input, kernel, strides, pads [top, left, bottom, right], dilations, ceilMode
        ("2x2 stride 2", (2, 2, 4, 6), [2, 2], [2, 2], [0, 0, 0, 0], [1, 1], False),
        ("2x2 stride 2 remainder", (2, 2, 5, 7), [2, 2], [2, 2], [0, 0, 0, 0], [1, 1], False),
        ("3x3 stride 2 pad 1", (2, 2, 6, 7), [3, 3], [2, 2], [1, 1, 1, 1], [1, 1], False),
        ("3x3 stride 1 pad 1", (1, 2, 5, 4), [3, 3], [1, 1], [1, 1, 1, 1], [1, 1], False),
        ("3x3 stride 1", (1, 2, 5, 4), [3, 3], [1, 1], [0, 0, 0, 0], [1, 1], False),
        ("2x3 strides 1 2", (1, 2, 5, 6), [2, 3], [1, 2], [0, 1, 0, 1], [1, 1], False),
        ("asymmetric pads", (1, 2, 5, 6), [3, 3], [2, 2], [0, 1, 1, 0], [1, 1], False),
        ("dilation 2", (1, 2, 7, 8), [2, 3], [1, 1], [0, 0, 0, 0], [2, 2], False),
        ("ceil 3x3 stride 2, 5x5", (1, 2, 5, 5), [3, 3], [2, 2], [0, 0, 0, 0], [1, 1], True),
        ("ceil 3x3 stride 2, 6x7", (1, 2, 6, 7), [3, 3], [2, 2], [0, 0, 0, 0], [1, 1], True),
        ("ceil 3x3 stride 2, 8x4", (1, 2, 8, 4), [3, 3], [2, 2], [0, 0, 0, 0], [1, 1], True),
        ("ceil 3x3 stride 2 pad 1, 6x5", (1, 2, 6, 5), [3, 3], [2, 2], [1, 1, 1, 1], [1, 1], True),
        # Torch drops a last window that would start behind the input, in the padding or beyond: here at 5 of 4 + 1.
        ("ceil last window dropped", (1, 2, 4, 4), [2, 2], [3, 3], [1, 1, 1, 1], [1, 1], True),
        ("ceil last window dropped on one axis", (1, 2, 5, 6), [2, 2], [3, 3], [0, 0, 0, 0], [1, 1], True),
        ("ceil dilation 2", (1, 2, 8, 7), [2, 2], [2, 2], [0, 0, 0, 0], [2, 2], True),
    ]
    for label, x, kernel, strides, pads, dilations, ceil in max_pools:
        attributes = {"kernel": kernel, "strides": strides, "pads": pads, "dilations": dilations, "ceilMode": ceil}
        top, left, bottom, right = pads
        symmetric = top == bottom and left == right
        assert symmetric or not ceil
        outside = (0, 0, 0, 0) if symmetric else (left, right, top, bottom)
        pool = lambda x: F.max_pool2d(
            F.pad(x, outside, value=-torch.inf), kernel, strides, (top, left) if symmetric else 0, dilations, ceil
        )
        case(label, "maxPool", pool, [spread(*x)], attributes)

    average_pools = [
        # label, input, kernel, strides, pads, ceilMode, countIncludePad
        ("2x2 stride 2", (2, 2, 4, 6), [2, 2], [2, 2], [0, 0, 0, 0], False, False),
        ("2x2 stride 2 remainder", (2, 2, 5, 7), [2, 2], [2, 2], [0, 0, 0, 0], False, False),
        ("overlapping", (1, 2, 6, 7), [3, 3], [2, 2], [0, 0, 0, 0], False, False),
        ("overlapping 3x2 stride 1", (1, 2, 5, 4), [3, 2], [1, 1], [0, 0, 0, 0], False, False),
        ("padded", (1, 2, 6, 7), [3, 3], [2, 2], [1, 1, 1, 1], False, False),
        ("padded count_include_pad", (1, 2, 6, 7), [3, 3], [2, 2], [1, 1, 1, 1], False, True),
        ("padded on one axis", (1, 2, 6, 7), [3, 3], [1, 2], [1, 0, 1, 0], False, False),
        ("ceil", (1, 2, 6, 8), [3, 3], [2, 2], [0, 0, 0, 0], True, False),
        ("ceil count_include_pad", (1, 2, 6, 8), [3, 3], [2, 2], [0, 0, 0, 0], True, True),
        ("ceil padded", (1, 2, 6, 5), [3, 3], [2, 2], [1, 1, 1, 1], True, False),
        ("ceil padded count_include_pad", (1, 2, 6, 5), [3, 3], [2, 2], [1, 1, 1, 1], True, True),
        ("ceil last window dropped", (1, 2, 4, 4), [2, 2], [3, 3], [1, 1, 1, 1], True, False),
        ("ceil last window dropped count_include_pad", (1, 2, 4, 4), [2, 2], [3, 3], [1, 1, 1, 1], True, True),
    ]
    for label, x, kernel, strides, pads, ceil, include in average_pools:
        attributes = {"kernel": kernel, "strides": strides, "pads": pads, "ceilMode": ceil, "countIncludePad": include}
        pool = lambda x: F.avg_pool2d(x, kernel, strides, pads[:2], ceil, include)
        case(label, "averagePool", pool, [normal(*x)], attributes)

    for x, size in (((2, 3, 4, 6), [1, 1]), ((1, 2, 4, 6), [2, 3]), ((1, 2, 5, 7), [2, 3]), ((1, 2, 3, 2), [5, 4])):
        label = f"{x[2]}x{x[3]} to {size[0]}x{size[1]}"
        pool = lambda x: F.adaptive_avg_pool2d(x, size)
        case(label, "adaptiveAveragePool", pool, [normal(*x)], {"size": size})


def movement():
    case("split and join", "reshape", lambda x: x.reshape(4, 6), [normal(2, 3, 4)], {"shape": [4, 6]})
    case("to scalar", "reshape", lambda x: x.reshape(()), [normal(1, 1)], {"shape": []})
    case("flatten", "reshape", lambda x: x.reshape(2, 12), [normal(2, 3, 2, 2)], {"shape": [2, 12]})
    for x, axes in (((2, 3), [1, 0]), ((2, 3, 4), [2, 0, 1]), ((2, 3, 2, 4), [0, 2, 3, 1])):
        case(str(axes), "transpose", lambda x: x.permute(axes), [normal(*x)], {"axes": axes})
    for x, shape in (((3,), [2, 3]), ((2, 1, 3), [2, 4, 3]), ((), [2, 2]), ((3, 1), [2, 3, 4])):
        label = f"{list(x)} to {shape}"
        case(label, "broadcastTo", lambda x: x.broadcast_to(shape), [normal(*x)], {"shape": shape})
    for axis in (0, 1, 2):
        parts = [normal(*[length if i == axis else size for i, size in enumerate((2, 3, 4))]) for length in (1, 2, 3)]
        case(f"axis {axis}", "concat", lambda *xs: torch.cat(xs, axis), parts, {"axis": axis})
    slices = {
        "middle": ((5, 6), [1, 2], [4, 5], [1, 1]),
        "steps": ((7, 6), [0, 1], [7, 6], [2, 3]),
        "one axis": ((2, 5, 3), [0, 2, 0], [2, 4, 3], [1, 1, 1]),
        "steps with remainder": ((8, 5), [1, 0], [7, 4], [3, 2]),
    }
    for label, (x, starts, ends, steps) in slices.items():
        index = tuple(slice(*parts) for parts in zip(starts, ends, steps))
        attributes = {"starts": starts, "ends": ends, "steps": steps}
        case(label, "slice", lambda x: x[index], [normal(*x)], attributes)
    for x, before, after in (((2, 3), [0, 1], [2, 0]), ((1, 2, 3, 2), [0, 0, 1, 2], [0, 0, 0, 1]), ((4,), [3], [0])):
        widths = [width for pair in reversed(list(zip(before, after))) for width in pair]
        pad = lambda x: F.pad(x, widths)
        case(f"{before} {after}", "pad", pad, [normal(*x)], {"before": before, "after": after})


def indexing():
    for x, axis, indices in (((5, 3), 0, [4, 0, 4, 2]), ((2, 4, 3), 1, [3, 3, 0]), ((2, 5), 1, [0, 4, 1])):
        gather = lambda x, i: x.index_select(axis, i)
        case(f"axis {axis} of {list(x)}", "gather", gather, [normal(*x), torch.tensor(indices)], {"axis": axis})
    table = torch.tensor([[0, 3, 3], [2, 1, 0]])
    case("2d indices", "gather", lambda x, i: x[i], [normal(4, 2), table], {"axis": 0})
    case("2d indices axis 1", "gather", lambda x, i: x[:, i], [normal(2, 4, 2), table], {"axis": 1})
    for x, axis, indices, size in (((4, 3), 0, [1, 0, 1, 3], 5), ((2, 3, 2), 1, [2, 2, 0], 4), ((2, 5), 1, [0, 0, 1, 2, 0], 3)):
        shape = [size if i == axis else length for i, length in enumerate(x)]
        scatter = lambda values, i: torch.zeros(shape, dtype=torch.float64).index_add(axis, i, values)
        label = f"axis {axis} of {list(x)}"
        case(label, "scatterAdd", scatter, [normal(*x), torch.tensor(indices)], {"axis": axis, "size": size})


def resizes():
    shapes = [((1, 2, 3, 4), [6, 8]), ((1, 2, 4, 3), [7, 5]), ((1, 2, 8, 6), [4, 3]), ((1, 2, 7, 8), [3, 5]), ((1, 2, 4, 6), [7, 3])]
    for x, size in shapes:
        for mode in ("nearest", "bilinear"):
            options = {"align_corners": False} if mode == "bilinear" else {}
            attributes = {"size": size, "mode": mode, "alignCorners": False, "antialias": False}
            label = f"{mode} {x[2]}x{x[3]} to {size[0]}x{size[1]}"
            case(label, "resize", lambda x: F.interpolate(x, size, mode=mode, **options), [normal(*x)], attributes)


def aligned_and_cubic_resizes():
    shapes = [((1, 2, 3, 4), [6, 8]), ((1, 1, 4, 3), [7, 5]), ((1, 1, 7, 8), [3, 5]), ((1, 1, 5, 3), [1, 4])]
    for x, size in shapes:
        for mode, aligned in (("bilinear", True), ("bicubic", False), ("bicubic", True)):
            attributes = {"size": size, "mode": mode, "alignCorners": aligned, "antialias": False}
            label = f"{mode}{' aligned' if aligned else ''} {x[2]}x{x[3]} to {size[0]}x{size[1]}"
            resize = lambda x: F.interpolate(x, size, mode=mode, align_corners=aligned)
            case(label, "resize", resize, [normal(*x)], attributes)


def rolls():
    for x, axis, by in (((2, 5, 3), 1, 2), ((2, 5, 3), 1, -2), ((4, 3), 0, 7), ((3, 4), 1, 4)):
        case(f"{by} on axis {axis} of {list(x)}", "roll", lambda x: x.roll(by, axis), [normal(*x)], {"axis": axis, "by": by})


def normal_distribution():
    case("", "normalCdf", torch.special.ndtr, [2 * normal(3, 4)])
    case("", "gelu", F.gelu, [2 * normal(3, 4)])


def layer_norms():
    for label, shape, eps in (("3d", (2, 3, 5), 1e-5), ("4d large eps", (2, 2, 3, 4), 1e-1)):
        norm = lambda x, w, b: F.layer_norm(x, w.shape, w, b, eps=eps)
        inputs = [normal(*shape) + 0.5, uniform(0.5, 1.5, shape[-1]), normal(shape[-1])]
        case(label, "layerNorm", norm, [representable(x) for x in inputs], {"eps": eps})


def losses_and_norms():
    labels = torch.tensor([2, 0, 4, 2])
    weights = [0.5, 1.0, 2.0, 0.25, 1.5]
    for smoothing in (0, 0.1, 0.5):
        for class_weights in (None, weights):
            label = f"smoothing {smoothing}{' weighted' if class_weights else ''}"
            tensor = torch.tensor(class_weights, dtype=torch.float64) if class_weights else None
            loss = lambda x, y: F.cross_entropy(x, y, weight=tensor, label_smoothing=smoothing)
            attributes = {"labelSmoothing": smoothing, "classWeights": class_weights}
            case(label, "crossEntropy", loss, [2 * normal(4, 5), labels], attributes)
    case("", "mse", F.mse_loss, [normal(3, 4), normal(3, 4)])

    for label, shape, eps in (("4d", (3, 2, 3, 4), 1e-5), ("4d large eps", (2, 3, 2, 2), 1e-1), ("2d", (6, 3), 1e-5)):
        norm = lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True, eps=eps)
        inputs = [normal(*shape) + 0.5, uniform(0.5, 1.5, shape[1]), normal(shape[1])]
        case(label, "batchNorm", norm, [representable(x) for x in inputs], {"eps": eps})


def focal(logits, labels, gamma, weights, smoothing):
    """The focal loss of a softmax; as in F.cross_entropy the weights of the labels divide it."""
    classes = logits.shape[1]
    weights = torch.ones(classes, dtype=torch.float64) if weights is None else weights
    target = (1 - smoothing) * F.one_hot(labels, classes) + smoothing / classes
    logarithms = logits.log_softmax(1)
    terms = target * weights * (1 - logarithms.exp()) ** gamma * logarithms
    return -terms.sum() / weights[labels].sum()


def focal_losses():
    labels = torch.tensor([2, 0, 4, 2])
    weights = torch.tensor([0.5, 1.0, 2.0, 0.25, 1.5], dtype=torch.float64)
    for gamma, class_weights, smoothing in ((2, None, 0), (2, weights, 0), (0.5, None, 0), (1, weights, 0.1)):
        label = f"gamma {gamma}{' weighted' if class_weights is not None else ''} smoothing {smoothing}"
        loss = lambda x, y: focal(x, y, gamma, class_weights, smoothing)
        attributes = {
            "labelSmoothing": smoothing,
            "classWeights": None if class_weights is None else class_weights.tolist(),
            "focalGamma": gamma,
        }
        case(label, "crossEntropy", loss, [2 * normal(4, 5), labels], attributes)
    # Of two classes it is torchvision's, which is binary: the logits are then 0 and x.
    x, y = torch.randn(6, dtype=torch.float64), torch.tensor([0, 1, 1, 0, 1, 0])
    binary = sigmoid_focal_loss(x, y.double(), alpha=-1, gamma=2, reduction="mean")
    torch.testing.assert_close(focal(torch.stack((0 * x, x), 1), y, 2, None, 0), binary)


def main():
    groups = (
        elementwise, reductions, matmuls, convolutions, pools, movement, indexing, resizes, losses_and_norms,
        aligned_and_cubic_resizes, rolls, normal_distribution, layer_norms, focal_losses,
    )
    for group in groups:
        group()
    safetensors_writer.write(Path(__file__).with_suffix(".safetensors"), tensors, {"cases": cases})
    print(f"{len(cases)} cases")


main()
