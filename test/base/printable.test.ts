import { describe, expect, it } from '@jest/globals';
import { printable } from '../../src/base/printable.ts';

describe('printable()', () => {
  it.each([
    ['colours', '\u001b[31;1mError\u001b[0m', 'Error'],
    ['a cleared screen', 'a\u001b[2J\u001b[Hb', 'ab'],
    ['a hidden cursor', '\u001b[?25lx', 'x'],
    ['a title', '\u001b]0;root@host\u0007x', ']0;root@hostx'],
    ['a carriage return', 'good\rbad', 'goodbad'],
    ['a backspace', 'ab\bc', 'abc'],
    ['the 8-bit introducer', '\u009b2Jx', '2Jx'],
    ['an escape that is cut off', 'x\u001b[', 'x['],
    ['NEL', 'a\u0085b', 'ab'],
    ['line and paragraph separators', 'a\u2028b\u2029c', 'abc'],
    ['a turned direction', 'user\u202egpj.exe\u2066x\u2069', 'usergpj.exex'],
    ['NUL and DEL', 'a\u0000b\u007fc', 'abc'],
  ])('takes out %s', (_what, text, clean) => {
    expect(printable(text)).toBe(clean);
  });

  it('leaves tabs, line feeds and every script alone', () => {
    const text = '\tat f (x.js:1)\nGrüße, 世界, שלום, 😀';
    expect(printable(text)).toBe(text);
  });

  it('takes out what appears only when something else was taken out', () => {
    expect(printable('\u001b\u0000[31mx')).not.toContain('\u001b');
  });
});
