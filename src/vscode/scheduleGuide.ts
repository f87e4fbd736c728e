/** Asking for a scheduled command step by step, with its next times before anything is recorded. */
import * as vscode from 'vscode';
import type { App } from '../app/api.ts';
import type { ScheduledCommand } from '../app/scheduleApi.ts';
import { describeError } from '../errors.ts';
import { withoutIcons } from './plain.ts';
import type { Timing } from '../scheduler/preview.ts';
import { draftOf, fieldRows, idOf, newDraft, patchOf, titleOf, type Draft, type Field } from './scheduleDraft.ts';
import { cronWords, dueLine, dueRow, machineZone, parseMinutes, PRESETS, timingWords } from './scheduleTimes.ts';

type Schedule = App['schedule'];
const { Separator } = vscode.QuickPickItemKind;

/** Adds a command; undefined where the person thinks better of it. */
export async function guideAdd(app: App): Promise<ScheduledCommand | undefined> {
  const kind = await askKind();
  const text = kind && (await askText(kind, ''));
  const timing = text && (await askTiming(app.schedule, 'Schedule: When?', null));
  if (!kind || !text || !timing) return undefined;
  const draft = await fillIn(app, newDraft(kind, text, timing), 'Add');
  if (!draft) return undefined;
  const taken = new Set((await app.schedule.list()).map(({ id }) => id));
  return app.schedule.add(idOf(titleOf(draft), taken), patchOf(draft));
}

/** Changes a command; undefined where nothing was changed. */
export async function guideEdit(app: App, command: ScheduledCommand): Promise<ScheduledCommand | undefined> {
  const before = draftOf(command);
  const draft = await fillIn(app, before, 'Save');
  const patch = draft && patchOf(draft, before);
  return patch && Object.keys(patch).length > 0 ? app.schedule.update(command.id, patch) : undefined;
}

async function askKind(): Promise<'shell' | 'task' | undefined> {
  const items = [
    {
      label: '$(terminal) A Shell Command',
      detail: 'Runs in this folder, such as npm run lint, a backup or a report.',
      kind_: 'shell' as const,
    },
    {
      label: '$(hubot) A Task for an Agent',
      detail: 'Starts a new task each time; an agent works on its own branch until the checks are green.',
      kind_: 'task' as const,
    },
  ];
  const options = { title: 'Add Scheduled Command: What Should Run?', placeHolder: 'Select what to run on a schedule' };
  return (await vscode.window.showQuickPick(items, options))?.kind_;
}

function askText(kind: Draft['kind'], value: string): Thenable<string | undefined> {
  const shell = kind === 'shell';
  return vscode.window.showInputBox({
    title: shell ? 'Schedule: Which Command?' : 'Schedule: What Should the Agent Do?',
    value,
    placeHolder: shell ? 'npm run lint' : 'Update the dependencies and fix what breaks',
    prompt: shell ? 'A shell command line; it runs in this folder.' : 'The request, as in Start Task.',
    ignoreFocusOut: true,
    validateInput: (text) => (text.trim() === '' ? (shell ? 'Enter a command.' : 'Enter what should be done.') : null),
  });
}

async function askTiming(schedule: Schedule, title: string, now: Timing | null): Promise<Timing | undefined> {
  const items = [
    ...PRESETS.map((it) => ({
      ...it,
      description: it.timing.cron ?? '',
      detail: undefined as string | undefined,
      ask: null as 'minutes' | 'cron' | null,
    })),
    { label: '', kind: Separator, timing: null, ask: null },
    { label: 'Every N Minutes…', description: 'any interval', timing: null, ask: 'minutes' as const },
    { label: 'Cron Expression…', description: 'minute hour day month weekday', timing: null, ask: 'cron' as const },
  ];
  const placeHolder =
    now === null ? 'Select how often; everything can be changed before it is added' : `Now: ${timingWords(now)}`;
  const chosen = await vscode.window.showQuickPick(items, { title, placeHolder, matchOnDescription: true });
  if (chosen?.ask === 'minutes') return askMinutes(schedule, now?.frequency_minutes ?? null);
  if (chosen?.ask === 'cron') return askCron(schedule, now);
  // The time zone that somebody chose stays.
  return chosen?.timing
    ? { ...chosen.timing, timezone: chosen.timing.cron ? (now?.timezone ?? null) : null }
    : undefined;
}

/** Good news while typing: what it would mean. */
const info = (message: string): vscode.InputBoxValidationMessage => ({
  message,
  severity: vscode.InputBoxValidationSeverity.Info,
});

/** The next times of a timing, or what is wrong with it. */
function checkTiming(schedule: Schedule, timing: Timing): vscode.InputBoxValidationMessage | string {
  try {
    const line = dueLine(schedule.preview(timing), Date.now(), timing.timezone);
    const words = timing.cron === null ? null : cronWords(timing.cron);
    return info(words === null ? line : `${words[0]?.toUpperCase()}${words.slice(1)}. ${line}`);
  } catch (error) {
    return describeError(error);
  }
}

async function askMinutes(schedule: Schedule, value: number | null): Promise<Timing | undefined> {
  const timing = (minutes: number): Timing => ({ frequency_minutes: minutes, cron: null, timezone: null });
  const text = await vscode.window.showInputBox({
    title: 'Schedule: Every How Many Minutes?',
    value: value === null ? '' : String(value),
    placeHolder: '30',
    ignoreFocusOut: true,
    validateInput(typed) {
      const it = parseMinutes(typed);
      return 'error' in it ? it.error : checkTiming(schedule, timing(it.minutes));
    },
  });
  const it = text === undefined ? undefined : parseMinutes(text);
  return it && 'minutes' in it ? timing(it.minutes) : undefined;
}

async function askCron(schedule: Schedule, now: Timing | null): Promise<Timing | undefined> {
  const timezone = now?.timezone ?? null;
  const text = await vscode.window.showInputBox({
    title: 'Schedule: Cron Expression',
    value: now?.cron ?? '',
    placeHolder: '0 2 * * 1-5',
    prompt: 'Five fields: minute hour day month weekday.',
    ignoreFocusOut: true,
    validateInput: (cron) =>
      cron.trim() === ''
        ? 'Enter five fields: minute hour day month weekday'
        : checkTiming(schedule, { frequency_minutes: null, cron, timezone }),
  });
  return text === undefined ? undefined : { frequency_minutes: null, cron: text.trim(), timezone };
}

async function askZone(): Promise<{ timezone: string | null } | undefined> {
  const items = [
    { label: 'This Machine', description: machineZone(), timezone: null as string | null },
    { label: 'UTC', timezone: 'UTC' },
    ...Intl.supportedValuesOf('timeZone')
      .filter((name) => name !== 'UTC')
      .map((name) => ({ label: name, timezone: name })),
  ];
  return vscode.window.showQuickPick(items, { title: 'Schedule: Time Zone', placeHolder: 'Europe/Berlin' });
}

async function askAgent(app: App): Promise<{ agent: string | null } | undefined> {
  const found = (await app.agents()).filter((it) => it.found);
  const items = [
    {
      label: 'Default',
      description: 'the setting ampa.agent, else the first agent found',
      agent: null as string | null,
    },
    ...found.map((it) => ({ label: it.title, description: it.path ?? '', agent: it.name })),
  ];
  return vscode.window.showQuickPick(items, { title: 'Schedule: Which Agent?' });
}

async function askLongest(value: number | null): Promise<{ maxMinutes: number | null } | undefined> {
  const text = await vscode.window.showInputBox({
    title: 'Schedule: Time Limit',
    value: value === null ? '' : String(value),
    prompt: 'Minutes after which a run is stopped. Leave empty for the default limit, one hour unless changed.',
    ignoreFocusOut: true,
    validateInput(typed) {
      const it = typed.trim() === '' ? null : parseMinutes(typed);
      return it && 'error' in it ? it.error : null;
    },
  });
  if (text === undefined) return undefined;
  const it = text.trim() === '' ? null : parseMinutes(text);
  return { maxMinutes: it && 'minutes' in it ? it.minutes : null };
}

/** The draft with one field asked anew; unchanged where the person goes back. */
async function change(app: App, draft: Draft, field: Field): Promise<Draft> {
  const { schedule } = app;
  switch (field) {
    case 'title': {
      const title = await vscode.window.showInputBox({
        title: 'Schedule: Title',
        value: titleOf(draft),
        ignoreFocusOut: true,
        validateInput: (text) => (text.trim() === '' ? 'Enter a title.' : null),
      });
      return title === undefined ? draft : { ...draft, title: title.trim() };
    }
    case 'text': {
      const text = await askText(draft.kind, draft.text);
      return text === undefined ? draft : { ...draft, text: text.trim() };
    }
    case 'when': {
      const timing = await askTiming(schedule, 'Schedule: When?', draft.timing);
      return timing === undefined ? draft : { ...draft, timing };
    }
    case 'zone': {
      const chosen = await askZone();
      return chosen ? { ...draft, timing: { ...draft.timing, timezone: chosen.timezone } } : draft;
    }
    case 'agent': {
      const chosen = await askAgent(app);
      return chosen ? { ...draft, agent: chosen.agent } : draft;
    }
    case 'longest': {
      const chosen = await askLongest(draft.maxMinutes);
      return chosen ? { ...draft, ...chosen } : draft;
    }
    case 'missed':
      return { ...draft, catchUp: !draft.catchUp };
  }
}

/** The whole command on one page: what it is, when it runs next; each line can be changed. */
async function fillIn(app: App, start: Draft, verb: 'Add' | 'Save'): Promise<Draft | undefined> {
  interface Item extends vscode.QuickPickItem {
    field?: Field;
    done?: true;
  }
  let draft = start;
  for (;;) {
    const items: Item[] = [
      {
        label: `$(check) ${verb}`,
        description: withoutIcons(`${titleOf(draft)}, ${timingWords(draft.timing)}`),
        done: true,
      },
      { label: 'Next runs', kind: Separator },
      ...nextTimes(app.schedule, draft.timing),
      { label: 'Change', kind: Separator },
      ...fieldRows(draft).map(({ field, icon, label, value }) => ({
        label: `$(${icon}) ${label}`,
        description: withoutIcons(value),
        field,
      })),
    ];
    const chosen = await pickOne(
      items,
      verb === 'Add' ? 'Add Scheduled Command' : `Edit Scheduled Command: ${withoutIcons(titleOf(start))}`,
    );
    if (!chosen) return undefined;
    if (chosen.done) return draft;
    if (chosen.field) draft = await change(app, draft, chosen.field);
  }
}

function nextTimes(schedule: Schedule, timing: Timing): vscode.QuickPickItem[] {
  const now = Date.now();
  try {
    return schedule.preview(timing).map((iso) => {
      const { label, description } = dueRow(iso, now, timing.timezone);
      return { label: `$(blank) ${label}`, description };
    });
  } catch (error) {
    return [{ label: `$(error) ${describeError(error)}` }];
  }
}

/** Enter takes the first. */
function pickOne<I extends vscode.QuickPickItem>(items: readonly I[], title: string): Thenable<I | undefined> {
  const options = {
    title,
    placeHolder: 'Press Enter to accept, or select a line to change it',
    matchOnDescription: true,
    ignoreFocusOut: true,
  };
  return vscode.window.showQuickPick(items, options);
}
