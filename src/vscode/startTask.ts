/** Start Task…: from a sentence to a recorded task, with what a person has to decide before it. */
import * as vscode from 'vscode';
import type { App, StartPlan, StartRequest } from '../app/api.ts';
import { AmpaError } from '../errors.ts';
import type { PermissionMode, Task } from '../tasks/task.ts';
import { chooseFolder, requireTrust } from './choose.ts';
import type { Folder, Folders } from './folders.ts';
import { plain, withoutIcons } from './plain.ts';
import { attachments, type Attachment } from './startContext.ts';

export interface StartDeps {
  folders: Folders;
  /** Opens a page for a longer text. */
  write(text: string, folder: Folder): Promise<void>;
  /** A task was recorded. `first`: the folder had none before. */
  started(task: Task, first: boolean): Promise<void>;
  log(text: string): void;
}

/** Fields that are given are not asked for. */
export type StartArguments = Partial<StartRequest>;

export type Start = (given?: StartArguments, into?: Folder) => Promise<Task | undefined>;

/** Undefined when the person changed their mind; what they typed is there again the next time. */
export function createStart(deps: StartDeps): Start {
  let draft = '';
  return async (given = {}, into) => {
    if (!(await requireTrust())) return undefined;
    const folder = into ?? (await chooseFolder(deps.folders, 'Start Task'));
    if (!folder) return undefined;
    const app = await folder.app();
    // A `.env` file tells nobody that it has changed.
    await app.reloadConfig();
    let request: StartRequest | undefined = given.prompt === undefined ? undefined : { ...given, prompt: given.prompt };
    if (!request) {
      const typed = await askWhat(app, draft);
      draft = typed.text;
      if (typed.end === 'write') {
        draft = '';
        await deps.write(typed.full, folder);
      }
      if (typed.end !== 'start') return undefined;
      request = { ...given, prompt: typed.full, agent: typed.agent ?? given.agent };
    }
    const plan = await planOrTrust(app, request);
    if (!plan) return undefined;
    for (const note of [...plan.agent.notes, ...plan.notes]) deps.log(note);
    const decided = await decide(app, plan, request);
    if (!decided) return undefined;
    const first = !app.hasStore();
    await folder.engage();
    const task = await app.start(decided);
    draft = '';
    await deps.started(task, first);
    return task;
  };
}

/** Trust in the workspace is not trust in another repository that a caller names; undefined: it is not given. */
async function planOrTrust(app: App, request: StartRequest): Promise<StartPlan | undefined> {
  try {
    return await app.plan(request);
  } catch (error) {
    if (!(error instanceof AmpaError) || error.code !== 'trust' || request.repo === undefined) throw error;
    const chosen = await vscode.window.showWarningMessage(
      `Do you trust ${request.repo}?`,
      { modal: true, detail: `${error.message}. What its files name would run with your rights.` },
      'Trust and Start',
    );
    if (!chosen) return undefined;
    await app.trust(false, request.repo);
    return app.plan(request);
  }
}

/** What only a person can decide, each question only where it comes up. */
async function decide(app: App, plan: StartPlan, request: StartRequest): Promise<StartRequest | undefined> {
  let decided = request;
  if (request.permissions === undefined && app.config().sources.permissions === 'default') {
    const mode = await askPermissions(plan);
    if (!mode) return undefined;
    decided = { ...decided, permissions: mode };
  }
  if (request.includeChanges === undefined && plan.dirty.length > 0) {
    const include = await askDirty(plan.dirty);
    if (include === undefined) return undefined;
    decided = { ...decided, includeChanges: include };
  }
  if (
    request.checks === undefined &&
    plan.checks.provider === 'none' &&
    app.config().values.checksProvider !== 'none'
  ) {
    const checks = await askChecks();
    if (checks === undefined) return undefined;
    if (checks !== '') decided = { ...decided, checks };
  }
  return decided;
}

interface Typed {
  end: 'start' | 'write' | 'cancel';
  /** As typed. */
  text: string;
  /** With what goes along. */
  full: string;
  agent: string | undefined;
}

function askWhat(app: App, draft: string): Promise<Typed> {
  const offers = attachments(vscode.window.activeTextEditor);
  const taken = new Set<Attachment>();
  let agent: string | undefined;
  const box = vscode.window.createInputBox();
  box.title = 'Start Task';
  box.placeholder = 'What should the agent do?';
  box.value = draft;
  box.ignoreFocusOut = true;

  const write: vscode.QuickInputButton = {
    iconPath: new vscode.ThemeIcon('edit'),
    tooltip: 'Write a longer task in an editor',
  };
  const who: vscode.QuickInputButton = { iconPath: new vscode.ThemeIcon('hubot'), tooltip: 'Choose an agent' };
  let buttons = new Map<vscode.QuickInputButton, Attachment>();
  const draw = (): void => {
    buttons = new Map(
      offers.map((it) => {
        const icon = taken.has(it) ? 'check' : it.kind === 'selection' ? 'list-selection' : 'lightbulb';
        const what = it.kind === 'selection' ? 'the selection' : 'the problem under the cursor';
        return [
          {
            iconPath: new vscode.ThemeIcon(icon),
            tooltip: `${taken.has(it) ? 'Leave out' : 'Add'} ${what} (${it.where})`,
          },
          it,
        ];
      }),
    );
    box.buttons = [...buttons.keys(), who, write];
    const along = [...taken].map((it) => it.where).join(', ');
    const words = [
      agent ? `Agent: ${agent}.` : '',
      along ? `With ${along}.` : '',
      'The agent works on its own branch; your files are not touched.',
    ];
    box.prompt = plain(withoutIcons(words.filter(Boolean).join(' ')));
  };
  draw();
  return new Promise((resolve) => {
    let choosing = false;
    const finish = (end: Typed['end']): void => {
      const text = box.value.trim();
      resolve({ end, text, full: [text, ...[...taken].map((it) => it.text)].filter(Boolean).join('\n\n'), agent });
      box.dispose();
    };
    box.onDidAccept(() => {
      if (box.value.trim() === '') box.validationMessage = 'Enter what should be done.';
      else finish('start');
    });
    box.onDidChangeValue(() => (box.validationMessage = undefined));
    box.onDidTriggerButton((button) => {
      const attachment = buttons.get(button);
      if (attachment) {
        if (!taken.delete(attachment)) taken.add(attachment);
        draw();
      } else if (button === write) {
        finish('write');
      } else {
        choosing = true;
        void chooseAgent(app)
          .then((name) => (agent = name ?? agent))
          .finally(() => {
            choosing = false;
            draw();
            box.show();
          });
      }
    });
    // Another quick input hides this one for a while.
    box.onDidHide(() => {
      if (!choosing) finish('cancel');
    });
    box.show();
  });
}

async function chooseAgent(app: App): Promise<string | undefined> {
  const agents = (await app.agents()).filter((it) => it.found);
  const own = app.config().values.agentCommand;
  const items = [
    ...(own ? [{ label: 'Your Command', description: withoutIcons(own), name: 'custom' }] : []),
    ...agents.map((it) => ({
      label: it.title,
      description: it.path ?? '',
      detail: it.permissionNotes ?? undefined,
      name: it.name,
    })),
  ];
  return (
    await vscode.window.showQuickPick(items, {
      title: 'Agent for This Task',
      placeHolder: 'Select one of the agents found on PATH',
    })
  )?.name;
}

const MODES: { label: string; detail: string; mode: PermissionMode }[] = [
  {
    mode: 'edits',
    label: 'It may edit files in its own worktree',
    detail: 'It asks before running commands and before anything else. A good start.',
  },
  {
    mode: 'ask',
    label: 'It asks before everything but reading',
    detail: 'You answer often, and the task waits until you do.',
  },
  {
    mode: 'all',
    label: 'It may do everything',
    detail: 'It runs any command with your rights, without asking; there is no sandbox.',
  },
];

/** The first start in a person's life; the answer goes into their own settings. */
async function askPermissions(plan: StartPlan): Promise<PermissionMode | undefined> {
  const chosen = await vscode.window.showQuickPick(MODES, {
    title: 'What may agents do without asking you?',
    placeHolder:
      plan.agent.notes[0] ?? 'Applies to every task from now on; change it with the setting ampa.permissions',
    ignoreFocusOut: true,
  });
  if (!chosen) return undefined;
  await vscode.workspace.getConfiguration('ampa').update('permissions', chosen.mode, vscode.ConfigurationTarget.Global);
  return chosen.mode;
}

const SHOWN_FILES = 12;

/** Whether uncommitted files go along; undefined: do not start. */
async function askDirty(dirty: readonly string[]): Promise<boolean | undefined> {
  const list =
    dirty.slice(0, SHOWN_FILES).join('\n') +
    (dirty.length > SHOWN_FILES ? `\n… and ${dirty.length - SHOWN_FILES} more` : '');
  const include = 'Include the Changes';
  const without = 'Start Without Them';
  const chosen = await vscode.window.showWarningMessage(
    'There are uncommitted changes.',
    {
      modal: true,
      detail: `The task can start from the last commit or include a copy of these changes. Either way, your files are not touched.\n\n${list}`,
    },
    include,
    without,
  );
  return chosen === undefined ? undefined : chosen === include;
}

/** A command; the empty text goes without; undefined: do not start. */
async function askChecks(): Promise<string | undefined> {
  const chosen = await vscode.window.showWarningMessage(
    'There is nothing here to check the work with.',
    {
      modal: true,
      detail:
        'No checks were found: no .ci/run, no test script in package.json, no test target in a Makefile. Without checks the task stops for your review.',
    },
    'Name a Command…',
    'Start Without Checks',
  );
  if (chosen === undefined) return undefined;
  if (chosen === 'Start Without Checks') return '';
  const command = await vscode.window.showInputBox({
    title: 'Command That Checks the Work',
    placeHolder: 'npm test',
    prompt:
      'It runs in the worktree; exit code 0 is green. Use the setting ampa.checksCommand to keep it for later tasks.',
    ignoreFocusOut: true,
    validateInput: (text) => (text.trim() === '' ? 'Enter a command, for example npm test.' : null),
  });
  return command?.trim();
}
