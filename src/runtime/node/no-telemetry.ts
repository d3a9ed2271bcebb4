/*
 * The official builds of ONNX Runtime count what is done with them, queue it in the user's cache folder and send it to
 * Microsoft. They ask for this variable when the process makes its first session, so it has to be set by then: this module is
 * imported before theirs, and it overrides a value that says otherwise.
 */
process.env.ORT_DISABLE_TELEMETRY = '1';

/**
 * Whether the native library sees the variable. In a worker thread `process.env` is as a rule a copy, and what is set in it
 * never reaches the process, so the report is asked, which reads the process's own environment.
 */
export function isTelemetryOff(): boolean {
  const report: NodeJS.ProcessReport & { excludeNetwork?: boolean } = process.report;
  const { excludeNetwork = false } = report;
  report.excludeNetwork = true; // looking up the names of network addresses can take seconds
  const { environmentVariables } = report.getReport() as unknown as { environmentVariables?: NodeJS.ProcessEnv };
  report.excludeNetwork = excludeNetwork;
  return environmentVariables?.ORT_DISABLE_TELEMETRY === '1';
}
