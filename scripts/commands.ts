/*
 * The last step of the build: writes the arguments and flags of every command as JSON beside the command line's code,
 * which reads them instead of loading the schemas that they are read off.
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { commands } from 'graft-ml/internal/cli/commands/index';
import { commandLineOf } from 'graft-ml/internal/cli/flags';

const lines = await Promise.all(commands.map(async ({ name, load }) => [name, commandLineOf(await load())] as const));
const path = fileURLToPath(new URL('./commands.json', import.meta.resolve('graft-ml/internal/cli/program')));
writeFileSync(path, JSON.stringify(Object.fromEntries(lines)));
