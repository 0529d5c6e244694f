import { describe, expect, it } from '@jest/globals';
import { isPlaceholder, isSecret } from '../../src/cli/secret-values.ts';

describe('isSecret()', () => {
  it.each([
    ['BRAVE_API_KEY', 'x'],
    ['githubToken', 'abc'],
    ['PGPASSWORD', 'abc'],
    ['authtoken', 'abc'],
    ['--password', 'hunter2'],
    ['DB_DSN', 'host=x'],
    ['ANYTHING', 'sk-0123456789abcdef'],
    ['ANYTHING', 'ghp_0123456789abcdef'],
    ['DATABASE_URL', 'postgres://me:secret@db/app'],
    ['ID', '6f1ed002ab5595859014ebf0951522d9'],
    ['JSON', '-----BEGIN PRIVATE KEY-----'],
  ])('takes %s=%s for one', (name, value) => {
    expect(isSecret(name, value)).toBe(true);
  });

  it.each([
    ['LOG_LEVEL', 'debug'],
    ['MAX_TOKENS', '4096'],
    ['USE_AUTH', 'true'],
    ['SSH_KEY_PATH', '/keys/id'],
    ['KEYCLOAK_URL', 'https://login.example.com'],
    ['DATABASE_URL', 'postgres://db/app'],
    ['FOLDER', '/srv/a-folder-with-a-long-name-2'],
    ['API_KEY', ''],
  ])('takes %s=%s for none', (name, value) => {
    expect(isSecret(name, value)).toBe(false);
  });
});

describe('isPlaceholder()', () => {
  it.each(['<your key>', 'YOUR_API_KEY', 'your-token', 'xxxx', '...', 'changeme', '[token]'])(
    'takes %s for one',
    (text) => {
      expect(isPlaceholder(text)).toBe(true);
    },
  );

  it.each(['sk-123', 'tour', 'a.b'])('takes %s for none', (text) => {
    expect(isPlaceholder(text)).toBe(false);
  });
});
