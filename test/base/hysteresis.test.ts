import { describe, expect, it } from '@jest/globals';
import { opened, step, type Levels } from '../../src/base/hysteresis.ts';

const levels: Levels = { closeAt: 85, openBelow: 75, closeAfter: 1, openAfter: 2 };
const patient: Levels = { ...levels, closeAfter: 3 };

/** Whether it is closed after each value: `c` or `o`. */
function states(values: readonly number[], of: Levels): string {
  let state = opened;
  return values
    .map((value) => {
      state = step(state, value, of);
      return state.isClosed ? 'c' : 'o';
    })
    .join('');
}

describe('step()', () => {
  it.each<[string, Levels, number[], string]>([
    ['stays open below the level', levels, [0, 50, 84.9], 'ooo'],
    ['closes at the level', levels, [85], 'c'],
    ['stays closed between the two levels', levels, [90, 84, 75, 80], 'cccc'],
    ['opens after two values in a row below the lower one', levels, [90, 74, 74], 'cco'],
    ['does not open after one', levels, [90, 74, 75, 74, 75, 74], 'cccccc'],
    ['counts anew after it has opened', levels, [90, 0, 0, 90, 0, 0], 'ccocco'],
    ['does not flutter around the upper level', levels, [84, 86, 84, 86, 84], 'occcc'],
    ['does not flutter around the lower level', levels, [90, 74, 76, 74, 76], 'ccccc'],
    ['closes only after as many in a row as it takes', patient, [90, 90, 90], 'ooc'],
    ['forgets those that were not in a row', patient, [90, 90, 84, 90, 90, 84], 'oooooo'],
  ])('%s', (_, of, values, wanted) => {
    expect(states(values, of)).toBe(wanted);
  });
});
