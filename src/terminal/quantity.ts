/** Numbers with their units, as people read them. */
import type { Look } from './look.js';

export function formatMicros(micros: number, look: Pick<Look, 'unicode'>): string {
  if (micros < 1000) return `${Math.round(micros)} ${look.unicode ? 'µs' : 'us'}`;
  return formatMs(micros / 1000);
}

export function formatMs(ms: number): string {
  if (ms >= 10_000) return `${(ms / 1000).toFixed(1)} s`;
  return ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`;
}

export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const [size, unit] = bytes < 1 << 20 ? [bytes / 1024, 'KiB'] : [bytes / (1 << 20), 'MiB'];
  return `${size < 10 ? size.toFixed(1) : Math.round(size)} ${unit}`;
}

/** `1 function`, `2,000 functions`, `2 processes`. */
export function count(number: number, noun: string): string {
  const ending = noun.endsWith('s') ? 'es' : 's';
  return `${number.toLocaleString('en')} ${noun}${number === 1 ? '' : ending}`;
}

/** Which code a generation is: 0 is the program's own. */
export function codeOf(generation: number): string {
  return generation === 0 ? 'the original code' : `generation ${generation}`;
}

/** `14:03:12`, in the user's own time. @param at milliseconds since 1970 */
export function clock(at: number): string {
  const date = new Date(at);
  const two = (part: number): string => String(part).padStart(2, '0');
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}
