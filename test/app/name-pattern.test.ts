import { describe, expect, it } from 'vitest';
import { matcherOf } from '../../src/app/name-pattern.js';

describe('matcherOf', () => {
  it.each([
    ['net_*', 'net_send', true],
    ['net_*', 'my_net_send', false],
    ['*parse*', 'xml_parse_tag', true],
    ['*parse*', 'xmlParseTag', true],
    ['*Parse*', 'xml_parse_tag', false],
    ['f?', 'f1', true],
    ['f?', 'f12', false],
    ['f[12]', 'f2', true],
    ['f[!12]', 'f2', false],
    ['f[!12]', 'f3', true],
    ['f[1-3]', 'f2', true],
    ['f[', 'f[', true],
    ['a.b*', 'aXb', false],
    ['send', 'net_send_all', true],
    ['send', 'net_SEND', true],
    ['Send', 'net_send', false],
    ['a.b', 'aXb', false],
  ])('%s on %s: %s', (pattern, name, fits) => {
    expect(matcherOf(pattern)(name)).toBe(fits);
  });

  it('takes any text as a pattern', () => {
    for (const pattern of ['\\', '[]', '[^a]', '(', '*[', '[z-a', '[\\d]', '$']) {
      expect(typeof matcherOf(pattern)('f')).toBe('boolean');
    }
  });
});
