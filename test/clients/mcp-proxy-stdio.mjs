// snippet
import { ServerType, startStdioServer } from 'mcp-proxy';

// end
const url = process.argv[2];
// snippet
await startStdioServer({ serverType: ServerType.HTTPStream, url });
// end
