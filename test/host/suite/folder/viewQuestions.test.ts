/** Questions of scripts and agents, and the rules for them, in a real extension host. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import * as vscode from 'vscode';
import type { App } from '../../../../src/app/api.ts';
import { activate, rowsOf, until } from '../host.ts';

/** From the agent's request to the person's notification, ms. */
const ASKED_WITHIN = 500;

describe('Questions', () => {
  let app: App;
  let settings: string;
  before(async () => {
    const { folders } = await activate();
    app = await folders.all()[0]!.engage();
    settings = path.join(app.workspace.stateDir, '.env');
  });
  after(async () => {
    fs.rmSync(settings, { force: true });
    await app.reloadConfig();
  });

  it('of a script is a row, counts until it was opened, and goes when somebody has answered', async () => {
    const { overview, tree, unread, notifications } = await activate();
    const told: string[] = [];
    const off = notifications!.onDidAsk((prompt) => told.push(prompt.id));
    const { id } = await app.startConversation('release', 'Deploy now?', { choices: ['Yes', 'No'] });
    await until('the question', () => overview.question(id) !== undefined);
    const rows = await rowsOf(tree!.provider, 'group:needs');
    assert.equal(rows[0]?.label, 'Deploy now?');
    assert.equal(rows[0]?.command?.command, 'ampa.answerTask');
    assert.match(rows[0]?.contextValue ?? '', /\bquestion\b.*\basks\b/);
    assert.ok(unread.ids().has(`prompt:${id}`));
    const before = unread.ids().size;
    assert.equal(tree!.view.badge?.value, before);
    unread.markRead(`prompt:${id}`);
    assert.equal(unread.ids().size, before - 1);
    // A window that nobody looks at keeps quiet; its badge says it.
    if (vscode.window.state.focused) await until('the notification', () => told.includes(id));
    off.dispose();

    const resumed = await app.respond({ promptId: id, response: 'No', by: 'mia (Discord)' });
    assert.equal(resumed.response, 'No');
    await until('the row to go', () => overview.question(id) === undefined);
    await assert.rejects(app.respond({ promptId: id, response: 'Yes', by: 'me' }), {
      code: 'invalid_state',
      message: /mia \(Discord\)/,
    });
  });

  it('of an agent is told within half a second, and its answer is as quick', async function () {
    const { overview, notifications } = await activate();
    const agent = path.join(process.env['AMPA_HOST_ROOT']!, 'test/support/acpAgent.ts');
    fs.writeFileSync(
      settings,
      ['AMPA_AGENT_TYPE=acp', `AMPA_AGENT_COMMAND="'${process.execPath}' '${agent}'"`, 'AMPA_CHECKS_COMMAND=true'].join(
        '\n',
      ),
    );
    await app.reloadConfig();
    const told: { id: string; task: string | null; ms: number }[] = [];
    const off = notifications!.onDidAsk((prompt) =>
      told.push({ id: prompt.id, task: prompt.task_id, ms: Date.now() - Date.parse(prompt.created_at) }),
    );
    const before = new Set([...overview.tasks()].map((it) => it.id));
    const steps = ['AGENT:run echo one', 'AGENT:run echo two', 'AGENT:run echo three > made.txt'];
    await vscode.commands.executeCommand('ampa.startTask', { prompt: steps.join('\n'), permissions: 'edits' });
    await until('the task', () => [...overview.tasks()].some((it) => !before.has(it.id)));
    const task = [...overview.tasks()].find((it) => !before.has(it.id))!;
    const answered: number[] = [];
    for (let n = 0; n < steps.length; n++) {
      await until('a question', () => overview.questions(task.id).length > 0);
      const [prompt] = overview.questions(task.id);
      if (vscode.window.state.focused) await until('its notification', () => told.some((it) => it.id === prompt!.id));
      const begun = Date.now();
      await app.respond({ promptId: prompt!.id, response: 'allow', by: 'the test' });
      answered.push(Date.now() - begun);
      await until('it to go', () => overview.question(prompt!.id) === undefined);
    }
    await until('an end', () => overview.task(task.id)?.status === 'success');
    off.dispose();
    const { answers } = await app.show(task.id);
    assert.deepEqual(
      answers.map((it) => [it.response, it.answered_by]),
      steps.map(() => ['allow', 'the test']),
    );
    assert.ok(vscode.window.state.focused, 'the window of the tests has the focus');
    const ways = told.map((it) => it.ms);
    // The quickest counts: the others may have waited for the machine, and a slow way would slow all of them.
    assert.equal(ways.length, steps.length);
    assert.ok(Math.min(...ways) < ASKED_WITHIN, `asked after ${ways.join(', ')} ms`);
    assert.ok(Math.min(...answered) < ASKED_WITHIN, `answered after ${answered.join(', ')} ms`);
    this.test!.title += `: ${ways.join(', ')} ms, ${answered.join(', ')} ms`;
  });

  it('that are always allowed in a task are asked once', async function () {
    const { overview } = await activate();
    const before = new Set([...overview.tasks()].map((it) => it.id));
    const prompt = ['AGENT:run echo same', 'AGENT:run echo same', 'AGENT:run echo same > made.txt'].join('\n');
    await vscode.commands.executeCommand('ampa.startTask', { prompt, permissions: 'edits' });
    await until('the task', () => [...overview.tasks()].some((it) => !before.has(it.id)));
    const task = [...overview.tasks()].find((it) => !before.has(it.id))!;
    const answers: string[] = [];
    await until('an end', async () => {
      const [question] = overview.questions(task.id);
      if (question && !answers.includes(question.id)) {
        answers.push(question.id);
        assert.ok(question.choices.includes('always'));
        await app.respond({ promptId: question.id, response: 'always', by: 'the test' });
      }
      return overview.task(task.id)?.status === 'success';
    });
    assert.equal(answers.length, 2, 'the same command twice, and another one');
  });

  it('are answered by rules, whose file is made, completed and checked', async function () {
    await vscode.commands.executeCommand('ampa.editFallbackRules');
    const { file } = await app.fallbackRules();
    await until('the file', () => vscode.window.activeTextEditor?.document.uri.fsPath === file);
    const { document } = vscode.window.activeTextEditor!;
    assert.equal(document.languageId, 'jsonc');
    const problems = (): string[] => vscode.languages.getDiagnostics(document.uri).map((it) => it.message);
    const at = document.positionAt(document.getText().indexOf('"hold"') + 1);
    await until('the words', async () => {
      const list = await vscode.commands.executeCommand<vscode.CompletionList>(
        'vscode.executeCompletionItemProvider',
        document.uri,
        at,
      );
      return list.items.some((it) =>
        (typeof it.label === 'string' ? it.label : it.label.label).includes('auto-accept'),
      );
    });
    assert.deepEqual(problems(), [], 'the template is fine as it is');
    const edit = new vscode.WorkspaceEdit();
    const whole = new vscode.Range(document.positionAt(0), document.positionAt(document.getText().length));
    edit.replace(document.uri, whole, '{ "default": "perhaps", "public_default": "auto-accept" }');
    await vscode.workspace.applyEdit(edit);
    await until('the complaint', () => problems().some((it) => /one of|pattern|accepted/i.test(it)));
    edit.set(document.uri, []);
    const mended = new vscode.WorkspaceEdit();
    mended.replace(
      document.uri,
      new vscode.Range(0, 0, 99, 0),
      '{ "default": "hold", "public_default": "auto-accept" }',
    );
    await vscode.workspace.applyEdit(mended);
    await document.save();
    const prompt = await app.startConversation('nightly', 'Go on?', { choices: ['yes', 'no'], metadata: {} });
    assert.equal(prompt.state, 'resumed', JSON.stringify(prompt));
    assert.equal(prompt.automatic?.mode, 'auto-accept');
    fs.rmSync(file);
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
  });
});
