/** Outlines on a grid of 24 units, drawn in the colour of the text. */
const outlines = {
  add: 'M12 5v14M5 12h14',
  camera: 'M4 8h3l2-3h6l2 3h3v11H4zM12 16.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7z',
  check: 'M5 13l4 4L19 7',
  close: 'M6 6l12 12M18 6L6 18',
  draw: 'M4 20l1-5L16 4l4 4L9 19zM14 6l4 4',
  file: 'M6 3h8l4 4v14H6zM14 3v4h4',
  folder: 'M3 6h7l2 2h9v11H3z',
  lock: 'M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3',
  more: 'M5 12h.01M12 12h.01M19 12h.01',
  move: 'M4 12h15M13 6l6 6-6 6',
  open: 'M12 16V4M7 9l5-5 5 5M4 20h16',
  remove: 'M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13',
  samples: 'M4 4h7v7H4zM16.500 4.500a3.500 3.500 0 1 0 0 7 3.500 3.500 0 0 0 0-7zM7.500 14l4 6h-8zM14 14h6v6h-6z',
  save: 'M12 4v12M7 11l5 5 5-5M4 20h16',
  undo: 'M9 7L4 12l5 5M4 12h10a6 6 0 0 1 6 6',
} as const;

export type IconName = keyof typeof outlines;

/** A sign beside words that say the same, and so hidden from screen readers. */
export function Icon({ name }: { readonly name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={outlines[name]} />
    </svg>
  );
}
