import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import { BridgeError } from '../../src/base/errors.ts';
import type { ListenConfig } from '../../src/config/config.ts';
import { Gate } from '../../src/http/gate.ts';

const loopback: ListenConfig = {
  host: '127.0.0.1',
  port: 8808,
  insecureNoAuth: false,
  allowedHosts: [],
  allowedOrigins: [],
  maxBodyBytes: 1024,
  sse: false,
};

interface Knock {
  readonly hosts?: readonly string[];
  readonly origin?: string;
  readonly url?: string;
}

/** What the gate says; "in" when it lets a request in. */
function knock(gate: Gate, { hosts = ['localhost'], origin, url = '/memory/mcp' }: Knock): string {
  const request = {
    url,
    headers: { host: hosts[0], origin },
    rawHeaders: hosts.flatMap((host) => ['Host', host]),
  } as unknown as IncomingMessage;
  try {
    gate.check(request);
    return 'in';
  } catch (error) {
    if (!(error instanceof BridgeError)) throw error;
    return error.code;
  }
}

const gate = new Gate(loopback);
const publicGate = new Gate({
  ...loopback,
  host: '0.0.0.0',
  allowedHosts: ['MCP.example.com', '[2001:db8::1]', '192.0.2.7'],
  allowedOrigins: ['https://app.example.com', 'http://192.0.2.7:3000'],
});

describe('Gate.check() of Host', () => {
  it.each([
    'localhost',
    'LOCALHOST',
    'localhost:8808',
    'localhost:1',
    '127.0.0.1',
    '127.0.0.1:8808',
    '127.8.9.10',
    '[::1]',
    '[::1]:8808',
  ])('lets %s in', (host) => {
    expect(knock(gate, { hosts: [host] })).toBe('in');
  });

  it.each([
    '',
    ' ',
    'evil.example',
    'localhost.evil.example',
    'evil-localhost',
    'localhostevil',
    'xlocalhost',
    'localhost.',
    '127.0.0.1.',
    '127.0.0.1.evil.example',
    '127.0.0.1.nip.io',
    '127.1',
    '127.0.0.256',
    '2130706433',
    '0x7f000001',
    '0177.0.0.1',
    '0.0.0.0',
    '[::]',
    '::1',
    '[::ffff:127.0.0.1]',
    '[::1%25lo]',
    '[::1',
    '::1]',
    'user@localhost',
    'localhost@evil.example',
    'localhost:80@evil.example',
    'localhost:',
    'localhost:x',
    'localhost:123456',
    'localhost:8808:8808',
    'localhost/',
    'localhost/evil',
    'localhost evil',
    'localhost,evil.example',
    'http://localhost',
    'local\u017fhost',
    'ⓛocalhost',
    '10.0.0.1',
    '192.168.1.2:8808',
    '169.254.169.254',
    'host.docker.internal',
  ])('refuses %j', (host) => {
    expect(knock(gate, { hosts: [host] })).toBe('HOST_REFUSED');
  });

  it('refuses a request without Host', () => {
    expect(knock(gate, { hosts: [] })).toBe('HOST_REFUSED');
  });

  it('refuses two Host headers', () => {
    expect(knock(gate, { hosts: ['localhost', 'evil.example'] })).toBe('HOST_REFUSED');
  });

  it('refuses two Host headers that say the same', () => {
    expect(knock(gate, { hosts: ['localhost', 'localhost'] })).toBe('HOST_REFUSED');
  });

  it('is not taken in by a header whose value is "Host"', () => {
    const request = {
      url: '/',
      headers: { host: 'localhost' },
      rawHeaders: ['Host', 'localhost', 'X-Name', 'Host'],
    } as unknown as IncomingMessage;
    expect(() => {
      gate.check(request);
    }).not.toThrow();
  });

  it.each(['http://localhost/memory/mcp', 'http://evil.example/memory/mcp', '*', 'localhost:443', ''])(
    'refuses the target %j, which is not a path',
    (url) => {
      expect(knock(gate, { url })).toBe('HOST_REFUSED');
    },
  );

  it.each(['mcp.example.com', 'MCP.EXAMPLE.COM:443', '[2001:db8::1]:8808', '192.0.2.7', 'localhost'])(
    'lets %s in when it is on the list',
    (host) => {
      expect(knock(publicGate, { hosts: [host] })).toBe('in');
    },
  );

  it.each(['0.0.0.0', '0.0.0.0:8808', 'example.com', 'x.mcp.example.com', 'mcp.example.com.evil', '[2001:db8::2]'])(
    'refuses %s, which is not on the list',
    (host) => {
      expect(knock(publicGate, { hosts: [host] })).toBe('HOST_REFUSED');
    },
  );

  it('lets the address in on which it listens', () => {
    expect(knock(new Gate({ ...loopback, host: '192.0.2.9' }), { hosts: ['192.0.2.9:8808'] })).toBe('in');
  });

  it.each(['2001:db8::9', '[2001:db8::9]'])('lets the IPv6 address %s in on which it listens', (host) => {
    expect(knock(new Gate({ ...loopback, host }), { hosts: ['[2001:db8::9]:8808'] })).toBe('in');
  });

  it('lets no other address in when it listens on all', () => {
    expect(knock(new Gate({ ...loopback, host: '::' }), { hosts: ['[::]'] })).toBe('HOST_REFUSED');
  });
});

describe('Gate.check() of Origin', () => {
  it('lets a client in that sends none', () => {
    expect(knock(gate, {})).toBe('in');
  });

  it.each([
    'http://localhost',
    'https://localhost',
    'http://localhost:3000',
    'http://LOCALHOST:3000',
    'http://127.0.0.1:8808',
    'http://127.1.2.3',
    'http://[::1]:5173',
  ])('lets %s in', (origin) => {
    expect(knock(gate, { origin })).toBe('in');
  });

  it.each([
    '',
    'null',
    'NULL',
    'evil.example',
    'http://evil.example',
    'https://evil.example:443',
    'http://localhost.evil.example',
    'http://localhostevil',
    'http://evil-localhost',
    'http://localhost.',
    'http://127.0.0.1.',
    'http://127.0.0.1.evil.example',
    'http://127.1',
    'http://2130706433',
    'http://0x7f.1',
    'http://[::ffff:127.0.0.1]',
    'http://0.0.0.0:8808',
    'http://[::]',
    'http://user@localhost',
    'http://localhost@evil.example',
    'http://localhost:80@evil.example',
    'http://localhost:pass@evil.example',
    'http://localhost/',
    'http://localhost/x',
    'http://localhost?x',
    'http://localhost#x',
    'http://localhost\\@evil.example',
    'http://localhost, http://evil.example',
    'http://localhost http://evil.example',
    'http://localhost%00.evil.example',
    'http:localhost',
    'http:///localhost',
    '//localhost',
    'localhost',
    'localhost:3000',
    'http://ⓛocalhost',
    'file://',
    'file://localhost',
    'ftp://localhost',
    'ws://localhost',
    'chrome-extension://localhost',
    'javascript://localhost',
    'http://localhost:99999',
    ' http://localhost',
    'http://localhost ',
  ])('refuses %j', (origin) => {
    expect(knock(gate, { origin })).toBe('ORIGIN_REFUSED');
  });

  it.each(['https://app.example.com', 'HTTPS://APP.EXAMPLE.COM', 'http://192.0.2.7:3000', 'http://localhost:1'])(
    'lets %s in when it is on the list',
    (origin) => {
      expect(knock(publicGate, { origin })).toBe('in');
    },
  );

  it.each([
    'http://app.example.com',
    'https://app.example.com:8443',
    'https://x.app.example.com',
    'https://app.example.com.evil.example',
    'https://app.example.com/',
    'https://user@app.example.com',
    'http://192.0.2.7',
    'https://mcp.example.com',
  ])('refuses %s, which is only like one on the list', (origin) => {
    expect(knock(publicGate, { origin })).toBe('ORIGIN_REFUSED');
  });

  it('does not let a good origin make up for a bad host', () => {
    expect(knock(gate, { hosts: ['evil.example'], origin: 'http://localhost' })).toBe('HOST_REFUSED');
  });
});

describe('Gate.admit()', () => {
  it('lets in who is on the new lists, and nobody any more who is on the old ones only', () => {
    const changing = new Gate({
      ...loopback,
      allowedHosts: ['old.example.com'],
      allowedOrigins: ['https://old.example'],
    });
    changing.admit({ ...loopback, allowedHosts: ['new.example.com'], allowedOrigins: ['https://new.example'] });
    expect([
      knock(changing, { hosts: ['old.example.com'] }),
      knock(changing, { hosts: ['new.example.com'] }),
      knock(changing, { origin: 'https://old.example' }),
      knock(changing, { origin: 'https://new.example' }),
    ]).toEqual(['HOST_REFUSED', 'in', 'ORIGIN_REFUSED', 'in']);
  });
});
