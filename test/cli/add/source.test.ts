import { describe, expect, it } from '@jest/globals';
import { sourceOf } from '../../../src/cli/add/source.ts';
import { parseArguments } from '../../../src/cli/args.ts';

const source = (...words: string[]): object => sourceOf(parseArguments(['add', ...words]));

describe('sourceOf()', () => {
  it.each<[readonly string[], object, string]>([
    [['docker.io/mcp/time'], { image: 'docker.io/mcp/time' }, 'time'],
    [['ghcr.io/me/mcp-server-x:1.2', '/data'], { image: 'ghcr.io/me/mcp-server-x:1.2', args: ['/data'] }, 'x'],
    [['a.example:5000/x@sha256:00', '--', '--flag'], { image: 'a.example:5000/x@sha256:00', args: ['--flag'] }, 'x'],
    [['npm:@scope/server-y@1.2.3', 'stdio'], { package: 'npm:@scope/server-y@1.2.3', args: ['stdio'] }, 'y'],
    [['--package', 'pypi:mcp-server-fetch@1.0'], { package: 'pypi:mcp-server-fetch@1.0' }, 'fetch'],
    [['--package', 'y@1.2.3'], { package: 'npm:y@1.2.3' }, 'y'],
    [['https://mcp.notes.example/mcp'], { url: 'https://mcp.notes.example/mcp' }, 'notes'],
    [
      ['--url', 'https://a.example/mcp', '--header', 'X-Key=${KEY}'],
      { url: 'https://a.example/mcp', headers: { 'X-Key': '${KEY}' } },
      'a',
    ],
    [['http://localhost:3000/mcp'], { url: 'http://localhost:3000/mcp' }, 'localhost'],
    [['http://nas.example/mcp', '--insecure-http'], { url: 'http://nas.example/mcp', insecureHttp: true }, 'nas'],
    [['https://a.example/mcp', '--insecure-http'], { url: 'https://a.example/mcp' }, 'a'],
    [['--command', '--', 'node', './notes/server.js', '-v'], { command: ['node', './notes/server.js', '-v'] }, 'notes'],
    [['--command', './weather'], { command: ['./weather'] }, 'weather'],
  ])('reads %j', (words, entry, suggestedName) => {
    expect(source(...words)).toEqual(expect.objectContaining({ entry, suggestedName }));
  });

  it.each([
    [[], 'got nothing to add'],
    [['--command'], 'without a command line'],
    [['--url', 'https://a.example/mcp', '--command', 'x'], 'got several'],
    [['--url', 'https://a.example/mcp', 'x'], 'takes no arguments'],
    [['--url', 'here'], '"here" is no URL'],
    [['https://a.example', '--header', 'x'], 'wanted --header NAME=VALUE'],
    [['https://a.example', '--header', 'Authorization=Bearer abc'], "wanted a reference: 'Authorization=${NAME}'"],
    [['docker.io/mcp/time', '--header', 'a=b'], 'which is for --url'],
    [['docker.io/mcp/time', '--insecure-http'], 'got --insecure-http, which is for --url'],
    [['http://nas.example/mcp?key=abc'], 'Cannot add nas.example: with http:// to another machine'],
  ])('refuses %j', (words, why) => {
    expect(() => source(...words)).toThrow(why);
  });
});
