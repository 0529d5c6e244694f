import { readFileSync } from 'node:fs';
import ts from 'typescript';

interface FoundTest {
  /** Whether it runs on Podman and on Docker. */
  readonly isOnEachEngine: boolean;
}

/** What begins a test, and what is known of it wherever it stands. */
const testKinds: ReadonlyMap<string, Partial<FoundTest>> = new Map([
  ['it', {}],
  ['itOnAllEnginesAtOnce', { isOnEachEngine: true }],
]);

const found = new Map<string, ReadonlyMap<string, FoundTest>>();

/** The tests in a file by their titles, those around them first, as they are written: `OUTER › TITLE`. */
export function testsIn(file: URL): ReadonlyMap<string, FoundTest> {
  const known = found.get(file.href);
  if (known) return known;
  const tests = new Map<string, FoundTest>();
  const source = ts.createSourceFile(file.pathname, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
  collect(source, [], { isOnEachEngine: false }, tests);
  found.set(file.href, tests);
  return tests;
}

function collect(node: ts.Node, outer: readonly string[], facts: FoundTest, tests: Map<string, FoundTest>): void {
  const title = ts.isCallExpression(node) ? titleOf(node) : undefined;
  const kind = ts.isCallExpression(node) && title !== undefined ? kindOf(node.expression) : '';
  const titles = title === undefined ? outer : [...outer, title];
  const ownFacts = testKinds.get(kind);
  if (ownFacts) {
    tests.set(titles.join(' › '), { ...facts, ...ownFacts });
    return;
  }
  const isGroup = kind === 'describe' || kind === 'describeEachEngine';
  // A third argument names the only engine that it is for.
  const isOnEachEngine = kind === 'describeEachEngine' && ts.isCallExpression(node) && node.arguments.length === 2;
  ts.forEachChild(node, (child) => {
    collect(child, isGroup ? titles : outer, isOnEachEngine ? { isOnEachEngine } : facts, tests);
  });
}

/** The first argument when it is a text; a template as it is written. */
function titleOf({ arguments: [first] }: ts.CallExpression): string | undefined {
  if (!first) return undefined;
  if (ts.isStringLiteral(first) || ts.isNoSubstitutionTemplateLiteral(first)) return first.text;
  return ts.isTemplateExpression(first) ? first.getText().slice(1, -1) : undefined;
}

/** `it` of `it(…)`, `it.each(…)(…)` and `(isLinux ? it : it.skip)(…)`. */
function kindOf(callee: ts.Expression): string {
  if (ts.isIdentifier(callee)) return callee.text;
  if (ts.isConditionalExpression(callee)) return kindOf(callee.whenTrue);
  const isWrapped =
    ts.isPropertyAccessExpression(callee) || ts.isCallExpression(callee) || ts.isParenthesizedExpression(callee);
  return isWrapped ? kindOf(callee.expression) : '';
}
