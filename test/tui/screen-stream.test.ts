import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { Screen } from '../../src/tui/screen.js';

class Terminal extends EventEmitter {
  columns = 20;
  rows = 3;
  written = '';

  write(text: string): void {
    this.written += text;
  }
}

describe('the screen', () => {
  it('is taken once and given back once, however often either is asked for', () => {
    const terminal = new Terminal();
    const screen = new Screen(terminal);
    screen.take();
    screen.take();
    screen.give();
    screen[Symbol.dispose]();
    expect(terminal.written.match(/\?1049h/g)).toHaveLength(1);
    expect(terminal.written.match(/\?1049l/g)).toHaveLength(1);
    expect(terminal.written).toMatch(/\?25h/);
  });

  it('draws nothing while another program has the terminal, and all of it afterwards', () => {
    const terminal = new Terminal();
    const screen = new Screen(terminal);
    screen.take();
    screen.write('one');
    screen.give();
    terminal.written = '';
    screen.write('two');
    expect(terminal.written).toBe('');
    screen.take();
    expect(terminal.written).toContain('two');
    screen[Symbol.dispose]();
  });

  it('draws everything again when the size has changed', () => {
    const terminal = new Terminal();
    const screen = new Screen(terminal);
    screen.take();
    screen.write('one\ntwo');
    terminal.written = '';
    terminal.emit('resize');
    screen.write('one\ntwo');
    expect(terminal.written).toMatch(/one[^]*two/);
    screen[Symbol.dispose]();
    expect(terminal.listenerCount('resize')).toBe(0);
  });

  it('is 80 by 24 where the terminal was never told its size', () => {
    const terminal = Object.assign(new Terminal(), { columns: 0, rows: 0 });
    const screen = new Screen(terminal);
    expect([screen.columns, screen.rows]).toEqual([80, 24]);
    screen[Symbol.dispose]();
  });
});
