import { fixture } from '../support/program.ts';
import { startDirect, startGangway } from './targets.ts';
import { describeRevision } from './ways.ts';

/** All but the one that the suite skips. */
const taskScenarios = [
  'tasks-lifecycle',
  'tasks-capability-negotiation',
  'tasks-wire-fields',
  'tasks-request-state-removal',
  'tasks-mrtr-input',
  'tasks-request-headers',
  'tasks-dispatch-and-envelope',
  'tasks-required-task-error',
  'tasks-mrtr-composition',
];

/** What a server of 2025-11-25 cannot give, however it is translated. */
const cannotTranslate = {
  'input-required-result-basic-elicitation': {
    reason: 'it wants the question under a name, and a question on the old wire has none',
    troubles: ['FAILURE sep-2322-elicitation-incomplete: inputRequests missing expected key "user_name"'],
  },
  'input-required-result-ignore-extra-params': {
    reason: 'it answers a question before it is asked, under the name that it lacks on the old wire',
    troubles: [
      'WARNING sep-2322-ignore-unexpected-params: Server did not return complete result when valid inputResponses were ' +
        'provided alongside extra keys. Servers SHOULD ignore information they do not recognize.',
    ],
  },
  ...Object.fromEntries(taskScenarios.map((scenario) => [scenario, { reason: 'the old wire has no such extension' }])),
};

describeRevision('2026-07-28', { scored: 37, unscored: 13 }, [
  { how: 'by itself', start: () => startDirect('direct-modern.mjs') },
  { how: 'through Gangway', start: () => startGangway({ command: fixture('conformance-modern') }) },
  {
    how: 'through Gangway, where it speaks 2025-11-25 too',
    start: () => startGangway({ command: fixture('conformance-modern', '--dual') }),
  },
  {
    how: 'through Gangway, translated',
    start: () => startGangway({ command: fixture('conformance'), sharing: 'shared', pool: { max: 12 } }),
    cannot: cannotTranslate,
  },
]);
