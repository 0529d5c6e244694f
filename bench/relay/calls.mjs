// What is called, and what is wanted back. Each text carries the name of its session and a number, so that an answer that
// went astray is seen.

/** @typedef {{ tool: 'echo' | 'slow' | 'steps' | 'fill', bytes?: number, ms?: number, count?: number }} Kind */

/**
 * @param {Kind} kind @param {string} tag of the session
 * @returns {(id: number) => { call: import('./answers.mjs').Call, body: string }}
 */
export function makerOf({ tool, bytes = 100, ms, count }, tag) {
  const padding = 'x'.repeat(bytes);
  const more = ms === undefined ? '' : `,"ms":${ms}`;
  return (id) => {
    const head = `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"${tool}"`;
    if (tool === 'fill') return { call: { id, text: padding }, body: `${head},"arguments":{"bytes":${bytes}}}}` };
    const name = `${tag}-${id}-`;
    const text = name + padding.slice(name.length);
    if (tool !== 'steps') return { call: { id, text }, body: `${head},"arguments":{"text":"${text}"${more}}}}` };
    const rest = `"arguments":{"text":"${text}","count":${count}}}}`;
    return {
      call: { id, text, token: name, steps: count },
      body: `${head},"_meta":{"progressToken":"${name}"},${rest}`,
    };
  };
}
