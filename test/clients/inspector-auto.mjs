import { connect as connectWith, notOffered } from './inspector.mjs';

export const usage = 'As above, with `--protocol-era auto`.';
export { notOffered };

export function connect(url) {
  return connectWith(url, '--protocol-era', 'auto');
}
