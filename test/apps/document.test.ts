import { describe, expect, it } from '@jest/globals';
import { parseDocument } from '../../src/apps/document.ts';

const valid = { openapi: '3.1.0', info: { title: 'Demo', version: '1' }, paths: {} };

describe('parseDocument() reads', () => {
  it.each([
    ['JSON', JSON.stringify(valid)],
    ['YAML', 'openapi: 3.1.0\ninfo: { title: Demo, version: "1" }\npaths: {}\n'],
    ['OpenAPI 3.0', JSON.stringify({ ...valid, openapi: '3.0.3' })],
  ])('%s', async (_what, text) => {
    await expect(parseDocument(text)).resolves.toMatchObject({ info: { title: 'Demo' } });
  });
});

describe('parseDocument() refuses', () => {
  it.each([
    ['YAML that is none', 'openapi: [', /^line 1, column \d+: it is not valid YAML: /],
    ['JSON that is none', '{"openapi": ', /^it is not valid JSON: /],
    ['HTML', '<!doctype html><title>x</title>', /^it is no mapping$/],
    ['a list', '[1]', /^it is no mapping$/],
    ['nothing', '', /^it is no mapping$/],
    ['Swagger 2.0', '{"swagger":"2.0"}', /^it is Swagger 2.0, wanted OpenAPI 3.0 or 3.1$/],
    ['another version', '{"openapi":"4.0.0"}', /^it is openapi: "4.0.0", wanted OpenAPI 3.0 or 3.1$/],
    ['no version', '{}', /^it is openapi: absent, wanted OpenAPI 3.0 or 3.1$/],
    [
      'what lacks something',
      '{"openapi":"3.1.0","paths":{}}',
      /^it is not valid: it must have required property 'info'$/,
    ],
    [
      'what has something wrong deep in it, with its place',
      JSON.stringify({
        ...valid,
        openapi: '3.0.0',
        paths: { '/pets': { get: { responses: { '200': { description: 5 } } } } },
      }),
      /^it is not valid: paths\.\/pets\.get\.responses\.200\.description must be string$/,
    ],
    [
      'a bomb of aliases',
      `a: &a [x,x,x,x,x,x,x,x,x,x]\n${'bcdefgh'.replace(/./g, (k) => `${k}: &${k} [${`*${String.fromCharCode(k.charCodeAt(0) - 1)},`.repeat(10)}]\n`)}`,
      /not valid YAML: Excessive alias count/,
    ],
    ['very much YAML', `x: ${'y'.repeat(2 * 1024 ** 2)}`, /wanted at most 2097152, or JSON$/],
  ])('%s', async (_what, text, message) => {
    await expect(parseDocument(text)).rejects.toThrow(message);
  });
});
