#!/usr/bin/env node
import { ignoreClosedOutput, ignoreFileSizeSignal } from './interrupt.ts';
import { main } from './program.ts';

ignoreClosedOutput();
ignoreFileSizeSignal();
process.exitCode = await main(process.argv.slice(2));
