import { expect, it } from 'vitest';
import { diagnosticsFor } from '../../src/tui/model/diagnostics.js';

const SAID = `In file included from src/net.c:3:
src/net.c: In function 'parse':
src/net.c:12:5: error: expected ';' before 'return'
   12 |     return 1
./src/net.c:14: warning: unused variable
../src/net.c:15:1: fatal error: nothing more
other.c:12:5: error: not here
subnet.c:12:5: error: nor here`;

it('takes what gcc and clang say of a file, by whatever path they call it', () => {
  expect(diagnosticsFor('/home/me/src/net.c', SAID)).toEqual([
    { line: 12, severity: 'error', text: "expected ';' before 'return'" },
    { line: 14, severity: 'warning', text: 'unused variable' },
    { line: 15, severity: 'error', text: 'nothing more' },
  ]);
});
