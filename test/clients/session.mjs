/**
 * What the checks ask, of a connected client of either SDK.
 *
 * @param call (params, options) → result: the two versions differ in the arguments of `callTool`
 */
export function sdkSession(client, first, call) {
  return {
    first: textOf(first),
    listTools: async () => (await client.listTools()).tools.map(({ name }) => name),
    callTool: async (name, args, onProgress) => {
      const options = onProgress ? { onprogress: ({ progress }) => onProgress(progress) } : {};
      const result = await call({ name, arguments: args }, options);
      return { text: textOf(result), isError: result.isError === true };
    },
  };
}

/** The first text of a result. */
export function textOf(result) {
  return result?.content?.[0]?.text ?? '';
}
