/** Numbers with their units, as people read them. */

export function plural(count: number, noun: string): string {
  return `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`;
}

export function micros(value: number, unicode: boolean): string {
  if (value < 1000) return `${Math.round(value)} ${unicode ? 'µs' : 'us'}`;
  const ms = value / 1000;
  return ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`;
}

/** `14:03:12`, in the user's own time. */
export function clock(at: number): string {
  const date = new Date(at);
  const two = (part: number): string => String(part).padStart(2, '0');
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}
