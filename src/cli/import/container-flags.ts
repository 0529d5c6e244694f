import { homedir } from 'node:os';
import path from 'node:path';
import { forbiddenMount } from '../../config/mounts.ts';
import { isKeyLike } from '../secret-values.ts';
import type { ClientServer } from './client-file.ts';
import { readEnvironmentFile } from './environment-file.ts';
import { LeftOut } from './imported.ts';

/** What a `docker run` or `podman run` says, as far as an entry can say it. */
export interface ContainerRun {
  readonly image: string;
  readonly args: readonly string[];
  /** A variable without a value is taken from the environment of the client. */
  readonly env: readonly (readonly [string, string | undefined])[];
  readonly notes: readonly string[];
}

/** The same, while it is read. */
export interface RunDraft {
  readonly env: [string, string | undefined][];
  readonly mounts: { from: string; to: string; readOnly?: true }[];
  readonly resources: { cpus?: number; memory?: string; pids?: number };
  readonly keys: Record<string, unknown>;
  readonly notes: string[];
}

interface Around {
  readonly run: RunDraft;
  readonly server: ClientServer;
  /** As it is written. */
  readonly flag: string;
}

type Apply = (value: string, around: Around) => void;

export interface ContainerFlag {
  readonly takesValue: boolean;
  readonly apply: Apply;
}

/** A flag of `run` by its name, long or of one letter. */
export function flagOf(name: string): ContainerFlag | undefined {
  const long = letters.get(name) ?? name;
  const apply = withValue.get(long);
  if (apply) return { takesValue: true, apply };
  const alone = withoutValue.get(long);
  return alone && { takesValue: false, apply: alone };
}

const letters: ReadonlyMap<string, string> = new Map([
  ...([
    ['i', 'interactive'],
    ['t', 'tty'],
    ['d', 'detach'],
    ['e', 'env'],
    ['v', 'volume'],
    ['u', 'user'],
  ] as const),
  ...([
    ['m', 'memory'],
    ['p', 'publish'],
    ['P', 'publish-all'],
    ['w', 'workdir'],
    ['h', 'hostname'],
  ] as const),
  ...([
    ['l', 'label'],
    ['q', 'quiet'],
    ['a', 'attach'],
    ['c', 'cpu-shares'],
  ] as const),
]);

const nothing: Apply = () => undefined;

/** Left out, with the reason. */
function without(why: string): Apply {
  return (value, { run, flag }) => run.notes.push(`left out: ${[flag, shown(value)].join(' ').trim()}; ${why}`);
}

/** A value that may well be a secret is not printed. */
function shown(value: string): string {
  return /^[\w.:/,-]{0,60}$/.test(value) && !isKeyLike(value) ? value : '…';
}

/** The server is not imported at all. */
function never(why: string): Apply {
  return (value, { flag }) => {
    throw new LeftOut(`${[flag, shown(value)].join(' ').trim()} ${why}`);
  };
}

/** Refused for some values, left alone for the others. */
function unless(isHarmful: RegExp, why: string, otherwise: Apply): Apply {
  return (value, around) => {
    (isHarmful.test(value) ? never(why) : otherwise)(value, around);
  };
}

const ofTheHost = 'would let it into the host’s own, and Gangway starts no server so';
const isSandboxed = 'every server is confined already';
const noSuchKey = 'an entry has no key for it';
const speaksStdio = 'a server behind Gangway listens on no port';
const isChosen = 'Gangway chooses it';

const withoutValue: ReadonlyMap<string, Apply> = new Map<string, Apply>([
  ['interactive', nothing],
  ['rm', nothing],
  ['init', nothing],
  ['quiet', nothing],
  ['sig-proxy', nothing],
  ['tty', without('a terminal would mix into the messages')],
  ['detach', without('a server is spoken to through its standard input')],
  ['publish-all', without(speaksStdio)],
  ['read-only', without('`sandbox: strict` has it, with a small /tmp, no network and a user of its own')],
  ['no-healthcheck', without(noSuchKey)],
  ['privileged', never('would give it every right on this host, and Gangway starts no server so')],
  ['oom-kill-disable', never('would let it take all memory of this host')],
]);

const withValue: ReadonlyMap<string, Apply> = new Map<string, Apply>([
  ['env', (value, { run }) => void run.env.push(variable(value))],
  ['env-file', (value, { run, server }) => void run.env.push(...environmentFile(value, server))],
  ['volume', volume],
  ['mount', mount],
  ['user', (value, { run }) => (run.keys['user'] = value)],
  ['pull', (value, { run }) => /^(always|missing|never)$/.test(value) && (run.keys['pull'] = value)],
  ['network', network],
  ['net', network],
  ['memory', (value, { run }) => (run.resources.memory = memory(value))],
  ['cpus', (value, { run }) => (run.resources.cpus = Number(value))],
  ['pids-limit', (value, { run }) => Number(value) > 0 && (run.resources.pids = Number(value))],
  ['entrypoint', never('starts another program than the image’s own, and an entry cannot say that; build an image')],
  ['name', without(isChosen)],
  ['hostname', without(isChosen)],
  ['label', without(isChosen)],
  ['log-driver', without(isChosen)],
  ['log-opt', without(isChosen)],
  ['stop-timeout', without(isChosen)],
  ['restart', without('Gangway starts a server anew when it has ended')],
  ['publish', without(speaksStdio)],
  ['expose', without(speaksStdio)],
  ['attach', nothing],
  ['cap-drop', nothing],
  ['cap-add', never('would give it a capability, and Gangway starts every server without any')],
  ['security-opt', unless(/unconfined|disable/, 'would take the sandbox away', without(isSandboxed))],
  ['device', never('would give it a device of this host')],
  ['gpus', never('would give it devices of this host')],
  ['volumes-from', never('would give it the files of other containers')],
  ['pid', unless(/^(host|container:)/, ofTheHost, without(isSandboxed))],
  ['ipc', unless(/^(host|container:)/, ofTheHost, without(isSandboxed))],
  ['uts', unless(/^host/, ofTheHost, without(isSandboxed))],
  ['userns', unless(/^host/, ofTheHost, without(noSuchKey))],
  ['cgroupns', unless(/^host/, ofTheHost, without(noSuchKey))],
  ['memory-swap', without('memory and swap have one limit together')],
  ['tmpfs', without('`sandbox: strict` has a small /tmp')],
  ...[
    ...[
      'platform',
      'workdir',
      'add-host',
      'dns',
      'dns-search',
      'dns-option',
      'ulimit',
      'shm-size',
      'sysctl',
      'runtime',
    ],
    ...['memory-reservation', 'memory-swappiness', 'cpu-shares', 'cpu-quota', 'cpu-period', 'cpuset-cpus', 'group-add'],
    ...['ip', 'network-alias', 'mac-address', 'cidfile', 'domainname', 'annotation', 'label-file', 'stop-signal'],
    ...['blkio-weight', 'oom-score-adj', 'health-cmd', 'health-interval', 'isolation', 'storage-opt', 'kernel-memory'],
  ].map((name): [string, Apply] => [name, without(noSuchKey)]),
]);

function variable(text: string): [string, string | undefined] {
  const [, name = text, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  return [name, value];
}

function environmentFile(file: string, { folder }: ClientServer): [string, string][] {
  return Object.entries(readEnvironmentFile(file, folder));
}

function network(value: string, { run, flag }: Around): void {
  if (value === 'none') run.keys['network'] = 'none';
  else if (value === 'host') throw new LeftOut(`${flag} host ${ofTheHost}; "network: outbound" reaches other machines`);
  else if (value.startsWith('container:'))
    throw new LeftOut(`${flag} ${value} needs a container that somebody else starts`);
  else if (!/^(default|bridge|slirp4netns|pasta|private)\b/.test(value)) {
    run.notes.push(`left out: ${flag} ${value}; a server has the engine’s default network, or none`);
  }
}

/** "512m", "512mb" or bytes, as both engines read it. */
function memory(value: string): string {
  const text = value.toLowerCase();
  return /^\d+$/.test(text) ? `${text}b` : text;
}

function volume(value: string, around: Around): void {
  const [from = '', to, options = ''] = value.split(':');
  if (/^[A-Za-z]:[\\/]/.test(value)) throw new LeftOut(`${around.flag} ${value} names a folder of Windows`);
  if (to === undefined) without('a volume without a name is empty at each start')(value, around);
  else addMount(from, to, options.split(',').includes('ro'), around);
}

function mount(value: string, around: Around): void {
  const options = new Map(value.split(',').map(variable));
  const first = (...names: string[]): string | undefined => names.map((name) => options.get(name)).find(Boolean);
  const from = first('src', 'source');
  const to = first('dst', 'destination', 'target');
  const type = options.get('type') ?? 'volume';
  if ((type !== 'bind' && type !== 'volume') || from === undefined || to === undefined) {
    without('an entry has named volumes and folders of the host only')(value, around);
  } else {
    const isReadOnly = ['readonly', 'ro'].some((name) => options.has(name) && options.get(name) !== 'false');
    addMount(from, to, isReadOnly, around);
  }
}

function addMount(given: string, to: string, isReadOnly: boolean, { run, server, flag }: Around): void {
  const from = hostPath(given, server);
  const why = path.isAbsolute(from) ? forbiddenMount(from) : undefined;
  if (why !== undefined) throw new LeftOut(`${flag} ${given}:${to} ${why}`);
  run.mounts.push({ from, to, ...(isReadOnly ? { readOnly: true as const } : {}) });
}

/** A path as it is on this host; the name of a volume as it is. */
function hostPath(given: string, { folder }: ClientServer): string {
  const text = given
    .replace(/\$\{(?:workspaceFolder|PWD|cwd)\}|\$PWD\b/g, folder)
    .replace(/^~(?=\/|$)|\$\{(?:userHome|env:HOME|HOME)\}|\$HOME\b/g, homedir());
  return /^\.{0,2}\//.test(text) || text === '.' || text === '..' ? path.resolve(folder, text) : text;
}
