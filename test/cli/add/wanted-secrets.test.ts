import { describe, expect, it } from '@jest/globals';
import { wantedVariables } from '../../../src/cli/add/wanted-secrets.ts';

const none = new Map<string, string>();

describe('wantedVariables()', () => {
  it.each<[string, readonly string[]]>([
    ['Error: BRAVE_API_KEY environment variable is required', ['BRAVE_API_KEY']],
    ['Error: --brave-api-key is required. You can get one at https://brave.example', ['BRAVE_API_KEY']],
    [
      'A key is required via --brave-api-key, BRAVE_API_KEY, --brave-api-key-file, or BRAVE_API_KEY_FILE',
      ['BRAVE_API_KEY'],
    ],
    ['Please set SLACK_BOT_TOKEN and SLACK_TEAM_ID environment variables', ['SLACK_BOT_TOKEN', 'SLACK_TEAM_ID']],
    ["KeyError: 'NOTION_TOKEN'", ['NOTION_TOKEN']],
    ['GITHUB_PERSONAL_ACCESS_TOKEN not set', ['GITHUB_PERSONAL_ACCESS_TOKEN']],
    ['github_token\n  Field required [type=missing, input_value={}]', ['GITHUB_TOKEN']],
    ['Error [ERR_MODULE_NOT_FOUND]: Cannot find package, it must be installed', []],
    ['listening with LOG_LEVEL=debug', []],
    ['fatal: no database', []],
  ])('reads %j', (said, wanted) => {
    expect(wantedVariables(said.split('\n'), none)).toEqual(wanted);
  });

  it('knows variables that the image leaves empty when they are named', () => {
    const declared = new Map([
      ['HOME_TOWN', ''],
      ['OTHER', ''],
      ['MODE', 'fast'],
    ]);
    expect(wantedVariables(['cannot go on: HOME_TOWN'], declared)).toEqual(['HOME_TOWN']);
  });
});
