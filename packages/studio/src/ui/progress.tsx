/** How far something is, in words and as a bar. */
export function Progress({
  label,
  done,
  total,
}: {
  readonly label: string;
  readonly done: number;
  readonly total: number;
}) {
  return (
    <label class="progress">
      <span>{label}</span>
      <progress value={done} max={Math.max(1, total)} />
    </label>
  );
}
