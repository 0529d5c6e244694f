/** Why an engine refused to run a container. */
export interface EngineRefusal {
  /** One word, the same for all engines. */
  readonly reason: string;
  /** Its own words. They may tell a client about this machine: they are for the log. */
  readonly text: readonly string[];
}

/** The engines' own texts, from the most telling to the least: a full disk may stop the runtime, but not the reverse. */
const table: readonly (readonly [texts: RegExp, reason: string, words: string])[] = [
  [
    /cannot connect to the docker daemon|error during connect|error waiting for container|unable to connect to podman/i,
    'engine-gone',
    'the engine went away',
  ],
  [/no space left on device|disk quota exceeded/i, 'no-space', 'there is no space left on the engine’s disk'],
  [/already in use/i, 'name-in-use', 'a container of this name is there already'],
  [/no such image|image not known|unable to find image|does not resolve to an image/i, 'no-image', 'its image is gone'],
  [/unable to find user|no matching entries in passwd/i, 'user', 'its user is not in the image'],
  [
    /bind source path|invalid mount|mount.*(no such file|not a directory|denied)|statfs|no such volume|mounts denied/i,
    'mount',
    'one of its mounts cannot be had',
  ],
  [
    /memory limit|cpus?\b.*(range|available)|invalid (memory|cpu)|nanocpus/i,
    'limit',
    'the engine does not take its limits',
  ],
  [/cgroup/i, 'cgroup', 'its control group cannot be made'],
  [/too many open files|resource temporarily unavailable|cannot allocate memory/i, 'resources', 'the machine is full'],
  [/netavark|network|endpoint|iptables|bridge/i, 'network', 'its network cannot be made'],
  [/permission denied|operation not permitted/i, 'permission', 'the engine was not permitted to'],
  [/OCI runtime|unknown runtime|runc|crun|shim|conmon/i, 'runtime', 'the container runtime failed'],
];

/** Whether what was printed before a container ran comes from the engine's client, and not from the container. */
export function isEngineRefusal(code: number | undefined, text: readonly string[]): boolean {
  // 126 and 127 can come from the first process in the container as well.
  return code === 125 || ((code === 126 || code === 127) && text.some((line) => /^(Error|docker): /.test(line)));
}

/** What an engine's refusal means, by what its client printed. */
export function engineRefusal(text: readonly string[]): EngineRefusal {
  const all = text.join('\n');
  return { reason: table.find(([texts]) => texts.test(all))?.[1] ?? 'unknown', text };
}

/** A reason in words that may be shown to anybody. */
export function refusalWords(reason: string): string {
  return table.find(([, known]) => known === reason)?.[2] ?? 'the log has its words';
}
