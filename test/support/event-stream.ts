import type { Message } from './mcp-client.ts';

/** One event as it came. */
interface StreamEvent {
  readonly id?: string;
  readonly event?: string;
  readonly retry?: string;
  readonly data?: string;
}

/** An event stream that is read as it comes. */
export interface EventStream {
  readonly status: number;
  readonly headers: Headers;
  /** So far, comments left out. */
  readonly events: readonly StreamEvent[];
  /** How it ended: in order, or cut off by either side. */
  readonly ended: Promise<'in order' | 'cut'>;
  /** What the events with data bring, so far. */
  readonly messages: () => Message[];
  /** The id of the last event that has one. */
  readonly lastId: () => string;
  /** Cuts the connection. */
  readonly cut: () => void;
}

/**
 * Asks for an event stream: GET, or POST when there is a body.
 *
 * @returns when its headers are there
 * @throws {Error} when it is something else: the status and the body
 */
export async function openStream(
  url: string,
  headers: Readonly<Record<string, string>>,
  body?: unknown,
): Promise<EventStream> {
  const abort = new AbortController();
  const response = await fetch(url, {
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      Accept: body === undefined ? 'text/event-stream' : 'application/json, text/event-stream',
      ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: abort.signal,
  });
  if (!response.body || response.headers.get('content-type') !== 'text/event-stream') {
    throw new Error(`no stream: ${response.status} ${await response.text()}`);
  }
  const events: StreamEvent[] = [];
  const ended = collect(response.body, events).then(
    () => 'in order' as const,
    () => 'cut' as const,
  );
  return {
    ...{ status: response.status, headers: response.headers, events, ended },
    messages: () => events.flatMap(({ data = '' }) => (data === '' ? [] : [JSON.parse(data) as Message])),
    lastId: () => events.findLast(({ id }) => id !== undefined)?.id ?? '',
    cut: () => {
      abort.abort();
    },
  };
}

async function collect(body: ReadableStream<Uint8Array>, events: StreamEvent[]): Promise<void> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of body) {
    rest += decoder.decode(chunk, { stream: true });
    const whole = rest.split('\n\n');
    rest = whole.pop() ?? '';
    events.push(...whole.flatMap(readEvent));
  }
  if (rest !== '') throw new Error(`half an event: ${rest.slice(0, 100)}`);
}

function readEvent(text: string): StreamEvent[] {
  const fields = text
    .split('\n')
    .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).replace(/^ /, '')] as const)
    .filter(([name]) => name !== '');
  return fields.length === 0 ? [] : [Object.fromEntries(fields)];
}
