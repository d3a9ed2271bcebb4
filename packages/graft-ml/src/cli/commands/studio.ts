import { z } from 'zod';
import { studioPort } from '../../serve/studio-server.ts';
import { defineCommand } from '../command.ts';
import { ended } from '../interrupt.ts';
import { printResult } from '../show/printer.ts';
import type { Terminal } from '../terminal.ts';

export const studioCommand = defineCommand({
  arguments: [],
  options: z.strictObject({
    port: z
      .int()
      .min(0)
      .max(65_535)
      .default(studioPort)
      .describe('port on this machine, 0 for any free one; a browser keeps collections and runs by the address'),
    open: z.boolean().default(true).describe('open the page in the browser'),
  }),
  goesOnUnread: () => true,
  examples: ['graft studio', 'graft studio --no-open --port 8000', 'graft studio --json'],
  async run({ options: { port, open }, given, terminal }) {
    const { serveStudio, studioFolder } = await import('../../serve/studio-server.ts');
    const server = await serveStudio(port, { otherwiseAny: !given.includes('port') });
    const { address, isOtherPort } = server;
    if (isOtherPort) {
      terminal.note(
        `Port ${port} is in use, perhaps by another graft studio. What the browser keeps for that address is not to be seen at this one.`,
      );
    }
    const json = { address, port: server.port, folder: studioFolder };
    printResult(terminal, { lines: [`The studio is at ${address} until Ctrl-C.`], json });
    if (open) await openInBrowser(address, terminal);
    await ended();
    await server.close();
  },
});

async function openInBrowser(address: string, terminal: Terminal): Promise<void> {
  const failed = () => terminal.note(`No browser could be opened. Open ${address} in one.`);
  try {
    const { default: start } = await import('open');
    (await start(address)).once('error', failed);
  } catch {
    failed();
  }
}
