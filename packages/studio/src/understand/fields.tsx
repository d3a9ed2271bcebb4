import { formatNumber } from '../ui/format.ts';

interface FieldProps<V> {
  /** A name in words, or that of an option. */
  readonly label: string;
  readonly value: V;
  onChange(value: V): void;
}

export function Select<V extends string>({
  label,
  value,
  values,
  isCode = false,
  isDisabled = false,
  text = (each) => each,
  onChange,
}: FieldProps<V> & {
  readonly values: readonly V[];
  readonly isCode?: boolean;
  readonly isDisabled?: boolean;
  readonly text?: (value: V) => string;
}) {
  return (
    <label class="field">
      <span>{isCode ? <code>{label}</code> : label}</span>
      <select
        value={value}
        disabled={isDisabled}
        onChange={({ currentTarget }) => {
          const chosen = values.find((each) => each === currentTarget.value);
          if (chosen !== undefined) onChange(chosen);
        }}
      >
        {values.map((each) => (
          <option key={each} value={each} selected={each === value}>
            {text(each)}
          </option>
        ))}
      </select>
    </label>
  );
}

export function Range({
  label,
  value,
  min,
  max,
  step,
  onChange,
}: FieldProps<number> & { readonly min: number; readonly max: number; readonly step: number }) {
  return (
    <label class="field">
      <span>
        <code>{label}</code> {formatNumber(value)}
      </span>
      <input
        type="range"
        min={min}
        max={max}
        step={step}
        value={value}
        onInput={({ currentTarget }) => onChange(currentTarget.valueAsNumber)}
      />
    </label>
  );
}

/** A whole number; what is typed counts once it is one within the bounds. */
export function NumberField({
  label,
  value,
  min,
  max,
  isCode = false,
  onChange,
}: FieldProps<number> & { readonly min: number; readonly max: number; readonly isCode?: boolean }) {
  return (
    <label class="field narrow">
      <span>{isCode ? <code>{label}</code> : label}</span>
      <input
        type="number"
        min={min}
        max={max}
        value={value}
        onChange={({ currentTarget }) => {
          const given = currentTarget.valueAsNumber;
          if (Number.isInteger(given) && given >= min && given <= max) onChange(given);
          else currentTarget.value = String(value);
        }}
      />
    </label>
  );
}
