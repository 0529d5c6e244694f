/**
 * What one error code means to everybody who meets it. `http` is the status when nothing was sent to a server yet;
 * once a request was admitted, its error is a JSON-RPC error under the caller's id (`rpc`) with status 200 or on the
 * open stream. `retry` says whether the same request can succeed later. `docs/errors.md` is generated from this table.
 */
export interface ErrorRow {
  readonly http: number;
  readonly rpc: number;
  readonly retry: boolean;
  readonly when: string;
  readonly operator: string;
}
