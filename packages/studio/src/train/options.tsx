import {
  configGroups,
  type OptionInfo,
  optionsOf,
  parseConfig,
  type TrainConfigInput,
  trainConfigSchema,
} from '@graft-ml/core/internal/recipe/index';
import { signal } from '@preact/signals';
import { Button } from '../ui/button.tsx';

/** Chosen elsewhere on the page, or of folders, tables and machines, which a page has none of. */
const elsewhere = new Set([
  ...['model', 'weights', 'strategy', 'parts', 'classDepth', 'labelRegex', 'pathColumn', 'labelColumn', 'splitColumn'],
  ...['followLinks', 'fold', 'log', 'device', 'threads', 'memory', 'disk'],
  ...['workers', 'averageEvery', 'outerLearningRate', 'outerMomentum', 'transferDtype'],
]);
const infos = optionsOf(trainConfigSchema).filter(({ key }) => !elsewhere.has(key));
const groups = Object.entries(configGroups)
  .map(([name, options]) => ({ name, options: infos.filter(({ key }) => key in options) }))
  .filter(({ options }) => options.length > 0);

/** What was written into the fields, by the names of the options. */
const written = signal<Readonly<Record<string, string>>>({});

/** The options that are set, as values. @throws Error that names the option with what it can be */
export function chosenOptions(): Partial<TrainConfigInput> {
  const values = Object.entries(written.value).map(([key, text]) => {
    const info = infos.find((each) => each.key === key);
    return [key, info ? read(info, text) : text];
  });
  const given: Record<string, unknown> = Object.fromEntries(values);
  parseConfig(given);
  return given;
}

export function hasChosenOptions(): boolean {
  return Object.keys(written.value).length > 0;
}

/** The value that a text stands for. */
function read({ key, type, allowed }: OptionInfo, text: string): unknown {
  if (type === 'number') return Number(text);
  if (type === 'boolean') return text === 'true';
  if (type === 'string') return text;
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`${key}: expected ${allowed}, written as JSON.`);
  }
}

function write(key: string, text: string): void {
  const { [key]: _, ...others } = written.peek();
  written.value = text === '' ? others : { ...others, [key]: text };
}

/** Every option of training, by the names that the command line and TypeScript have for it. */
export function Options() {
  const count = Object.keys(written.value).length;
  return (
    <details class="options">
      <summary>All options{count > 0 ? ` (${count} set)` : ''}</summary>
      <p class="soft">
        What is left empty has the default of the way chosen above. The names are those of <code>trainFolder</code> and,
        with dashes, of <code>graft train</code>.
      </p>
      {groups.map(({ name, options }) => (
        <fieldset key={name}>
          <legend>{name}</legend>
          {options.map((info) => (
            <Option key={info.key} info={info} />
          ))}
        </fieldset>
      ))}
      {count > 0 && (
        <Button
          onClick={() => {
            written.value = {};
          }}
        >
          Set none
        </Button>
      )}
    </details>
  );
}

function Option({ info: { key, type, description, default: usual, allowed } }: { readonly info: OptionInfo }) {
  const value = written.value[key] ?? '';
  const plain = allowed.replace(/ \| null$/, '');
  const choices =
    type === 'boolean' ? ['true', 'false'] : type === 'string' && plain.includes(' | ') ? plain.split(' | ') : null;
  const shown = usual === null ? 'default' : `default: ${typeof usual === 'object' ? JSON.stringify(usual) : usual}`;
  const id = `option-${key}`;
  return (
    <div class="option">
      <label for={id}>
        <code>{key}</code>
      </label>
      {choices ? (
        <select
          id={id}
          value={value}
          aria-describedby={`${id}-about`}
          onChange={(event) => write(key, event.currentTarget.value)}
        >
          <option value="">{shown}</option>
          {choices.map((choice) => (
            <option key={choice} value={choice}>
              {choice}
            </option>
          ))}
        </select>
      ) : (
        <input
          id={id}
          type="text"
          inputMode={type === 'number' ? 'decimal' : 'text'}
          value={value}
          placeholder={shown}
          aria-describedby={`${id}-about`}
          onChange={(event) => write(key, event.currentTarget.value.trim())}
        />
      )}
      <p id={`${id}-about`} class="soft">
        {description} <span class="allowed">({allowed})</span>
      </p>
    </div>
  );
}
