/*
 * Sorting the table of a comparison, keeping some of its runs, and finding a run in every chart. Without it the page
 * lacks only this. Names come from elsewhere: they are put in as text, never as markup.
 */
{
  const table = document.querySelector<HTMLTableElement>('#runs');
  const body = table?.tBodies[0];
  const parallel = document.querySelector<SVGSVGElement>('.parallel svg');
  const panel = document.querySelector<HTMLElement>('#filter');
  const says = document.querySelector<HTMLElement>('#filter-says');
  const rows = [...(body?.rows ?? [])];
  const keyed = [...document.querySelectorAll<HTMLElement | SVGElement>('[data-key]')];
  const keyAt = ({ target }: Event) =>
    target instanceof Element ? target.closest<HTMLElement | SVGElement>('[data-key]')?.dataset.key : undefined;

  /* A run under the pointer or the focus stands out everywhere. */
  let pinned: string | undefined;
  function show(key = pinned): void {
    document.body.classList.toggle('some', key !== undefined);
    for (const mark of keyed) mark.classList.toggle('on', mark.dataset.key === key);
  }
  document.addEventListener('pointerover', (event) => show(keyAt(event)));
  document.addEventListener('focusin', (event) => show(keyAt(event) ?? pinned));
  document.addEventListener('focusout', () => show());
  document.addEventListener('click', (event) => {
    if (!(event.target instanceof Element) || event.target.closest('a, button, select, label, summary')) return;
    const key = keyAt(event);
    pinned = key === pinned ? undefined : key;
    show();
  });
  document.addEventListener('keydown', (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const isOnTable = event.target instanceof Element && event.target.contains(table) && event.target !== document.body;
    if (event.key === 'Escape') pinned = undefined;
    else if (step !== undefined && isOnTable) {
      const there = rows.filter(({ hidden }) => !hidden);
      const at = there.findIndex(({ dataset }) => dataset.key === pinned);
      const next = there[at === -1 ? 0 : Math.min(Math.max(at + step, 0), there.length - 1)];
      pinned = next?.dataset.key;
      next?.scrollIntoView({ block: 'nearest' });
      event.preventDefault();
    } else return;
    show();
  });
  const hint = document.querySelector<HTMLElement>('#walk');
  if (hint) hint.hidden = false;

  /* Sorting by a column: a click sorts, another turns it round. Numbers are compared as such, what is missing is last. */
  const sortValue = (row: HTMLTableRowElement, column: number): number | string => {
    const cell = row.cells[column];
    const number = cell?.dataset.v;
    if (number !== undefined)
      return number === '' ? (cell?.textContent === '–' ? Number.NaN : (cell?.textContent ?? '')) : Number(number);
    return cell?.textContent ?? '';
  };
  function compared(a: number | string, b: number | string): number {
    if (typeof a === 'string' || typeof b === 'string')
      return String(a).localeCompare(String(b), 'en', { numeric: true });
    return a - b;
  }
  const heads = [...(table?.tHead?.rows[0]?.cells ?? [])];
  for (const [column, head] of heads.entries()) {
    const button = document.createElement('button');
    button.type = 'button';
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener('click', () => {
      const isFalling = head.getAttribute('aria-sort') !== 'descending';
      for (const other of heads) other.removeAttribute('aria-sort');
      head.setAttribute('aria-sort', isFalling ? 'descending' : 'ascending');
      const isMissing = (row: HTMLTableRowElement) => Number.isNaN(sortValue(row, column));
      const sign = isFalling ? -1 : 1;
      rows.sort(
        (a, b) =>
          Number(isMissing(a)) - Number(isMissing(b)) ||
          sign * compared(sortValue(a, column), sortValue(b, column)) ||
          0,
      );
      body?.append(...rows);
    });
  }

  /* Keeping the runs that have a value, or pass through a stretch of an axis. */
  const lines = [...(parallel?.querySelectorAll<SVGGElement>('g[data-key]') ?? [])];
  const axes = [...(parallel?.querySelectorAll<SVGGElement>('g[data-axis]') ?? [])];
  const selects = [...(panel?.querySelectorAll('select') ?? [])];
  const brushes = new Map<SVGGElement, { readonly rect: SVGRectElement; from: number; to: number }>();

  /** Pixels by which a brush reaches beyond its ends, so that the ends of an axis can be hit. */
  const near = 4;

  /** The height at which a line crosses an axis; undefined where it does not. */
  function crossing(line: SVGGElement, x: number): number | undefined {
    const d = line.querySelector('path')?.getAttribute('d') ?? '';
    for (const [, left, top] of d.matchAll(/[ML]([-\d.]+) ([-\d.]+)/g)) {
      if (Math.abs(Number(left) - x) < 1) return Number(top);
    }
    return undefined;
  }

  function filter(): void {
    const kept = new Set(rows.map(({ dataset }) => dataset.key));
    const texts: Record<string, string[]> = JSON.parse(panel?.dataset.values ?? '{}');
    for (const { value, dataset } of selects) {
      if (value === '') continue;
      for (const key of kept) if (texts[key ?? '']?.[Number(dataset.option)] !== value) kept.delete(key);
    }
    for (const [axis, { from, to }] of brushes) {
      const through = new Set(
        lines
          .filter((line) => {
            const y = crossing(line, Number(axis.dataset.x));
            return y !== undefined && y >= Math.min(from, to) - near && y <= Math.max(from, to) + near;
          })
          .map(({ dataset }) => dataset.key),
      );
      for (const key of kept) if (!through.has(key)) kept.delete(key);
    }
    for (const mark of keyed) mark.classList.toggle('out', !kept.has(mark.dataset.key));
    for (const row of rows) row.hidden = !kept.has(row.dataset.key);
    if (says)
      says.textContent = kept.size === rows.length ? `${rows.length} runs` : `${kept.size} of ${rows.length} runs`;
  }

  const placeOf = (event: PointerEvent) =>
    new DOMPoint(event.clientX, event.clientY).matrixTransform(parallel?.getScreenCTM()?.inverse());
  for (const axis of axes) {
    const path = axis.querySelector('path');
    const box = path?.getBBox();
    if (!box || !parallel) continue;
    // The ticks are to the left of the axis itself.
    const x = box.x + box.width;
    axis.dataset.x = String(x);
    const rect = (width: number, kind: string) => {
      const made = document.createElementNS('http://www.w3.org/2000/svg', 'rect');
      for (const [name, value] of Object.entries({
        x: x - width / 2,
        y: box.y,
        width,
        height: box.height,
        class: kind,
      })) {
        made.setAttribute(name, String(value));
      }
      axis.append(made);
      return made;
    };
    const shown = rect(14, 'brush');
    shown.setAttribute('height', '0');
    const grip = rect(26, 'grip');
    let start: number | undefined;
    grip.addEventListener('pointerdown', (event) => {
      event.preventDefault();
      grip.setPointerCapture(event.pointerId);
      start = placeOf(event).y;
    });
    grip.addEventListener('pointermove', (event) => {
      if (start === undefined) return;
      const y = placeOf(event).y;
      shown.setAttribute('y', String(Math.min(start, y)));
      shown.setAttribute('height', String(Math.abs(y - start)));
      brushes.set(axis, { rect: shown, from: start, to: y });
      filter();
    });
    const end = () => {
      const brush = brushes.get(axis);
      // A click without a stretch takes the brush away.
      if (start !== undefined && (!brush || Math.abs(brush.to - brush.from) < 3)) {
        brushes.delete(axis);
        shown.setAttribute('height', '0');
        filter();
      }
      start = undefined;
    };
    grip.addEventListener('pointerup', end);
    grip.addEventListener('pointercancel', end);
  }
  for (const select of selects) select.addEventListener('change', filter);
  document.querySelector('#filter-clear')?.addEventListener('click', () => {
    for (const select of selects) select.value = '';
    for (const { rect } of brushes.values()) rect.setAttribute('height', '0');
    brushes.clear();
    filter();
  });
  if (panel) panel.hidden = false;
  filter();
}
