import type { Admin } from '../../src/http/admin.ts';

const refuse = (): never => {
  throw new Error('Nobody was to operate anything here');
};

/** For tests in which nobody operates the bridge. */
export const noAdmin: Admin = { status: refuse, recycle: refuse, drain: refuse, log: refuse };
