import { z } from 'zod';
import { text } from './fields.ts';

/** Keys of a server that speaks Streamable HTTP already. */
export const remoteKeys = {
  url: text('an address such as https://mcp.example.com/mcp')
    .regex(/^https?:\/\/[^\s#]+$/, {
      error: 'wanted an address such as https://mcp.example.com/mcp, without a fragment',
      abort: true,
    })
    .refine((address) => URL.canParse(address), { error: 'wanted an address such as https://mcp.example.com/mcp' })
    .meta({
      description:
        'A server that runs already and speaks Streamable HTTP: each client’s session is one there. Redirects are followed within its origin only.',
    })
    .optional(),
  headers: z
    .record(
      z.string().regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/, { error: 'wanted a header name such as Authorization' }),
      z.union([z.string(), z.number(), z.boolean()], { error: 'wanted a text, number or boolean' }),
      { error: 'wanted a mapping of header names to values' },
    )
    .meta({
      description:
        'Headers of every request to `url`, such as `Authorization`. A value may be `${NAME}`, `${NAME:-default}`, or `file:PATH`, as in `env`; it is never shown.',
      default: {},
    })
    .optional(),
  insecureHttp: z
    .boolean({ error: 'wanted true or false' })
    .meta({
      description:
        'Allows a `url` with http:// that leads to another machine, where anybody on the way can read headers and messages.',
      default: false,
    })
    .optional(),
};
