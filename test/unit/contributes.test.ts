import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { COMMANDS } from '../../src/app/commands.ts';
import { KNOBS, type Knob } from '../../src/config/knobs.ts';
import { STATUSES } from '../../src/tasks/task.ts';
import { TOKENS, tokensOf } from '../../src/vscode/abilities.ts';
import { CONTEXT_KEYS, EDITOR_COMMANDS } from '../../src/vscode/commandTable.ts';
import { contributions } from '../../src/vscode/contributes.ts';
import { editorTask } from '../support/editorTasks.ts';

const root = path.resolve(import.meta.dirname, '../..');
const read = (name: string): Record<string, unknown> =>
  JSON.parse(fs.readFileSync(path.join(root, name), 'utf8')) as Record<string, unknown>;
const manifest = read('package.json');
const nls = read('package.nls.json');

interface Contributes {
  commands: { command: string }[];
  menus: Record<string, { command: string; when?: string }[]>;
  keybindings: { command: string; when?: string }[];
  viewsWelcome: { view: string; contents: string; when: string }[];
  views: Record<string, { id: string }[]>;
  configuration: { properties: Record<string, unknown> };
  walkthroughs: { steps: { media: { markdown: string }; completionEvents: string[]; description: string }[] }[];
}
const contributes = manifest['contributes'] as Contributes;
const commands = new Set(contributes.commands.map((it) => it.command));

describe('package.json', () => {
  it('is what `npm run generate` writes', () => {
    const generated = contributions();
    for (const [key, value] of Object.entries(generated.manifest)) {
      assert.deepEqual(manifest[key], JSON.parse(JSON.stringify(value)), `${key} is stale: npm run generate`);
    }
    assert.deepEqual(nls, generated.nls, 'package.nls.json is stale: npm run generate');
  });

  it('shows at most three buttons on the row of a task, whatever its state', () => {
    const inline = (contributes.menus['view/item/context'] ?? []).filter(
      (it) => it.when?.startsWith('view == ampa.tasks') && (it as { group?: string }).group?.startsWith('inline'),
    );
    const holds = (when: string, item: readonly string[]): boolean =>
      when
        .split(' && ')
        .slice(1)
        .every((part) => {
          const [, not, token = ''] = /^(!\()?viewItem =~ \/\\b(\w+)\\b\/\)?$/.exec(part) ?? assert.fail(part);
          return item.includes(token) !== (not !== undefined);
        });
    for (const status of STATUSES)
      for (const asks of [false, true])
        for (const reason of [null, 'agent_auth', 'max_attempts']) {
          const task = editorTask({ status, reason, pr_number: 1, pr_url: 'https://example.com/1', head_sha: 'b' });
          const item = tokensOf(task, asks);
          const shown = inline.filter((it) => holds(it.when ?? '', item)).map((it) => it.command);
          assert.ok(shown.length <= 3, `${item.join(' ')}: ${shown.join(', ')}`);
          if (status === 'success' && reason === null && !asks)
            assert.ok(shown.includes('ampa.openPullRequest'), shown.join(', '));
        }
  });

  it('links one setting to another, and shows placeholders as they are', () => {
    assert.equal(nls['config.ampa.agentType'], 'How AMPA talks to the agent named by `#ampa.agentCommand#`.');
    assert.match(String(nls['config.ampa.worktreesDir']), /&lt;repository>\.worktrees/);
  });

  it('has every command of the palette, and no other', () => {
    const wanted = [
      ...Object.values(COMMANDS)
        .filter((it) => it.palette !== null)
        .map((it) => it.id),
      ...Object.keys(EDITOR_COMMANDS),
    ].map((id) => `ampa.${id}`);
    assert.deepEqual([...commands].sort(), wanted.sort());
  });

  it('has every setting of the knobs, restricted unless it is safe', () => {
    const knobs = Object.values<Knob>(KNOBS).filter((it) => it.setting);
    assert.deepEqual(
      Object.keys(contributes.configuration.properties),
      knobs.map((it) => it.setting),
    );
    const { restrictedConfigurations } = (
      manifest['capabilities'] as { untrustedWorkspaces: { restrictedConfigurations: string[] } }
    ).untrustedWorkspaces;
    assert.deepEqual(
      restrictedConfigurations,
      knobs.filter((it) => !it.safe).map((it) => it.setting),
    );
  });

  it('names no text that package.nls.json lacks', () => {
    const keys = [...JSON.stringify(manifest).matchAll(/"%([^%"]+)%"/g)].map((it) => it[1] ?? '');
    assert.ok(keys.length > 40);
    assert.deepEqual(
      keys.filter((key) => typeof nls[key] !== 'string'),
      [],
    );
    assert.deepEqual(
      Object.keys(nls).filter((key) => !keys.includes(key)),
      [],
    );
  });

  it('refers only to commands and files that exist', () => {
    const menus = Object.values(contributes.menus).flat();
    const texts = [
      ...contributes.viewsWelcome.map((it) => nls[it.contents.slice(1, -1)]),
      ...contributes.walkthroughs.flatMap((it) => it.steps.map((step) => nls[step.description.slice(1, -1)])),
    ];
    const linked = texts.flatMap((text) =>
      [...String(text).matchAll(/command:(ampa\.[A-Za-z.]+)/g)].map((it) => it[1] ?? ''),
    );
    const completed = contributes.walkthroughs
      .flatMap((it) => it.steps.flatMap((step) => step.completionEvents))
      .flatMap((it) => (it.startsWith('onCommand:') ? [it.slice(10)] : []));
    const used = [...menus, ...contributes.keybindings].map((it) => it.command);
    assert.deepEqual(
      [...used, ...linked, ...completed].filter((it) => !commands.has(it) && it !== 'ampa.tasks.focus'),
      [],
    );
    const files = contributes.walkthroughs.flatMap((it) => it.steps.map((step) => step.media.markdown));
    assert.deepEqual(
      files.filter((file) => !fs.existsSync(path.join(root, file))),
      [],
    );
  });
});

describe('Every `when` clause', () => {
  const clauses = [
    ...Object.values(contributes.menus).flat(),
    ...contributes.keybindings,
    ...contributes.viewsWelcome,
  ].flatMap((it) => it.when ?? []);
  const views = Object.values(contributes.views)
    .flat()
    .map((it) => it.id);
  /** Keys of the editor itself that are used. */
  const editor = ['view', 'viewItem', 'resource', 'isWorkspaceTrusted', 'workspaceFolderCount', 'false'];
  const values = ['loading', 'noGit', 'noAgent', 'noTask', 'failed', 'off', 'empty', 'in', '0'];

  it('matches whole tokens that rows have', () => {
    const found = clauses.flatMap((it) => [...it.matchAll(/viewItem =~ ([^\s)]+)/g)].map((match) => match[1] ?? ''));
    assert.ok(found.length > 15);
    for (const pattern of found) {
      const token = /^\/\\b(\w+)\\b\/$/.exec(pattern)?.[1] ?? '';
      assert.ok((TOKENS as readonly string[]).includes(token), pattern);
    }
  });

  it('uses only keys that the editor or the extension sets, and views that exist', () => {
    const known = new Set<string>([...editor, ...values, ...views, ...Object.values(CONTEXT_KEYS)]);
    for (const clause of clauses) {
      const words = clause.replace(/=~ \S+/g, '').match(/[A-Za-z0-9_.]+/g) ?? [];
      assert.deepEqual(
        words.filter((word) => !known.has(word)),
        [],
        clause,
      );
    }
  });
});
