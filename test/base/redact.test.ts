import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Redactor } from '../../src/base/redact.ts';

describe('Redactor.redact()', () => {
  const secret = 'p"ss w/rd+1';
  it.each([
    ['as it is', `login ${secret} failed`, 'login [redacted] failed'],
    ['each time', `${secret},${secret}`, '[redacted],[redacted]'],
    ['inside JSON', JSON.stringify({ key: secret }), '{"key":"[redacted]"}'],
    ['inside a URL', `?key=${encodeURIComponent(secret)}&x`, '?key=[redacted]&x'],
    ['as Base64', `Basic ${Buffer.from(secret).toString('base64')}`, 'Basic [redacted]'],
  ])('masks a secret %s', (_how, text, clean) => {
    expect(new Redactor([secret]).redact(text)).toBe(clean);
  });

  it('takes a secret as text, not as a pattern', () => {
    expect(new Redactor(['a.c$1(']).redact('abc$1( a.c$1(')).toBe('abc$1( [redacted]');
  });

  it('leaves no remains of a secret that contains another', () => {
    expect(new Redactor(['hunter', 'hunter22']).redact('hunter22')).toBe('[redacted]');
  });

  it('leaves secrets under 4 characters alone', () => {
    expect(new Redactor(['abc']).redact('abc')).toBe('abc');
  });

  it('masks a secret of 4 characters', () => {
    expect(new Redactor(['abcd']).redact('xabcdx')).toBe('x[redacted]x');
  });

  it('leaves text alone when there are no secrets', () => {
    expect(new Redactor([]).redact('abc')).toBe('abc');
  });

  it('takes a secret that is not well-formed Unicode', () => {
    const torn = 'abc\ud800def';
    expect(new Redactor([torn]).redact(`<${torn}>`)).toBe('<[redacted]>');
  });

  it('leaves no secret in any text around it', () => {
    const secrets = fc.string({ minLength: 4 }).filter((text) => !'[redacted]'.includes(text));
    fc.assert(
      fc.property(secrets, fc.string(), fc.string(), (hidden, before, after) => {
        expect(new Redactor([hidden]).redact(`${before}${hidden}${after}`).includes('[redacted]')).toBe(true);
      }),
    );
  });
});
