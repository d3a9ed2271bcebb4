import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'vite';

const script = fileURLToPath(new URL('../src/take-away/predictor/predictor.ts', import.meta.url));

/** Builds the script of the one-file predictor: one module with everything in it, which the page fetches as text. */
export function predictorPlugin(): Plugin {
  return {
    name: 'graft-predictor',
    apply: 'build',
    async generateBundle() {
      this.emitFile({ type: 'asset', fileName: 'predictor/predictor.js', source: await predictorScript() });
    },
  };
}

async function predictorScript(): Promise<string> {
  const built = await build({
    configFile: false,
    logLevel: 'error',
    build: {
      write: false,
      target: 'esnext',
      assetsInlineLimit: 0, // it is given the WebAssembly, and never loads it
      modulePreload: false,
      rolldownOptions: { input: script, output: { codeSplitting: false } },
    },
  });
  const [output] = [built].flat();
  const chunks = output && 'output' in output ? output.output.filter((file) => file.type === 'chunk') : [];
  if (chunks.length !== 1) throw new Error(`the predictor is ${chunks.length} scripts, and not one`);
  return chunks[0]!.code;
}
