/** A count with its noun: `1 image`, `1,200 images`, `2 classes`. */
export function plural(count: number, noun: string, several = `${noun}s`): string {
  return `${count.toLocaleString('en')} ${count === 1 ? noun : several}`;
}
