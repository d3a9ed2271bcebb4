#!/usr/bin/env node
import { ignoreFileSizeSignal } from './interrupt.ts';
import { watchOutput } from './output.ts';
import { main } from './program.ts';

watchOutput();
ignoreFileSizeSignal();
process.exitCode = await main(process.argv.slice(2));
