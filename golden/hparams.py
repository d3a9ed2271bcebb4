"""Writes hparams.json: the file of events that TensorBoard's HParams plugin reads of a trial, made by TensorBoard's own messages.

Run with TensorBoard 2.21.0 (pip install tensorboard):

    python3 golden/hparams.py            writes golden/hparams.json
    python3 golden/hparams.py FOLDER     prints what the plugin finds in a folder of runs, such as that of a study
"""

import io
import json
import sys
from pathlib import Path

from tensorboard.backend.event_processing import data_provider, plugin_event_multiplexer
from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.context import RequestContext
from tensorboard.data import provider
from tensorboard.plugins import base_plugin
from tensorboard.plugins.hparams import api_pb2, backend_context, list_session_groups, plugin_data_pb2
from tensorboard.summary.writer.record_writer import RecordWriter

SESSION = {
    "options": {
        "dropout": {"low": 0, "high": 0.5},
        "head": {"choices": ["linear", {"hidden": [64]}, 3]},
        "learningRate": {"low": 1e-05, "high": 0.1},
        "size": {"choices": [128, 224]},
        "weighted": {"choices": [True, False]},
    },
    "parameters": {"dropout": 0, "head": {"hidden": [64]}, "learningRate": 0.003, "size": 224, "weighted": False},
    "metrics": ["accuracy/validation", "loss/validation"],
    "group": "trial-0007",
    "started": 1_700_000_000.25,
    "ended": 1_700_000_060.5,
    "succeeded": True,
}
TYPES = {bool: api_pb2.DATA_TYPE_BOOL, float: api_pb2.DATA_TYPE_FLOAT64, str: api_pb2.DATA_TYPE_STRING}


def type_of(domain):
    if "choices" not in domain or all(type(each) is int for each in domain["choices"]):
        return float
    return bool if all(type(each) is bool for each in domain["choices"]) else str


def as_type(of, value):
    if of is not str:
        return value
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def plugin_summary(name, **data):
    content = plugin_data_pb2.HParamsPluginData(**data).SerializeToString(deterministic=True)
    metadata = summary_pb2.SummaryMetadata(plugin_data=summary_pb2.SummaryMetadata.PluginData(plugin_name="hparams", content=content))
    return summary_pb2.Summary(value=[summary_pb2.Summary.Value(tag=f"_hparams_/{name}", metadata=metadata)])


def info(name, domain):
    result = api_pb2.HParamInfo(name=name, type=TYPES[type_of(domain)])
    if "choices" in domain:
        result.domain_discrete.extend([as_type(type_of(domain), each) for each in domain["choices"]])
    else:
        result.domain_interval.min_value, result.domain_interval.max_value = domain["low"], domain["high"]
    return result


def write():
    session, file = SESSION, io.BytesIO()
    metrics = [
        api_pb2.MetricInfo(name=api_pb2.MetricName(tag=tag), dataset_type=api_pb2.DATASET_VALIDATION) for tag in session["metrics"]
    ]
    experiment = api_pb2.Experiment(hparam_infos=[info(*item) for item in session["options"].items()], metric_infos=metrics)
    start = plugin_data_pb2.SessionStartInfo(group_name=session["group"], start_time_secs=session["started"])
    for name, value in session["parameters"].items():
        of = type_of(session["options"][name])
        setattr(start.hparams[name], {bool: "bool_value", float: "number_value", str: "string_value"}[of], as_type(of, value))
    end = plugin_data_pb2.SessionEndInfo(status=api_pb2.STATUS_SUCCESS, end_time_secs=session["ended"])
    events = [
        {"file_version": "brain.Event:2"},
        {"summary": plugin_summary("experiment", experiment=experiment)},
        {"summary": plugin_summary("session_start_info", session_start_info=start)},
        {"summary": plugin_summary("session_end_info", session_end_info=end)},
    ]
    writer = RecordWriter(file)
    for event in events:
        writer.write(event_pb2.Event(wall_time=session["ended"], **event).SerializeToString(deterministic=True))
    path = Path(__file__).with_suffix(".json")
    path.write_text(json.dumps({"session": session, "file": file.getvalue().hex()}, separators=(",", ":")) + "\n")
    print(path.stat().st_size)


def show(folder):
    multiplexer = plugin_event_multiplexer.EventMultiplexer()
    multiplexer.AddRunsFromDirectory(folder)
    multiplexer.Reload()
    context = base_plugin.TBContext(data_provider=data_provider.MultiplexerDataProvider(multiplexer, folder))
    backend, request_context = backend_context.Context(context), RequestContext()
    tags = backend.hparams_metadata(request_context, "")
    found = backend.experiment_from_metadata(request_context, "", True, tags, backend.hparams_from_data_provider(request_context, "", 1000))
    print("options:", [(each.name, api_pb2.DataType.Name(each.type)) for each in found.hparam_infos])
    print("metrics:", [each.name.tag for each in found.metric_infos])
    request = api_pb2.ListSessionGroupsRequest(
        start_index=0,
        slice_size=1000,
        allowed_statuses=[api_pb2.STATUS_SUCCESS, api_pb2.STATUS_FAILURE],
        aggregation_type=api_pb2.AGGREGATION_AVG,
        col_params=[api_pb2.ColParams(hparam=each.name) for each in found.hparam_infos],
    )
    groups = list_session_groups.Handler(request_context, backend, "", request).run()
    for group in groups.session_groups:
        options = {name: getattr(value, value.WhichOneof("kind")) for name, value in group.hparams.items()}
        metrics = {each.name.tag: round(each.value, 4) for each in group.metric_values}
        print(group.name, options, metrics, [each.name for each in group.sessions])


show(sys.argv[1]) if len(sys.argv) > 1 else write()
