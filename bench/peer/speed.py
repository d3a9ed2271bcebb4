"""PyTorch's side of `npm run bench`: a training step or a forward pass of a torchvision classifier, from weights and
images in a folder, as often as each line asks for it.

python3 speed.py '{"work": {…}, "threads": 2, "folder": "…", "layout": "channels_last", "cached": false, "compile": false}'
"""

import json
import sys
from pathlib import Path

import torch
import torch.nn.functional as F
import torchvision
from speed_side import read_safetensors, serve
from torch import fx, nn
from torchvision.models.feature_extraction import NodePathTracer, _get_leaf_modules_for_ops
from torchvision.ops import StochasticDepth

CHECKED_STEPS = 2

request = json.loads(sys.argv[1])
work = request["work"]
torch.set_num_threads(request["threads"])
layout = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}[request["layout"]]

tensors, metadata = read_safetensors(Path(request["folder"]) / "start.safetensors")
images = tensors.pop("batch/images").clone(memory_format=layout)
labels = torch.arange(work["batch"])
model = getattr(torchvision.models, work["model"])(weights=None)
missing, unexpected = model.load_state_dict(tensors, strict=False)
assert not unexpected and all(name.endswith("num_batches_tracked") for name in missing), (missing, unexpected)
del tensors
model.to(memory_format=layout)
trained = set(json.loads(metadata["trained"]))


def is_random(module):
    return isinstance(module, (nn.Dropout, StochasticDepth)) and module.p > 0


def set_modes():
    """Training where parameters are trained and behind that; batch norms that are frozen keep their statistics."""
    model.eval()
    modules = [(module, [f"{path}.{name}" if path else name for name, _ in module.named_parameters(recurse=False)])
               for path, module in model.named_modules()]
    behind = False
    # A head's dropout comes before its linear layer, and behind the last layer that is frozen.
    last_frozen = max((at for at, (_, own) in enumerate(modules) if own and not trained & set(own)), default=-1)
    for at, (module, own) in enumerate(modules):
        behind = behind or bool(trained & set(own)) or (work["kind"] == "head" and at > last_frozen)
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.training = bool(trained & set(own))
        elif behind:
            module.training = True
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name in trained)


def behind_the_cut():
    """The network from the last node on through which everything goes and before which nothing is trained or random,
    with that node's value: what a loop that keeps features would run."""
    # torchvision's own tracer, which knows what of its modules cannot be traced through.
    tracer = NodePathTracer(leaf_modules=_get_leaf_modules_for_ops())
    graph = tracer.trace(model)
    nodes = list(graph.nodes)
    live, cut = set(), None
    for node in nodes:
        if node.op == "get_attr":
            if node.target in trained:
                break
            continue
        if node.op == "call_module":
            module = model.get_submodule(node.target)
            own = {f"{node.target}.{name}" for name, _ in module.named_parameters()}
            if own & trained or (is_random(module) and module.training):
                break
        if node.op == "output":
            break
        live.add(node)
        done = nodes.index(node)
        live = {kept for kept in live if any(nodes.index(user) > done for user in kept.users)}
        if live == {node} and node.op != "placeholder":
            cut = node
    before = fx.GraphModule(model, prefix(graph, cut))
    with torch.inference_mode():
        features = before(images)
    after = fx.Graph()
    values = {cut: after.placeholder("features")}
    for node in nodes[nodes.index(cut) + 1 :]:
        for used in node.all_input_nodes:
            if used.op == "get_attr" and used not in values:
                values[used] = after.node_copy(used)
        if node.op != "get_attr":
            values[node] = after.node_copy(node, lambda used: values[used])
    return fx.GraphModule(model, after), features.clone()


def prefix(graph, last):
    copy = fx.Graph()
    values = {}
    for node in graph.nodes:
        values[node] = copy.node_copy(node, lambda used: values[used])
        if node is last:
            copy.output(values[node])
            return copy
    raise AssertionError("the cut is not in the graph")


def keep_all(module, keep):
    """Dropout that drops nothing, but scales as it does in training: two libraries never draw the same."""
    for each in module.modules():
        if not is_random(each):
            continue
        if keep:
            each.forward = lambda x, each=each: x / (1 - each.p) if each.training else x
        else:
            del each.forward


if work["kind"] == "frozen":
    model.eval()
    network = torch.compile(model) if request["compile"] else model

    def step():
        with torch.inference_mode():
            return network(images)

    check = step().flatten()[:10].tolist()
else:
    set_modes()
    network, inputs = behind_the_cut() if request["cached"] else (model, images)
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.SGD(parameters, lr=1e-4, momentum=0.9, fused=True)
    keep_all(network, True)
    run = network

    def step():
        optimizer.zero_grad()
        loss = F.cross_entropy(run(inputs), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    check = [step() for _ in range(CHECKED_STEPS)]
    keep_all(network, False)
    if request["compile"]:
        run = torch.compile(network)

setting = [request["layout"], "torch.compile" if request["compile"] else "eager"]
serve(step, check, ", ".join(setting + (["features kept"] if request["cached"] else [])))
