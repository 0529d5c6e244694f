import { BridgeError } from '../base/errors.ts';
import { printable } from '../base/printable.ts';
import type { HeaderFault } from './header-value.ts';

/**
 * A header that does not repeat what the body says.
 *
 * @param header as the specification writes it
 * @param got the fault of the header, or what it says
 * @param wanted what the body says; undefined when it says nothing
 */
export function headerMismatch(
  header: string,
  got: { readonly text: string } | { readonly fault: HeaderFault },
  wanted: string | undefined,
): BridgeError {
  const said = 'fault' in got ? faults[got.fault] : `value ${quoted(got.text)} does not match`;
  const body = wanted === undefined ? 'a body without such a value' : `body value ${quoted(wanted)}`;
  return new BridgeError('HEADER_MISMATCH', `Header mismatch: ${quotable(header)} header ${said} ${body}`);
}

const faults: Readonly<Record<HeaderFault, string>> = {
  missing: 'is missing, wanted',
  twice: 'is there twice, wanted once',
  garbled: 'cannot be read, wanted',
};

const maxQuoted = 100;

function quoted(text: string): string {
  return `'${quotable(text)}'`;
}

/** What a stranger wrote is not shown in full. */
function quotable(text: string): string {
  const shown = printable(text.slice(0, maxQuoted)).replace(/\s/g, ' ');
  return text.length > maxQuoted ? `${shown}…` : shown;
}
