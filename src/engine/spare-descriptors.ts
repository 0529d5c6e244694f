import { closeSync, openSync } from 'node:fs';
import { devNull } from 'node:os';
import { BridgeError, codeOf } from '../base/errors.ts';

/** Three pairs of sockets and a pipe; some more for what else goes on. */
const ofProgram = 12;

/**
 * Makes sure that a program can be started: when the file descriptors run out in the middle of that, Node raises an
 * error that its caller cannot catch.
 *
 * @param wanted how many it takes
 * @throws {BridgeError} `OVERLOADED`
 */
export function needSpareDescriptors(wanted = ofProgram): void {
  const opened: number[] = [];
  try {
    while (opened.length < wanted) opened.push(openSync(devNull, 'r'));
  } catch (error) {
    const code = codeOf(error);
    if (code !== 'EMFILE' && code !== 'ENFILE') return;
    throw new BridgeError('OVERLOADED', 'Cannot start a program: Gangway is short of file descriptors');
  } finally {
    for (const descriptor of opened) closeSync(descriptor);
  }
}
