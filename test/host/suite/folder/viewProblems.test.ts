/** How an error reaches a person, with the editor's own messages answered at once. */
import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { AmpaError } from '../../../../src/errors.ts';
import { createProblems } from '../../../../src/vscode/problems.ts';
import { until } from '../host.ts';

describe('An error in the editor', () => {
  const asked: string[][] = [];
  const pages: { title: string; text: string }[] = [];
  const window = vscode.window as { showErrorMessage: unknown };
  const { showErrorMessage } = window;
  const output = vscode.window.createOutputChannel('AMPA problems', { log: true });
  const documents = {
    show: async (title: string, text: string) => void pages.push({ title, text }),
    dispose: () => undefined,
  };
  const problems = createProblems(output, documents, '1.2.3', () => ['hunter22']);
  before(() => {
    window.showErrorMessage = async (...message: string[]) => {
      asked.push(message);
      return message[1];
    };
  });
  after(() => {
    window.showErrorMessage = showErrorMessage;
    output.dispose();
  });

  it('that nobody foresaw is a report behind its message, without secrets', async () => {
    problems.show('Merging', new TypeError('hunter22 is no function'));
    await until('the report', () => pages.length === 1);
    assert.deepEqual(asked[0], ['AMPA: Merging failed: *** is no function', 'Show Error Report']);
    const { title, text } = pages[0]!;
    assert.equal(title, 'AMPA Error Report');
    for (const part of ['- Command: `Merging`', '- AMPA: `1.2.3`', '- Editor: `', '- Node: `v', '- Platform: `'])
      assert.ok(text.includes(part), part);
    assert.match(text, /- Error: `TypeError: \*\*\* is no function`[\s\S]*at .*viewProblems/);
    assert.doesNotMatch(text, /hunter22/);
  });

  it('of the person’s is a sentence with its next step, and no report', async () => {
    problems.show('Merging', new AmpaError('usage', 'there is nothing to merge', 'Start a task.'));
    await until('the message', () => asked.length === 2);
    assert.deepEqual(asked[1], ['AMPA: There is nothing to merge. Start a task.']);
    assert.equal(pages.length, 1);
  });
});
