// The ideal relay, which a bridge is measured against: node:http, a process for each session, ids matched, bytes forwarded,
// and nothing else. No check, no limit, no deadline, no log, no way to come back for what was missed.
//   node bench/relay/ideal.mjs PROGRAM [ARGUMENT...]
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';

const [program, ...args] = process.argv.slice(2);
const sessionsById = new Map();
const newline = Buffer.from('\n');

const server = createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => relay(request, response, chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)));
});
server.listen(0, '127.0.0.1', () => console.log(`ready http://127.0.0.1:${server.address().port}/mcp`));

function relay(request, response, body) {
  const id = request.headers['mcp-session-id'] ?? randomUUID();
  const session = sessionsById.get(id) ?? open(id);
  if (request.method === 'DELETE') return close(id, session, response);
  const message = JSON.parse(body.toString());
  if (message.id === undefined) response.writeHead(202).end();
  else wait(session, message, { response, sessionId: id, isStream: false });
  if (body.length < 65_536) session.child.stdin.write(`${body.latin1Slice()}\n`, 'latin1');
  else {
    session.child.stdin.cork();
    session.child.stdin.write(body);
    session.child.stdin.write(newline);
    session.child.stdin.uncork();
  }
}

function wait({ callsById, callsByToken }, { id, params }, call) {
  callsById.set(id, call);
  call.token = params?._meta?.progressToken;
  if (call.token !== undefined) callsByToken.set(call.token, call);
}

function open(id) {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'ignore'] });
  const session = { child, callsById: new Map(), callsByToken: new Map() };
  sessionsById.set(id, session);
  let parts = [];
  child.stdout.on('data', (chunk) => {
    let from = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, from)) {
      const piece = chunk.subarray(from, end);
      deliver(session, parts.length === 0 ? piece : Buffer.concat([...parts, piece]));
      parts = [];
      from = end + 1;
    }
    if (from < chunk.length) parts.push(chunk.subarray(from));
  });
  return session;
}

function deliver({ callsById, callsByToken }, line) {
  const message = JSON.parse(line.toString());
  const call = callsById.get(message.id) ?? callsByToken.get(message.params?.progressToken);
  if (!call) return;
  if (message.id === undefined) tell(call, line);
  else {
    callsById.delete(message.id);
    if (call.token !== undefined) callsByToken.delete(call.token);
    answer(call, line);
  }
}

/** Something before the answer: from now on it is a stream. */
function tell(call, line) {
  if (!call.isStream) {
    call.response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Mcp-Session-Id': call.sessionId });
    call.isStream = true;
  }
  call.response.write(`event: message\ndata: ${line.latin1Slice()}\n\n`, 'latin1');
}

function answer(call, line) {
  const { response, sessionId, isStream } = call;
  if (isStream) return response.end(`event: message\ndata: ${line.latin1Slice()}\n\n`, 'latin1');
  const headers = { 'Content-Type': 'application/json', 'Content-Length': line.length, 'Mcp-Session-Id': sessionId };
  response.writeHead(200, headers);
  if (line.length < 65_536) response.end(line.latin1Slice(), 'latin1');
  else response.end(line);
}

function close(id, { child }, response) {
  sessionsById.delete(id);
  child.stdin.end();
  response.writeHead(200).end();
}
