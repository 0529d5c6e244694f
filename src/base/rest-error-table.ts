import type { ErrorRow } from './error-row.ts';

/** What only plain REST answers. Part of `errorTable`. */
export const restErrorTable = {
  TOOL_UNKNOWN: {
    http: 404,
    rpc: -32602,
    retry: false,
    when: 'A plain REST call names a tool that the server does not list.',
    operator: 'A client error: `GET /NAME/tools` lists the tools. A server may list others after a change.',
  },
  ARGUMENTS_INVALID: {
    http: 400,
    rpc: -32602,
    retry: false,
    when: 'The arguments of a plain REST call do not match the tool’s schema, or the server refused them (-32602); `pointer` says where, `faults` what was wanted.',
    operator: 'A client error; the schema is in `GET /NAME/tools`. Unless `rpcCode` is there, nothing was sent.',
  },
  TOOL_FAILED: {
    http: 422,
    rpc: -32603,
    retry: false,
    when: 'The tool of a plain REST call ran and said itself that it failed (`isError`); `result` has all that it said. MCP clients get the result as it is.',
    operator: 'Read `result.content`. The tool may have done a part of its work: it is not called again by itself.',
  },
  SERVER_ERROR: {
    http: 502,
    rpc: -32603,
    retry: false,
    when: 'The server answered a plain REST call with a JSON-RPC error of its own; `rpcCode` has its code. MCP clients get the error as it is.',
    operator: 'The message has the server’s words; `gangway logs NAME` has what it wrote to stderr.',
  },
} as const satisfies Record<string, ErrorRow>;
