import { createRef } from 'preact';
import { useEffect, useMemo } from 'preact/hooks';

/** Longest side, in pixels. */
const side = 144;

/** An image drawn small, once it comes into view. Of a large photo only these pixels are kept. Without `alt` it is decoration. */
export function Thumbnail({ image, alt }: { readonly image: Blob; readonly alt: string }) {
  const element = useMemo(() => createRef<HTMLCanvasElement>(), []);
  useEffect(() => {
    const canvas = element.current;
    if (!canvas) return;
    const observer = new IntersectionObserver(([entry]) => {
      if (!entry?.isIntersecting) return;
      observer.disconnect();
      draw(image, canvas).catch(() => canvas.classList.add('unreadable'));
    });
    observer.observe(canvas);
    return () => observer.disconnect();
  }, [image, element]);
  const spoken = alt === '' ? { 'aria-hidden': true } : { role: 'img' as const, 'aria-label': alt };
  return <canvas ref={element} class="thumbnail" width={side} height={side} {...spoken} />;
}

async function draw(image: Blob, canvas: HTMLCanvasElement): Promise<void> {
  const bitmap = await createImageBitmap(image);
  const scale = side / Math.min(bitmap.width, bitmap.height);
  const [width, height] = [bitmap.width * scale, bitmap.height * scale];
  const context = canvas.getContext('2d')!;
  context.imageSmoothingEnabled = scale < 1; // small drawings keep their pixels
  context.imageSmoothingQuality = 'high';
  context.drawImage(bitmap, (side - width) / 2, (side - height) / 2, width, height);
  bitmap.close();
}
