#!/usr/bin/env node
import { describeFailure } from './failure.ts';
import { ignoreFileSizeSignal } from './interrupt.ts';
import { noteNarrowSpace } from './machine-limits.ts';
import { watchOutput, write } from './output.ts';

watchOutput();
ignoreFileSizeSignal();
process.on('uncaughtException', fail);
await noteNarrowSpace();
try {
  // Loading may fail, too: for want of memory, or where too few files may be open.
  const { main } = await import('./program.ts');
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  fail(error);
}

function fail(error: unknown): never {
  const { text, status } = describeFailure(error);
  write('stderr', `graft: ${text}\n`);
  process.exit(status);
}
