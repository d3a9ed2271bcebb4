import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { RunStore } from '../run-store.ts';
import { hparamsFile } from './names.ts';
import { eventRecord, tag, writeVersion } from './tensorboard.ts';

/** A trial of a study, as TensorBoard's HParams plugin shows it: a session. */
export interface HparamsSession {
  /** The options that the study varies, by name: the same in all of its trials. A `Space` is one. */
  readonly options: Readonly<Record<string, HparamsDomain>>;
  /** The trial's values of them. */
  readonly parameters: Readonly<Record<string, unknown>>;
  /** The tags of the scalars by which trials are compared, as the run's own log names them: `accuracy/validation`. */
  readonly metrics: readonly string[];
  /** Runs of one name are shown as one trial, with the mean of their metrics: those that differ in their seed. */
  readonly group: string;
  readonly started: Date;
  readonly ended: Date;
  /** False for a run that failed. A pruned one has succeeded. */
  readonly succeeded: boolean;
}

/** The values that an option may have. */
export type HparamsDomain = { readonly low: number; readonly high: number } | { readonly choices: readonly unknown[] };

/**
 * Writes the options of a trial into its run folder, in a file of events of their own: `_hparams_/experiment`,
 * `_hparams_/session_start_info` and `_hparams_/session_end_info`, as TensorBoard finds them beside the run's scalars.
 *
 * It comes when the run has ended. TensorBoard reads the files of a folder in the order of their names and never goes
 * back to one, so that what is written into another file earlier ends the curves that it shows of a run.
 */
export async function writeHparams(store: Pick<RunStore, 'replace'>, session: HparamsSession): Promise<void> {
  await store.replace(hparamsFile, encodeHparams(session));
}

/** The content of the file. */
export function encodeHparams(session: HparamsSession): Uint8Array {
  const seconds = session.ended.getTime() / 1000;
  const summaries = [
    pluginSummary('_hparams_/experiment', 2, (message) => writeExperiment(message, session)),
    pluginSummary('_hparams_/session_start_info', 3, (message) => writeStart(message, session)),
    pluginSummary('_hparams_/session_end_info', 4, (message) => writeEnd(message, session)),
  ];
  const records = [
    eventRecord(seconds, writeVersion),
    ...summaries.map((summary) => eventRecord(seconds, (event) => bytes(event, 5, summary))),
  ];
  const file = new Uint8Array(records.reduce((sum, { length }) => sum + length, 0));
  let end = 0;
  for (const record of records) {
    file.set(record, end);
    end += record.length;
  }
  return file;
}

/**
 * `Summary { Value { string tag = 1; SummaryMetadata { PluginData { string plugin_name = 1; bytes content = 2; } = 1; }
 * = 9; } = 1; }` around `HParamsPluginData { oneof data { … = field; } }` (tensorboard/plugins/hparams/plugin_data.proto).
 */
function pluginSummary(name: string, field: number, write: (message: BinaryWriter) => void): Uint8Array {
  const content = message((data) => nested(data, field, write));
  return message((summary) =>
    nested(summary, 1, (value) => {
      text(value, 1, name);
      nested(value, 9, (metadata) =>
        nested(metadata, 1, (plugin) => {
          text(plugin, 1, 'hparams');
          bytes(plugin, 2, content);
        }),
      );
    }),
  );
}

/** `Experiment { repeated HParamInfo hparam_infos = 4; repeated MetricInfo metric_infos = 5; }` */
function writeExperiment(experiment: BinaryWriter, { options, metrics }: HparamsSession): void {
  for (const [name, domain] of Object.entries(options)) {
    nested(experiment, 4, (info) => writeInfo(info, name, domain));
  }
  for (const metric of metrics) {
    // MetricInfo { MetricName { string tag = 2; } name = 1; DatasetType dataset_type = 5; }
    nested(experiment, 5, (info) => {
      nested(info, 1, (metricName) => text(metricName, 2, metric));
      if (metric.endsWith('/validation')) info.uint32(tag(5, WireType.Varint)).int32(2);
    });
  }
}

/** Of the plugin's enumeration DataType. */
const dataTypes = { string: 1, boolean: 2, number: 3 } as const;

/** `HParamInfo { string name = 1; DataType type = 4; oneof { ListValue domain_discrete = 5; Interval domain_interval = 6; } }` */
function writeInfo(info: BinaryWriter, name: string, domain: HparamsDomain): void {
  text(info, 1, name);
  info.uint32(tag(4, WireType.Varint)).int32(dataTypes[typeOf(domain)]);
  if ('choices' in domain) {
    // ListValue { repeated Value values = 1; }
    nested(info, 5, (list) => {
      for (const choice of domain.choices) nested(list, 1, (value) => writeValue(value, domain, choice));
    });
  } else {
    // Interval { double min_value = 1; double max_value = 2; }
    nested(info, 6, (interval) => {
      double(interval, 1, domain.low);
      double(interval, 2, domain.high);
    });
  }
}

/** `SessionStartInfo { map<string, Value> hparams = 1; string group_name = 4; double start_time_secs = 5; }` */
function writeStart(start: BinaryWriter, { options, parameters, group, started }: HparamsSession): void {
  for (const [name, domain] of Object.entries(options)) {
    if (!Object.hasOwn(parameters, name)) continue;
    nested(start, 1, (entry) => {
      text(entry, 1, name);
      nested(entry, 2, (value) => writeValue(value, domain, parameters[name]));
    });
  }
  text(start, 4, group);
  double(start, 5, started.getTime() / 1000);
}

/** `SessionEndInfo { Status status = 1; double end_time_secs = 2; }` */
function writeEnd(end: BinaryWriter, { succeeded, ended }: HparamsSession): void {
  end.uint32(tag(1, WireType.Varint)).int32(succeeded ? 1 : 2);
  double(end, 2, ended.getTime() / 1000);
}

/** The plugin knows three types; choices of several, and what is neither, are strings. */
function typeOf(domain: HparamsDomain): keyof typeof dataTypes {
  if (!('choices' in domain)) return 'number';
  if (domain.choices.every((choice) => typeof choice === 'boolean')) return 'boolean';
  return domain.choices.every((choice) => typeof choice === 'number') ? 'number' : 'string';
}

/** google.protobuf's `Value { double number_value = 2; string string_value = 3; bool bool_value = 4; }`, of the option's type. */
function writeValue(message: BinaryWriter, domain: HparamsDomain, value: unknown): void {
  const type = typeOf(domain);
  if (type === 'number' && typeof value === 'number') message.uint32(tag(2, WireType.Bit64)).double(value);
  else if (type === 'boolean' && typeof value === 'boolean') message.uint32(tag(4, WireType.Varint)).bool(value);
  else
    message.uint32(tag(3, WireType.LengthDelimited)).string(typeof value === 'string' ? value : JSON.stringify(value));
}

function message(write: (message: BinaryWriter) => void): Uint8Array {
  const writer = new BinaryWriter();
  write(writer);
  return writer.finish();
}

function nested(message: BinaryWriter, field: number, write: (message: BinaryWriter) => void): void {
  message.uint32(tag(field, WireType.LengthDelimited)).fork();
  write(message);
  message.join();
}

function bytes(message: BinaryWriter, field: number, value: Uint8Array): void {
  message.uint32(tag(field, WireType.LengthDelimited)).bytes(value);
}

function text(message: BinaryWriter, field: number, value: string): void {
  message.uint32(tag(field, WireType.LengthDelimited)).string(value);
}

/** As all of protobuf 3's fields, 0 is left out. */
function double(message: BinaryWriter, field: number, value: number): void {
  if (value !== 0) message.uint32(tag(field, WireType.Bit64)).double(value);
}
