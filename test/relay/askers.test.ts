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

describe('Askers.doubt()', () => {
  it('takes nothing for one that asks: what was quiet has to show it again', () => {
    const askers = new Askers();
    askers.learn(toolCall('plain'), false);
    askers.learn(toolCall('asks'), true);
    for (const name of ['plain', 'asks', 'new']) askers.doubt(toolCall(name));
    expect(['plain', 'asks', 'new'].map((name) => askers.expects(toolCall(name)))).toEqual([
      'perhaps',
      'questions',
      'perhaps',
    ]);
    askers.learn(toolCall('plain'), false);
    expect(askers.expects(toolCall('plain'))).toBe('nothing');
  });
});
