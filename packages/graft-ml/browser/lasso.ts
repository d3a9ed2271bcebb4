/*
 * Choosing images on the map of a report: with a lasso, by class, by neighbourhood. It stands in report.html, which the
 * page's policy knows it by, and without it the page lacks only this. Names of files and classes come from elsewhere:
 * they are put in as text, never as markup.
 */
{
  /** An image as the map has it. */
  interface Point {
    readonly mark: SVGGElement;
    readonly x: number;
    readonly y: number;
    readonly label: number;
    /** The class that was answered; null for images that the run learned from. */
    readonly answer: number | null;
  }

  /** The most images that are listed; all are copied. */
  const mostListed = 200;
  /** Images this near are neighbours, in the units of the map. */
  const near = 24;
  const svgNamespace = 'http://www.w3.org/2000/svg';

  const element = <E extends Element>(selector: string, type: new () => E): E => {
    const found = document.querySelector(selector);
    if (found instanceof type) return found;
    throw new Error(`The report has no ${selector}.`);
  };
  const panel = element('#lasso', HTMLElement);
  const map = element('svg.map', SVGSVGElement);
  const group = element('#lasso-group', HTMLSelectElement);
  const drawing = element('#lasso-draw', HTMLButtonElement);
  const status = element('#lasso-says', HTMLElement);
  const result = element('#lasso-chosen', HTMLElement);
  const list = element('#lasso-chosen ul', HTMLUListElement);
  const paths = element('#lasso-paths', HTMLTextAreaElement);
  const folder = panel.dataset.folder ?? '';
  const classes = [...document.querySelectorAll('.legend li')].map((one) => (one.textContent ?? '').trim());

  const points = [...map.querySelectorAll<SVGGElement>('g[data-p]')].map((mark): Point => {
    const { x, y, l, a } = mark.dataset;
    return { mark, x: Number(x), y: Number(y), label: Number(l), answer: a === undefined ? null : Number(a) };
  });
  const chosen = new Set<Point>();
  const outline = document.createElementNS(svgNamespace, 'polygon');
  outline.setAttribute('class', 'outline');

  const isWrong = ({ label, answer }: Point) => answer !== null && answer !== label;
  /** The path as it is copied: whole, as long as it is within the folder of the dataset. */
  const pathOf = ({ mark }: Point) => {
    const path = mark.dataset.p ?? '';
    return mark.dataset.whole === undefined ? folder + path : path;
  };
  const plural = (count: number) => `${count} ${count === 1 ? 'image' : 'images'}`;

  function choose(some: Iterable<Point>, isAdded: boolean): void {
    if (!isAdded) chosen.clear();
    for (const point of some) chosen.add(point);
    show();
  }

  function show(): void {
    for (const point of points) point.mark.classList.toggle('chosen', chosen.has(point));
    map.classList.toggle('some', chosen.size > 0);
    result.hidden = chosen.size === 0;
    const all = points.filter((point) => chosen.has(point));
    const counts = classes.flatMap((name, label) => {
      const count = all.filter((point) => point.label === label).length;
      return count > 0 ? [`${count} ${name}`] : [];
    });
    const answered = all.filter(({ answer }) => answer !== null);
    const wrong = answered.filter(isWrong).length;
    const answers = answered.length > 0 ? ` Of ${answered.length} with an answer ${wrong} are wrong.` : '';
    const less = all.length > mostListed ? ` The first ${mostListed} are listed.` : '';
    status.textContent =
      all.length === 0 ? 'None chosen.' : `${plural(all.length)} chosen: ${counts.join(', ')}.${answers}${less}`;
    list.replaceChildren(...all.slice(0, mostListed).map(itemOf));
    paths.value = all.map(pathOf).join('\n');
  }

  function itemOf(point: Point): HTMLLIElement {
    const { mark, label, answer } = point;
    const item = document.createElement('li');
    const name = (mark.dataset.p ?? '').split('/').at(-1) ?? '';
    const thumbnail = mark.querySelector('use')?.getAttribute('href');
    if (thumbnail) {
      const image = document.createElementNS(svgNamespace, 'svg');
      image.setAttribute('role', 'img');
      image.setAttribute('aria-label', name);
      const use = document.createElementNS(svgNamespace, 'use');
      use.setAttribute('href', thumbnail);
      image.append(use);
      item.append(image);
    }
    const said = answer === null ? 'training image' : `answer ${classes[answer]} ${mark.dataset.c} %`;
    item.append(line('', `label ${classes[label]}`), line(isWrong(point) ? 'mistaken' : '', said), line('quiet', name));
    return item;
  }

  function line(kind: string, text: string): HTMLElement {
    const span = document.createElement('span');
    span.className = kind;
    span.textContent = text;
    return span;
  }

  /** The images that the select names. */
  function grouped(): Point[] {
    const { value } = group;
    if (value === 'all') return points;
    if (value === 'wrong') return points.filter(isWrong);
    return points.filter(({ label }) => label === Number(value));
  }

  /** The images beside those that are chosen. */
  const neighbours = () => {
    const from = [...chosen];
    return points.filter(({ x, y }) => from.some((one) => Math.hypot(one.x - x, one.y - y) <= near));
  };

  /** Whether a ray from the point crosses the outline an odd number of times. */
  function isInside({ x, y }: Point, corners: readonly DOMPoint[]): boolean {
    let inside = false;
    let before = corners.at(-1);
    for (const corner of corners) {
      if (before && corner.y > y !== before.y > y) {
        const crossing = ((before.x - corner.x) * (y - corner.y)) / (before.y - corner.y) + corner.x;
        if (x < crossing) inside = !inside;
      }
      before = corner;
    }
    return inside;
  }

  let corners: DOMPoint[] | null = null;
  const placeOf = ({ clientX, clientY }: PointerEvent) =>
    new DOMPoint(clientX, clientY).matrixTransform(map.getScreenCTM()?.inverse());

  function end(): void {
    corners = null;
    outline.remove();
  }

  const setDrawing = (isOn: boolean) => {
    drawing.setAttribute('aria-pressed', String(isOn));
    map.classList.toggle('drawing', isOn);
    if (!isOn) end();
  };
  const isDrawing = () => drawing.getAttribute('aria-pressed') === 'true';

  map.addEventListener('pointerdown', (event) => {
    if (!isDrawing() || event.button !== 0 || !event.isPrimary) return;
    event.preventDefault();
    map.setPointerCapture(event.pointerId);
    corners = [placeOf(event)];
    map.append(outline);
  });
  map.addEventListener('pointermove', (event) => {
    if (!corners || !event.isPrimary) return;
    const place = placeOf(event);
    const last = corners.at(-1);
    if (last && Math.hypot(place.x - last.x, place.y - last.y) < 3) return;
    corners.push(place);
    outline.setAttribute('points', corners.map(({ x, y }) => `${x.toFixed(1)},${y.toFixed(1)}`).join(' '));
  });
  map.addEventListener('pointerup', (event) => {
    if (!corners || !event.isPrimary) return;
    const [first] = corners;
    const around = corners;
    end();
    outline.removeAttribute('points');
    if (around.length > 3)
      return choose(
        points.filter((point) => isInside(point, around)),
        event.shiftKey,
      );
    // A click chooses the image under it.
    const under = points.filter(({ x, y }) => first && Math.hypot(x - first.x, y - first.y) <= 6).at(-1);
    if (under) choose([under], event.shiftKey);
  });
  map.addEventListener('pointercancel', end);
  document.addEventListener('keydown', ({ key }) => {
    if (key === 'Escape') end();
  });

  async function copy(text: string): Promise<boolean> {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      return false; // refused, or a browser without it
    }
  }

  const onClick = (selector: string, act: () => void) =>
    element(selector, HTMLButtonElement).addEventListener('click', act);
  onClick('#lasso-draw', () => setDrawing(!isDrawing()));
  onClick('#lasso-choose', () => choose(grouped(), false));
  onClick('#lasso-add', () => choose(grouped(), true));
  onClick('#lasso-grow', () => choose(neighbours(), true));
  onClick('#lasso-clear', () => choose([], false));
  onClick('#lasso-copy', async () => {
    // A browser may refuse the clipboard to a file: then the paths are there to be copied by hand.
    const isCopied = await copy(paths.value);
    paths.hidden = isCopied;
    if (!isCopied) paths.select();
    status.textContent = isCopied
      ? `The paths of ${plural(chosen.size)} are copied.`
      : 'The browser does not let the page copy: here are the paths.';
  });

  // A finger scrolls the page past the map until it is asked to draw.
  setDrawing(!matchMedia('(pointer: coarse)').matches);
  panel.hidden = false;
}
