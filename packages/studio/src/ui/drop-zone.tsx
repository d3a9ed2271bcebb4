import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';

interface DropZoneProps {
  /** Whether what is dragged can be dropped here. Default: files. */
  accepts?(types: readonly string[]): boolean;
  onDrop(data: DataTransfer): void;
  readonly class?: string;
  readonly label?: string;
  readonly children: ComponentChildren;
}

const hasFiles = (types: readonly string[]) => types.includes('Files');

/** An area to drop something on. Whatever can be dropped there can be given by keyboard elsewhere. */
export function DropZone({ accepts = hasFiles, onDrop, class: more = '', label, children }: DropZoneProps) {
  const depth = useSignal(0); // entering a child comes before leaving its parent
  const takes = (event: DragEvent) => accepts(event.dataTransfer?.types ?? []);
  return (
    <section
      class={`drop-zone ${depth.value > 0 ? 'over' : ''} ${more}`}
      aria-label={label}
      onDragEnter={(event) => {
        if (takes(event)) depth.value++;
      }}
      onDragLeave={(event) => {
        if (takes(event)) depth.value--;
      }}
      onDragOver={(event) => {
        if (takes(event)) event.preventDefault();
      }}
      onDrop={(event) => {
        if (!takes(event) || !event.dataTransfer) return;
        event.preventDefault();
        event.stopPropagation();
        depth.value = 0;
        onDrop(event.dataTransfer);
      }}
    >
      {children}
    </section>
  );
}
