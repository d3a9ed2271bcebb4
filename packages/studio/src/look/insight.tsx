import type { ExplainMethod } from '@graft-ml/core/internal/explain/methods';
import { nearestNeighbours } from '@graft-ml/core/internal/explain/neighbours';
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { CollectedImage } from '../collection/collection.ts';
import { collection } from '../collection/page-collection.ts';
import { Button } from '../ui/button.tsx';
import { Progress } from '../ui/progress.tsx';
import { Thumbnail } from '../ui/thumbnail.tsx';
import { sayProblem } from '../ui/toast.tsx';
import type { Insight } from './answerer.ts';

/** Images that are shown as near. */
const shownNear = 8;

interface Neighbour {
  readonly image: CollectedImage;
  readonly label: string;
}

/** What in an image speaks for the answer, and which images of the collection are near it. */
export function InsightPanel({ insight, image }: { readonly insight: Insight; readonly image: Blob }) {
  const explained = useSignal<Awaited<ReturnType<Insight['explain']>> | null>(null);
  const near = useSignal<readonly Neighbour[] | null>(null);
  const progress = useSignal<{ readonly done: number; readonly total: number } | null>(null);
  useEffect(() => {
    explained.value = null;
    near.value = null;
  }, [image]);
  const explain = async () => {
    try {
      explained.value = await insight.explain(image);
    } catch (error) {
      sayProblem(error);
    }
  };
  const findNear = async () => {
    const all = collection.classes.flatMap(({ name, images }) => images.map((each) => ({ image: each, label: name })));
    progress.value = { done: 0, total: all.length + 1 };
    try {
      const files = [image, ...all.map((each) => each.image.file)];
      near.value = neighboursOf(
        all,
        await insight.features(files, (done) => {
          progress.value = { done, total: files.length };
        }),
      );
    } catch (error) {
      sayProblem(error);
    } finally {
      progress.value = null;
    }
  };
  const hasImages = collection.classes.some(({ images }) => images.length > 0);
  return (
    <div class="insight">
      <div class="row">
        <Button onClick={explain}>What speaks for it</Button>
        {hasImages && (
          <Button disabled={progress.value !== null} onClick={findNear}>
            Near images
          </Button>
        )}
      </div>
      {explained.value && <Overlay {...explained.value} />}
      {progress.value && <Progress label="Looking for near images" {...progress.value} />}
      {near.value && (
        <ul class="answered" aria-label="Near images">
          {near.value.map((each) => (
            <li key={each.image.id}>
              <Thumbnail image={each.image.file} alt={each.image.name} />
              <span>{each.label}</span>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

/** Those whose features point the same way, the nearest first. The image itself is no neighbour. */
function neighboursOf(
  all: readonly Neighbour[],
  [own, ...features]: readonly (Float32Array | null)[],
): readonly Neighbour[] {
  if (!own) throw new Error('The image cannot be used.');
  const usable = all.flatMap((each, i) => {
    const vector = features[i];
    return vector ? [{ ...each, vector }] : [];
  });
  const vectors = usable.map(({ vector }) => vector);
  return nearestNeighbours(vectors, own, { count: shownNear }).map(({ index }) => usable[index]!);
}

const methodNames = {
  gradcam: 'Grad-CAM',
  'integrated-gradients': 'integrated gradients',
  occlusion: 'occlusion',
} as const satisfies Record<ExplainMethod, string>;

function Overlay({ name, method, overlay }: Awaited<ReturnType<Insight['explain']>>) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => canvas.current?.getContext('2d')?.putImageData(overlay, 0, 0), [overlay]);
  return (
    <figure class="overlay">
      <canvas
        ref={canvas}
        width={overlay.width}
        height={overlay.height}
        role="img"
        aria-label={`The image with colour where it speaks for ${name}`}
      />
      <figcaption class="soft">
        Coloured where it speaks for {name} ({methodNames[method]}), as the network sees it.
      </figcaption>
    </figure>
  );
}
