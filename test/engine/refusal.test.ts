import { describe, expect, it } from '@jest/globals';
import { engineRefusal, isEngineRefusal, refusalWords } from '../../src/engine/refusal.ts';

/** What Podman 4.3.1 and Docker 20.10.24 print. */
const texts: readonly (readonly [reason: string, engine: string, text: string])[] = [
  [
    'name-in-use',
    'podman',
    'Error: creating container storage: the container name "x" is already in use by 08c586079f1d. You have to remove that container to be able to reuse that name: that name is already in use',
  ],
  [
    'name-in-use',
    'docker',
    'docker: Error response from daemon: Conflict. The container name "/x" is already in use by container "c9dd17bc67c8". You have to remove (or rename) that container to be able to reuse that name.',
  ],
  [
    'no-space',
    'podman',
    'Error: creating container storage: write /var/lib/containers/storage/overlay-layers/.tmp-layers.json4226950103: no space left on device',
  ],
  [
    'no-space',
    'docker',
    'docker: Error response from daemon: write /var/lib/docker/overlay2/22aa2daa7249-init/link: no space left on device.',
  ],
  ['no-image', 'podman', 'Error: no-such-image:1: image not known'],
  ['no-image', 'docker', 'docker: Error response from daemon: No such image: no-such-image:1'],
  ['mount', 'podman', 'Error: statfs /no/such/dir: no such file or directory'],
  [
    'mount',
    'docker',
    'docker: Error response from daemon: invalid mount config for type "bind": bind source path does not exist: /no/such/dir',
  ],
  [
    'limit',
    'podman',
    'Error: OCI runtime error: runc: runc create failed: unable to start container process: error during container init: error setting cgroup config for procHooks process: unable to set memory limit to 4096 (current usage: 2564096, peak usage: 2777088)',
  ],
  ['limit', 'docker', 'docker: Error response from daemon: Minimum memory limit allowed is 6MB'],
  [
    'limit',
    'docker',
    'docker: Error response from daemon: Range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available',
  ],
  [
    'cgroup',
    'podman',
    'Error: OCI runtime error: crun: the requested cgroup controller `pids` is not available: Read-only file system',
  ],
  [
    'cgroup',
    'docker',
    'docker: Error response from daemon: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: unable to apply cgroup configuration: mkdir /sys/fs/cgroup/docker/x: read-only file system: unknown.',
  ],
  ['network', 'podman', 'Error: unable to find network with name or ID nosuchnet: network not found'],
  [
    'network',
    'docker',
    'docker: Error response from daemon: failed to create endpoint x on network bridge: adding interface veth1 to bridge docker0 failed: could not find bridge docker0',
  ],
  ['user', 'podman', 'Error: unable to find user nosuchuser: no matching entries in passwd file'],
  [
    'user',
    'docker',
    'docker: Error response from daemon: unable to find user nosuchuser: no matching entries in passwd file',
  ],
  ['runtime', 'podman', 'Error: no valid executable found for OCI runtime /no/runtime: invalid argument'],
  ['runtime', 'docker', 'docker: Error response from daemon: Unknown runtime specified /no/runtime'],
  [
    'engine-gone',
    'docker',
    'docker: Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?',
  ],
  [
    'engine-gone',
    'docker',
    'time="2026-11-23T07:54:41Z" level=error msg="error waiting for container: unexpected EOF"',
  ],
  ['engine-gone', 'podman', 'Error: unable to connect to Podman socket: Get "http://d/v4.3.1/libpod/_ping": EOF'],
  ['unknown', 'docker', 'docker: Error response from daemon: the stars are not right'],
];

describe('engineRefusal()', () => {
  it.each(texts)('%s: %s', (reason, engine, text) => {
    // Docker's client has more to say each time.
    const more = engine === 'docker' ? ['', "Run 'docker run --help' for more information"] : [];
    expect(engineRefusal([text, ...more]).reason).toBe(reason);
  });

  it('keeps the text for the log', () => {
    expect(engineRefusal(['a', 'b']).text).toEqual(['a', 'b']);
  });
});

describe('refusalWords()', () => {
  it('has words for every reason, which name nothing of this machine', () => {
    for (const [reason] of texts) expect(refusalWords(reason)).toMatch(/^[a-z][a-z’ ,]+$/);
  });
});

describe('isEngineRefusal()', () => {
  it.each([
    [125, '', true],
    [126, 'Error: OCI runtime error: runc: …', true],
    [127, 'docker: Error response from daemon: …', true],
    [126, '[FATAL tini (7)] exec /etc/passwd failed: Permission denied', false],
    [127, '[FATAL tini (7)] exec /no/such failed: No such file or directory', false],
    [1, 'Error: cannot find module', false],
    [undefined, 'Error: x', false],
  ])('for exit code %s and "%s" is %s', (code, line, expected) => {
    expect(isEngineRefusal(code, [line])).toBe(expected);
  });
});
