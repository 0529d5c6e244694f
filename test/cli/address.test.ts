import { describe, expect, it } from '@jest/globals';
import { baseUrl } from '../../src/cli/address.ts';

describe('baseUrl()', () => {
  it.each([
    ['127.0.0.1', 'http://127.0.0.1:8808'],
    ['localhost', 'http://localhost:8808'],
    ['::1', 'http://[::1]:8808'],
    ['[::1]', 'http://[::1]:8808'],
    ['0.0.0.0', 'http://localhost:8808'],
    ['::', 'http://localhost:8808'],
    ['[::]', 'http://localhost:8808'],
    ['mcp.example.com', 'http://mcp.example.com:8808'],
  ])('finds what listens on %s at %s', (host, url) => {
    expect(baseUrl(host, 8808)).toBe(url);
  });
});
