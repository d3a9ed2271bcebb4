import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'vite';

/** Pages of one script, by the file that it becomes: the one-file predictor, and the verifier of `graft export`. */
const scripts: Readonly<Record<string, string>> = {
  'predictor/predictor.js': '../src/take-away/predictor/predictor.ts',
  'verifier/verifier.js': '../src/take-away/verifier/verifier.ts',
};

/** Builds scripts with everything in them, which are not the studio's own. */
export function scriptsPlugin(): Plugin {
  return {
    name: 'graft-scripts',
    apply: 'build',
    async generateBundle() {
      for (const [fileName, source] of Object.entries(scripts)) {
        this.emitFile({ type: 'asset', fileName, source: await scriptOf(source) });
      }
    },
  };
}

async function scriptOf(source: string): Promise<string> {
  const built = await build({
    configFile: false,
    logLevel: 'error',
    build: {
      write: false,
      target: 'esnext',
      assetsInlineLimit: 0, // it is given the WebAssembly, and never loads it
      modulePreload: false,
      rolldownOptions: { input: fileURLToPath(new URL(source, import.meta.url)), output: { codeSplitting: false } },
    },
  });
  const [output] = [built].flat();
  const chunks = output && 'output' in output ? output.output.filter((file) => file.type === 'chunk') : [];
  if (chunks.length !== 1) throw new Error(`${source} is ${chunks.length} scripts, and not one`);
  return chunks[0]!.code;
}
