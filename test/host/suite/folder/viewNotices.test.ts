import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import type { OpenPrompt } from '../../../../src/conversations/prompt.ts';
import { createNotifications } from '../../../../src/vscode/notifications.ts';
import type { Folder } from '../../../../src/vscode/folders.ts';
import type { Overview, OverviewChange } from '../../../../src/vscode/overview.ts';
import { makePrompt } from '../../../support/prompts.ts';
import { until } from '../host.ts';

describe('A notice', () => {
  const window = vscode.window as { showWarningMessage: unknown };
  const { showWarningMessage } = window;
  const state = Object.getOwnPropertyDescriptor(vscode.window, 'state')!;
  const shown: string[] = [];
  before(() => {
    window.showWarningMessage = async (text: string) => void shown.push(text);
    Object.defineProperty(vscode.window, 'state', { ...state, get: () => ({ focused: true, active: true }) });
  });
  after(() => {
    window.showWarningMessage = showWarningMessage;
    Object.defineProperty(vscode.window, 'state', state);
  });

  it('of one folder is not lost because the settings of another cannot be read', async () => {
    const changes = new vscode.EventEmitter<OverviewChange>();
    const errors: unknown[] = [];
    const folder = (app: () => Promise<unknown>) => ({ app }) as unknown as Folder;
    const asked = [
      { prompt: makePrompt({ id: 'a' }), folder: folder(() => Promise.reject(new Error('it is gone'))) },
      {
        prompt: makePrompt({ id: 'b', summary: 'rm -r build' }),
        folder: folder(async () => ({ config: () => ({ values: { notifications: true } }) })),
      },
    ] as { prompt: OpenPrompt; folder: Folder }[];
    const overview = {
      onDidChange: changes.event,
      task: () => undefined,
      question: (id: string) => asked.find((it) => it.prompt.id === id),
    } as unknown as Overview;
    const notifications = createNotifications(overview, (error) => errors.push(error));
    try {
      changes.fire({ tasks: [], asked, rows: [] });
      await until('the notice', () => shown.some((text) => text.includes('rm -r build')));
      assert.equal(shown.length, 2, 'the other is shown, too: nobody has said that it is not wanted');
      assert.match(String(errors), /it is gone/);
    } finally {
      notifications.dispose();
      changes.dispose();
    }
  });
});
