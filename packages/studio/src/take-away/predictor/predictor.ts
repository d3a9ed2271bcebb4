/*
 * The script of the one-file predictor: a page of its own, which has model and WebAssembly in it and asks nobody for
 * anything. Built by build/scripts.ts into one script.
 */
import { loadPredictor, type PageImage } from '@graft-ml/web/internal/predict/index';

const element = (id: string) => document.getElementById(id)!;

/** A file that lies in the page: gzip, in base64. */
async function fileIn(id: string): Promise<Uint8Array<ArrayBuffer>> {
  const packed = Uint8Array.from(atob(element(id).textContent?.trim() ?? ''), (character) => character.charCodeAt(0));
  const unpacked = new Blob([packed]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Uint8Array(await new Response(unpacked).arrayBuffer());
}

const status = element('status');
const answer = element('answer');

async function start(): Promise<void> {
  const predictor = await loadPredictor(await fileIn('model'), { threads: 1, wasmBinary: await fileIn('wasm') });
  status.textContent = `Knows ${predictor.classes.join(', ')}.`;

  const look = async (image: PageImage) => {
    try {
      const found = await predictor.predict(image, 8);
      answer.replaceChildren(...found.map(({ name, probability }) => bar(name, probability)));
    } catch (error) {
      status.textContent = error instanceof Error ? error.message : String(error);
    }
  };
  const lookAt = (file: File | undefined) => {
    if (!file) return;
    stopCamera();
    const shown = new Image();
    shown.alt = 'The image that is looked at';
    shown.src = URL.createObjectURL(file);
    element('shown').replaceChildren(shown);
    void look(file);
  };

  const input = element('file');
  input.addEventListener('change', () => lookAt(input instanceof HTMLInputElement ? input.files?.[0] : undefined));
  document.addEventListener('paste', ({ clipboardData }) => lookAt(clipboardData?.files[0]));
  document.addEventListener('dragover', (event) => event.preventDefault());
  document.addEventListener('drop', (event) => {
    event.preventDefault();
    lookAt(event.dataTransfer?.files[0]);
  });

  let video: HTMLVideoElement | null = null;
  const stopCamera = () => {
    const stream = video?.srcObject;
    if (stream instanceof MediaStream) for (const track of stream.getTracks()) track.stop();
    video = null;
  };
  element('camera').addEventListener('click', async () => {
    stopCamera();
    const own = document.createElement('video');
    own.muted = true;
    own.playsInline = true;
    try {
      own.srcObject = await navigator.mediaDevices.getUserMedia({ video: true });
      await own.play();
    } catch (error) {
      status.textContent = `The camera cannot be used: ${error instanceof Error ? error.message : error}`;
      return;
    }
    video = own;
    element('shown').replaceChildren(own);
    while (video === own) {
      await look(own);
      await new Promise(requestAnimationFrame);
    }
  });
  element('controls').hidden = false;
}

function bar(name: string, probability: number): HTMLElement {
  const item = document.createElement('li');
  const [label, number, meter] = ['span', 'span', 'meter'].map((tag) => document.createElement(tag)) as [
    HTMLElement,
    HTMLElement,
    HTMLMeterElement,
  ];
  label.textContent = name;
  number.textContent = `${(100 * probability).toFixed(1)} %`;
  meter.value = probability;
  meter.setAttribute('aria-hidden', 'true');
  item.append(label, number, meter);
  return item;
}

start().catch((error: unknown) => {
  status.textContent = error instanceof Error ? error.message : String(error);
});
