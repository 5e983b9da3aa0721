import type { Target } from './target.js';
import { elf } from './targets/elf.js';
import { frames } from './targets/frames.js';
import { ledger } from './targets/ledger.js';
import { memory } from './targets/memory.js';
import { object } from './targets/object.js';
import { compressed, program, split } from './targets/program.js';
import { text } from './targets/text.js';

export const TARGETS: readonly Target[] = [
  elf,
  object,
  program,
  split,
  compressed,
  frames,
  memory,
  ledger,
  text,
];
