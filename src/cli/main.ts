#!/usr/bin/env node
import { ignoreClosedOutput } from './interrupt.ts';
import { main } from './program.ts';

ignoreClosedOutput();
process.exitCode = await main(process.argv.slice(2));
