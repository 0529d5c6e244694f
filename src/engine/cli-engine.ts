import PQueue from 'p-queue';
import { z } from 'zod';
import type { Clock } from '../base/clock.ts';
import { BridgeError } from '../base/errors.ts';
import type { ProcessSource } from '../config/config.ts';
import { spawnChild, spawnOn, spawnTied, type Spawn } from './child.ts';
import { EngineClient } from './client.ts';
import { ConmonFiles, traceArgs, type ConmonPlaces } from './conmon.ts';
import { DockerEvents, eventsArgs } from './docker-events.ts';
import type {
  Child,
  ContainerEngine,
  ContainerRecord,
  Exit,
  LaunchSpec,
  Life,
  LocalEngine,
  Progress,
  Stdio,
} from './engine.ts';
import { Fates } from './fates.ts';
import { ImageStore, registryFailure } from './image-store.ts';
import { labelKeys } from './labels.ts';
import { clientEnvironment, runArgs, type RunDialect } from './run-args.ts';
import { RunningWatch } from './running-watch.ts';

/** How long one question to the engine may take; a machine with a hundred starts under way is slow. */
const deadlineMs = {
  list: 15_000,
  remove: 10_000,
  inspect: 15_000,
  pull: 30 * 60_000,
  build: 30 * 60_000,
  push: 30 * 60_000,
} as const;
/** A start that takes longer than this, while nothing else is heard of the engine, is reason to ask it. */
const slowStartMs = 3000;
/** How often the list is asked for starts: where nobody else tells, and where that is only to be sure. */
const askMs = { alone: 300, besides: 2000 } as const;
/** Docker's own word about a death may come behind the end of its client. */
const secondWordMs = 50;

/** By which an operator finds the images that are Gangway's to throw away. */
const builtLabel = 'io.gangway.built=yes';

/** What a builder makes an image from. */
export type BuiltSource = Extract<ProcessSource, { kind: 'build' | 'package' }>;

/** An image that was built. */
export interface BuiltImage {
  readonly image: string;
  /** "sha256:…" */
  readonly id: string;
}

const podmanRecords = z
  .array(
    z.object({ Names: z.array(z.string()), State: z.string(), Labels: z.record(z.string(), z.string()).nullish() }),
  )
  .nullable();

/** An engine's client as it was found. */
export interface FoundClient {
  /** Absolute. */
  readonly file: string;
  readonly version: string;
  readonly dialect: RunDialect;
  /** For Podman on this machine. */
  readonly conmon?: ConmonPlaces;
}

/** Podman or Docker through its command-line client: the same verbs, few differences. */
export class CliEngine implements ContainerEngine, LocalEngine {
  readonly kind: 'podman' | 'docker';
  readonly version: string;
  readonly #file: string;
  readonly #dialect: RunDialect;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #clock: Clock;
  readonly #token: string;
  readonly #client: EngineClient;
  readonly #images: ImageStore;
  readonly #fates = new Fates();
  readonly #poll: RunningWatch;
  readonly #conmon: ConmonFiles | undefined;
  readonly #events: DockerEvents | undefined;
  /** Removals at once: each is a process, and the engine takes them one by one anyway. */
  readonly #removals = new PQueue({ concurrency: 6 });
  /** Builds at once: each takes what it can of the machine, which others use to serve. */
  readonly #builds = new PQueue({ concurrency: 2 });
  #onTrouble: () => void = () => undefined;

  /** @param token of the run whose containers these are, see `Owner` */
  constructor(
    { file, version, dialect, conmon }: FoundClient,
    environment: NodeJS.ProcessEnv,
    clock: Clock,
    token: string,
  ) {
    this.kind = dialect.kind;
    this.version = version;
    this.#file = file;
    this.#dialect = dialect;
    this.#environment = environment;
    this.#clock = clock;
    this.#token = token;
    this.#client = new EngineClient(dialect.kind, file, environment, clock);
    this.#client.onSilence(() => {
      this.#onTrouble();
    });
    this.#conmon = conmon && new ConmonFiles(conmon, token, this.#fates, clock);
    this.#events = dialect.kind === 'docker' ? this.#dockerEvents() : undefined;
    const isTold = this.#conmon !== undefined || this.#events !== undefined;
    this.#poll = new RunningWatch(() => this.list(), this.#fates, isTold ? askMs.besides : askMs.alone, clock);
    this.#images = new ImageStore(
      {
        has: (image) => this.#has(image),
        idOf: (image) => this.#idOf(image),
        pull: (image, progress) => this.#client.follow(['pull', image], deadlineMs.pull, progress),
        build: (tag, containerfile, context, progress) => {
          const args = ['build', '--tag', tag, '--label', builtLabel, '--file', containerfile, context];
          return this.#builds.add(() => this.#client.follow(args, deadlineMs.build, progress));
        },
      },
      clock,
    );
  }

  onTrouble(listener: () => void): void {
    this.#onTrouble = listener;
  }

  abandonStarts(): void {
    for (const name of this.#fates.starting())
      this.#fates.dies(name, { code: undefined, signal: undefined, lost: 'engine' });
  }

  close(): void {
    this.#events?.close();
  }

  async prepare(
    source: ProcessSource,
    pull: 'missing' | 'always' | 'never',
    progress: Progress,
  ): Promise<LaunchSpec['source']> {
    switch (source.kind) {
      case 'image':
        await this.#images.ensure(source.image, pull, progress);
        return this.#images.identified(source.image);
      case 'build':
        return this.#images.identified(await this.#images.build(source.context, progress));
      case 'package':
        return this.#images.identified(await this.#images.package(source, progress));
      case 'command':
        return source;
    }
  }

  async renew(
    source: ProcessSource,
    pull: 'missing' | 'always' | 'never',
    progress: Progress,
  ): Promise<LaunchSpec['source']> {
    if (source.kind === 'image') this.#images.lookAgain(source.image);
    if (source.kind !== 'build') return this.prepare(source, pull, progress);
    return this.#images.identified(await this.#images.renew(source.context, progress));
  }

  /**
   * Asks the builder, whatever is there already.
   *
   * @throws {BridgeError} `BUILD_FAILED`
   */
  async build(source: BuiltSource, progress: Progress): Promise<BuiltImage> {
    const image =
      source.kind === 'build'
        ? await this.#images.renew(source.context, progress, true)
        : await this.#images.package(source, progress, true);
    const id = await this.#idOf(image);
    if (id !== undefined) return { image, id };
    throw new BridgeError('BUILD_FAILED', 'Cannot build the server: its image is not there any more');
  }

  /**
   * Puts an image into a registry.
   *
   * @param reference its name there, registry and all; this engine knows it by that name as well afterwards
   * @throws {BridgeError} `BUILD_FAILED` that says why it cannot
   */
  async push(image: string, reference: string, progress: Progress): Promise<void> {
    const tagged = await this.#client.ask(['tag', image, reference], deadlineMs.inspect);
    const why =
      tagged.exitCode === 0
        ? await this.#client.follow(['push', reference], deadlineMs.push, progress)
        : tagged.stderr.trim();
    if (why === undefined) return;
    throw new BridgeError('BUILD_FAILED', `Cannot push "${reference}": ${registryFailure(why)}`, {}, { cause: why });
  }

  launch(spec: LaunchSpec): Child {
    return this.#launch(spec, spawnChild);
  }

  launchOn(stdio: Stdio, spec: LaunchSpec): Life {
    return this.#launch(spec, (...how) => spawnOn(stdio, ...how));
  }

  async remove(names: readonly string[]): Promise<void> {
    // Podman 4 removes none of several when one of them is missing, and says that all is well: one at a time.
    const groups = this.kind === 'podman' ? names.map((name) => [name]) : [names];
    await Promise.all(groups.filter((group) => group.length > 0).map((group) => this.#removeGroup(group)));
  }

  async list(): Promise<ContainerRecord[]> {
    const filter = ['ps', '--all', '--no-trunc', '--filter', `label=${labelKeys.owner}`, '--format'];
    const format = this.kind === 'podman' ? 'json' : dockerFormat;
    const answer = await this.#client.askOrGiveUp([...filter, format], deadlineMs.list);
    if (answer.exitCode !== 0) throw this.#client.failure('list containers', answer);
    return this.kind === 'podman' ? parsePodmanList(answer.stdout) : parseDockerList(answer.stdout);
  }

  /** The variables that an image sets by itself; none when it is not there. */
  async imageEnvironment(image: string): Promise<ReadonlyMap<string, string>> {
    const args = ['image', 'inspect', '--format', '{{json .Config.Env}}', image];
    const { exitCode, stdout } = await this.#client.ask(args, deadlineMs.inspect);
    const entries = exitCode === 0 ? imageVariables.parse(JSON.parse(stdout)) : [];
    return new Map((entries ?? []).map((entry) => entry.split(/=(.*)/s).slice(0, 2) as [string, string]));
  }

  #launch<T extends Life>(spec: LaunchSpec, spawn: Spawn<T>): T {
    const { source, name } = spec;
    if (source.kind !== 'image') throw new TypeError(`${this.kind} runs images, not commands`);
    this.#events?.open();
    const { running, died } = this.#fates.expect(name);
    const child = this.#spawn({ ...spec, source }, spawn);
    this.#poll.begin();
    this.#watchStart(name, running);
    void child.exited.then((exit) => {
      this.#onClientExit(name, exit);
      // 125: the engine itself refused, and a missing image is a common reason.
      if (exit.code === 125) this.#images.forget(source.image);
    });
    return { ...child, running, died };
  }

  #dockerEvents(): DockerEvents {
    const env = clientEnvironment(this.#environment, []);
    return new DockerEvents(() => spawnTied('events', this.#file, eventsArgs(this.#token), { env }), {
      fates: this.#fates,
      clock: this.#clock,
      onHeard: () => {
        this.#client.hear();
      },
      onLost: () => {
        this.#onTrouble();
      },
    });
  }

  /** What throws has started nothing, and leaves nothing behind that waits for its end. */
  #spawn<T extends Life>(spec: Parameters<typeof runArgs>[0], spawn: Spawn<T>): T {
    const { name } = spec;
    const folder = this.#conmon?.begin(name);
    try {
      const args = runArgs(spec, this.#dialect, folder === undefined ? [] : traceArgs(folder));
      const env = clientEnvironment(this.#environment, spec.env);
      return spawn(name, this.#file, args, { env, ...(folder === undefined ? {} : { cwd: folder }) });
    } catch (error) {
      this.#conmon?.end(name);
      this.#fates.close(name, { code: undefined, signal: undefined });
      throw error;
    }
  }

  #watchStart(name: string, running: Promise<void>): void {
    const cancel = this.#clock.after(slowStartMs, () => {
      if (this.#client.quietMs >= slowStartMs) this.#onTrouble();
    });
    void running.then(() => {
      cancel();
      if (this.#fates.hasRun(name)) this.#client.hear();
    });
  }

  #onClientExit(name: string, exit: Exit): void {
    this.#conmon?.end(name);
    if (exit.code === 125 && this.#hasService) this.#onTrouble();
    const close = (): void => {
      this.#fates.close(name, this.#isLost(name, exit) ? { ...exit, lost: 'engine' } : exit);
    };
    if (this.#events?.isOpen) this.#clock.after(secondWordMs, close);
    else close();
  }

  /** Whether there is a service that can be gone while its containers run. */
  get #hasService(): boolean {
    return this.kind === 'docker' || this.#dialect.isRemote;
  }

  /** The client of a container that ran says that the engine failed: it cannot reach its service any more. */
  #isLost(name: string, { code }: Exit): boolean {
    return this.#hasService && code === 125 && this.#fates.hasRun(name);
  }

  async #removeGroup(names: readonly string[]): Promise<void> {
    // Podman waits the stop timeout first unless told not to; Docker kills at once.
    const force = this.kind === 'podman' ? ['--force', '--time', '0'] : ['--force'];
    const answer = await this.#removals.add(() => this.#client.ask(['rm', ...force, ...names], deadlineMs.remove));
    if (answer.exitCode === 0) return;
    const complaints = answer.stderr.split('\n').filter((line) => line.trim() !== '' && !isGoneAlready(line));
    if (complaints.length > 0 || answer.exitCode === undefined) throw this.#client.failure('remove containers', answer);
  }

  async #idOf(image: string): Promise<string | undefined> {
    const answer = await this.#client.ask(['image', 'inspect', '--format', '{{.Id}}', image], deadlineMs.inspect);
    if (answer.exitCode === undefined) throw this.#client.failure('look for an image', answer);
    return answer.exitCode === 0 ? answer.stdout.trim().replace(/^(?!sha256:)/, 'sha256:') : undefined;
  }

  async #has(image: string): Promise<boolean> {
    const answer = await this.#client.ask(['image', 'inspect', image], deadlineMs.inspect);
    // No answer says nothing about the image.
    if (answer.exitCode === undefined) throw this.#client.failure('look for an image', answer);
    return answer.exitCode === 0;
  }
}

const imageVariables = z.array(z.string()).nullable();

/** Docker prints labels as one text in which a comma is ambiguous: an image's label could pose as ours. Ask for each. */
const dockerLabels = Object.values(labelKeys);
const dockerFormat = [
  '{{json .Names}}',
  '{{json .State}}',
  // As JSON: a tab or a line break in a label would make it another record.
  ...dockerLabels.map((key) => `{{json (.Label "${key}")}}`),
].join('\t');

function parseDockerList(stdout: string): ContainerRecord[] {
  const lines = stdout.split('\n').filter((line) => line !== '');
  return lines.map((line) => {
    const [name = '', state = '', ...values] = line.split('\t').map((cell) => String(JSON.parse(cell)));
    return { name, state, labels: Object.fromEntries(dockerLabels.map((key, i) => [key, values[i] ?? ''])) };
  });
}

function parsePodmanList(stdout: string): ContainerRecord[] {
  const records = podmanRecords.parse(JSON.parse(stdout.trim() === '' ? '[]' : stdout)) ?? [];
  return records.map(({ Names, State, Labels }) => ({ name: Names[0] ?? '', state: State, labels: Labels ?? {} }));
}

function isGoneAlready(line: string): boolean {
  return /no such container|no container with (name|id)|already in progress|does not exist/i.test(line);
}
