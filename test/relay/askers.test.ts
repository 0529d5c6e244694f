import { describe, expect, it } from '@jest/globals';
import { Askers } from '../../src/relay/askers.ts';
import { modernRequest } from '../support/modern-requests.ts';

const toolCall = (name: string): Parameters<Askers['learn']>[0] => modernRequest('tools/call', { name }).request;

describe('Askers.learn()', () => {
  it('learns what is new, however many made-up names it was told of', () => {
    const askers = new Askers();
    for (let i = 0; i < 10_000; i++) askers.learn(toolCall(`made-up-${i}`), false);
    askers.learn(toolCall('plain'), false);
    askers.learn(toolCall('asks'), true);
    expect(['plain', 'asks', 'made-up-0', 'made-up-9999'].map((name) => askers.expects(toolCall(name)))).toEqual([
      'nothing',
      'questions',
      'perhaps',
      'nothing',
    ]);
  });
});
