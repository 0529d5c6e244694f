import { execa } from 'execa';
import PQueue from 'p-queue';
import { z } from 'zod';
import { BridgeError } from '../base/errors.ts';
import type { Clock } from '../base/clock.ts';
import type { Source } from '../config/config.ts';
import { spawnChild } from './child.ts';
import type { Child, ContainerRecord, Engine, LaunchSpec, Progress } from './engine.ts';
import { ImageStore } from './image-store.ts';
import { labelKeys } from './labels.ts';
import { clientEnvironment, runArgs, type RunDialect } from './run-args.ts';
import { RunningWatch } from './running-watch.ts';
import { needSpareDescriptors } from './spare-descriptors.ts';

/** How long one question to the engine may take; a machine with a hundred starts under way is slow. */
const deadlineMs = { list: 15_000, remove: 20_000, inspect: 15_000, pull: 30 * 60_000, build: 30 * 60_000 } as const;

const podmanRecords = z
  .array(
    z.object({ Names: z.array(z.string()), State: z.string(), Labels: z.record(z.string(), z.string()).nullish() }),
  )
  .nullable();

interface Answer {
  readonly exitCode: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** Podman or Docker through its command-line client: the same verbs, few differences. */
export class CliEngine implements Engine {
  readonly kind: 'podman' | 'docker';
  readonly version: string;
  readonly #file: string;
  readonly #dialect: RunDialect;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #images: ImageStore;
  readonly #watch: RunningWatch;
  /** Removals at once: each is a process, and the engine takes them one by one anyway. */
  readonly #removals = new PQueue({ concurrency: 6 });

  /** @param file the client's absolute path */
  constructor(file: string, version: string, dialect: RunDialect, environment: NodeJS.ProcessEnv, clock: Clock) {
    this.kind = dialect.kind;
    this.version = version;
    this.#file = file;
    this.#dialect = dialect;
    this.#environment = environment;
    this.#watch = new RunningWatch(() => this.list(), clock);
    this.#images = new ImageStore(
      {
        has: (image) => this.#has(image),
        pull: (image, progress) => this.#follow(['pull', image], deadlineMs.pull, progress),
        build: (tag, containerfile, context, progress) =>
          this.#follow(['build', '--tag', tag, '--file', containerfile, context], deadlineMs.build, progress),
      },
      clock,
    );
  }

  async prepare(
    source: Source,
    pull: 'missing' | 'always' | 'never',
    progress: Progress,
  ): Promise<LaunchSpec['source']> {
    switch (source.kind) {
      case 'image':
        await this.#images.ensure(source.image, pull, progress);
        return source;
      case 'build':
        return { kind: 'image', image: await this.#images.build(source.context, progress) };
      case 'command':
        return source;
    }
  }

  launch(spec: LaunchSpec): Child {
    const { source, name } = spec;
    if (source.kind !== 'image') throw new TypeError(`${this.kind} runs images, not commands`);
    const child = spawnChild(name, this.#file, runArgs({ ...spec, source }, this.#dialect), {
      env: clientEnvironment(this.#environment, spec.env),
    });
    void child.exited.then(({ code }) => {
      this.#watch.stop(name);
      // 125: the engine itself refused, and a missing image is a common reason.
      if (code === 125) this.#images.forget(source.image);
    });
    return { ...child, running: this.#watch.wait(name) };
  }

  async remove(names: readonly string[]): Promise<void> {
    // Podman 4 removes none of several when one of them is missing, and says that all is well: one at a time.
    const groups = this.kind === 'podman' ? names.map((name) => [name]) : [names];
    await Promise.all(groups.filter((group) => group.length > 0).map((group) => this.#removeGroup(group)));
  }

  async list(): Promise<ContainerRecord[]> {
    const filter = ['ps', '--all', '--no-trunc', '--filter', `label=${labelKeys.owner}`, '--format'];
    const format = this.kind === 'podman' ? 'json' : dockerFormat;
    const answer = await this.#ask([...filter, format], deadlineMs.list);
    if (answer.exitCode !== 0) throw this.#failure('list containers', answer);
    return this.kind === 'podman' ? parsePodmanList(answer.stdout) : parseDockerList(answer.stdout);
  }

  async #removeGroup(names: readonly string[]): Promise<void> {
    // Podman waits the stop timeout first unless told not to; Docker kills at once.
    const force = this.kind === 'podman' ? ['--force', '--time', '0'] : ['--force'];
    const answer = await this.#removals.add(() => this.#ask(['rm', ...force, ...names], deadlineMs.remove));
    if (answer.exitCode === 0) return;
    const complaints = answer.stderr.split('\n').filter((line) => line.trim() !== '' && !isGoneAlready(line));
    if (complaints.length > 0 || answer.exitCode === undefined) throw this.#failure('remove containers', answer);
  }

  async #has(image: string): Promise<boolean> {
    const answer = await this.#ask(['image', 'inspect', image], deadlineMs.inspect);
    // No answer says nothing about the image.
    if (answer.exitCode === undefined) throw this.#failure('look for an image', answer);
    return answer.exitCode === 0;
  }

  /** One short question to the client. */
  async #ask(args: readonly string[], timeout: number): Promise<Answer> {
    needSpareDescriptors();
    const { exitCode, stdout, stderr } = await execa(this.#file, args, {
      ...{ env: clientEnvironment(this.#environment, []), extendEnv: false, stdin: 'ignore', reject: false },
      ...{ timeout, forceKillAfterDelay: 2000, detached: true, cleanup: false, maxBuffer: 64 * 1024 * 1024 },
    });
    return { exitCode, stdout, stderr };
  }

  /** A long piece of work whose lines people see as they come. Resolves to why it failed. */
  async #follow(args: readonly string[], timeout: number, progress: Progress): Promise<string | undefined> {
    needSpareDescriptors();
    const child = execa(this.#file, args, {
      ...{ env: clientEnvironment(this.#environment, []), extendEnv: false, stdin: 'ignore', reject: false },
      ...{ timeout, all: true, buffer: false, cleanup: true },
    });
    const tail: string[] = [];
    for await (const line of child.iterable({ from: 'all' })) {
      const clean = line.trim();
      if (clean === '') continue;
      progress(clean);
      tail.push(clean);
      if (tail.length > 20) tail.shift();
    }
    const { exitCode, timedOut } = await child;
    if (exitCode === 0) return undefined;
    if (timedOut) return `it took longer than ${timeout / 60_000} minutes`;
    return (
      tail.findLast((line) => /error|denied|unauthorized|not found/i.test(line)) ?? tail.at(-1) ?? 'no reason given'
    );
  }

  #failure(what: string, answer: Answer): BridgeError {
    const why =
      answer.exitCode === undefined ? 'it did not answer in time' : (answer.stderr.trim().split('\n').at(-1) ?? '');
    return new BridgeError(
      'ENGINE_UNAVAILABLE',
      `Cannot ${what}: ${this.kind} failed`,
      { engine: this.kind },
      { cause: why },
    );
  }
}

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
