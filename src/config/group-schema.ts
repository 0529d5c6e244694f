import { z } from 'zod';
import { defaults } from './defaults.ts';
import { duration, servedName, text } from './fields.ts';
import { groupModern } from './modern-schema.ts';

const toolName = text('the name of a tool').min(1, { error: 'wanted the name of a tool' });
const names = z.array(text('the name of a server'), { error: 'wanted a list of servers such as [fetch, memory]' });

const settings = {
  separator: text('a separator such as "__"')
    .regex(/^[A-Za-z0-9_.-]{1,8}$/, { error: 'wanted one to eight letters, digits, "_", "." or "-", such as "__"' })
    .meta({
      description: 'What stands between a server’s name and the names of its tools and prompts.',
      default: defaults.group.separator,
    })
    .optional(),
  listWait: duration(
    'How long a list waits for servers of which nothing is known yet. A server that is slower is missing from it, and clients are told when it is there.',
    { min: 0, max: 60_000, default: defaults.group.listWait },
  ),
  modern: groupModern,
};

const oneGroup = z
  .union(
    [
      names,
      z.strictObject({
        servers: names.meta({ description: 'The servers, in the order in which their tools are listed.' }),
        ...settings,
      }),
    ],
    { error: 'wanted a list of servers such as [fetch, memory], or a mapping with servers' },
  )
  .meta({
    description: 'Some servers behind one endpoint, `/NAME/mcp`. A list is its `servers`.',
    range: 'a list of servers, or a mapping, described below',
  });

/** Endpoints at which several servers are one. */
export const groupKeys = {
  groups: z
    .record(servedName, oneGroup, { error: 'wanted a mapping of names to lists of servers' })
    .meta({ description: 'Groups of servers, by the name under which each is served.', default: {} })
    .optional(),
  all: z
    .union([z.boolean(), z.strictObject(settings)], { error: 'wanted true, false, or a mapping' })
    .meta({
      description: 'The endpoint `/mcp`, behind which all servers are one. `false` switches it off.',
      range: '`true`, `false`, or a mapping, described below',
      default: true,
    })
    .optional(),
};

/** `*` in a pattern stands for any characters. */
const patterns = z.array(toolName, { error: 'wanted a list of names such as [get_*, search]' });
const digest = text('a digest such as sha256-…').regex(/^sha256-[A-Za-z0-9_-]{43}$/, {
  error: 'wanted a digest as `gangway tools NAME --pins` prints it',
});

/** Which tools of a server clients see. */
export const toolsField = z
  .strictObject({
    allow: patterns
      .meta({ description: 'Only these, by the server’s own names; `*` stands for any characters. All by default.' })
      .optional(),
    deny: patterns.meta({ description: 'Not these, even when they are allowed.', default: [] }).optional(),
    rename: z
      .record(z.string(), toolName, { error: 'wanted a mapping of names to names' })
      .meta({ description: 'Other names, by the server’s own.', default: {} })
      .optional(),
    describe: z
      .record(z.string(), text('a description'), { error: 'wanted a mapping of names to descriptions' })
      .meta({ description: 'Other descriptions, by the server’s own names.', default: {} })
      .optional(),
    pin: z
      .record(z.string(), digest, { error: 'wanted a mapping of names to digests' })
      .meta({
        description:
          'What each tool was when somebody looked at it, by the server’s own names: `gangway tools NAME --pins` prints it. When anything is pinned, a tool that is not among them, or is another now, is not what was pinned.',
        default: {},
      })
      .optional(),
    onChange: z
      .enum(['block', 'warn'], { error: 'wanted "block" or "warn"' })
      .meta({
        description: 'What becomes of a tool that is not what was pinned: nobody sees it, or the log has a warning.',
        default: 'block',
      })
      .optional(),
  })
  .meta({ description: 'Which of its tools clients see, and under which names.' });
