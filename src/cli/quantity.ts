/** Numbers with their units, as people read them. */
import type { Look } from './look.js';

export function formatMicros(micros: number, look: Look): string {
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

/** `1 function`, `2 functions`, `2 processes`. */
export function count(number: number, noun: string): string {
  const ending = noun.endsWith('s') ? 'es' : 's';
  return `${number} ${noun}${number === 1 ? '' : ending}`;
}
