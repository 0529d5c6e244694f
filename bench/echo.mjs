// The same server as echo.c, where there is no C compiler. It costs more, so that bridges seem closer to each other.
const tools = ['echo', 'slow', 'steps', 'fill'].map((name) => ({ name, inputSchema: { type: 'object' } }));

let rest = '';
process.stdin.setEncoding('utf8');
process.stdin.on('data', (chunk) => {
  const lines = (rest + chunk).split('\n');
  rest = lines.pop();
  const said = lines.map((line) => hear(JSON.parse(line))).join('');
  if (said) process.stdout.write(said);
});

/** @returns the lines that are said at once */
function hear({ id, method, params }) {
  if (id === undefined || method === undefined) return '';
  if (method === 'tools/call') return callTool(id, params);
  if (method === 'initialize') {
    const { protocolVersion } = params;
    return answer(id, { protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'echo', version: '1' } });
  }
  if (method === 'tools/list') return answer(id, { tools });
  if (method === 'ping') return answer(id, {});
  return line({ id, error: { code: -32601, message: 'no such method' } });
}

function callTool(id, { name, arguments: { text, ms, count, bytes } = {}, _meta }) {
  const last = answer(id, { content: [{ type: 'text', text: name === 'fill' ? 'x'.repeat(bytes) : text }] });
  if (name === 'slow') {
    setTimeout(() => process.stdout.write(last), ms);
    return '';
  }
  const progressToken = _meta?.progressToken;
  const steps = name === 'steps' && progressToken !== undefined ? Array.from({ length: count }, (_, i) => i + 1) : [];
  const told = steps.map((progress) =>
    line({ method: 'notifications/progress', params: { progressToken, progress, total: count } }),
  );
  return told.join('') + last;
}

function answer(id, result) {
  return line({ id, result });
}

function line(message) {
  return `${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`;
}
