/**
 * The static part of package.json: views, menus, welcome texts, keys, walkthrough. `npm run generate`
 * writes it; a test fails when package.json is stale. Not loaded by the extension.
 */
import { COMMANDS, type Command } from '../app/commands.ts';
import { KNOBS, type Knob } from '../config/knobs.ts';
import { CONTEXT_KEYS, EDITOR_COMMANDS, SHARED_ICONS, type CommandId, type EditorCommand } from './commandTable.ts';
import type { Token } from './abilities.ts';

type Json = Record<string, unknown>;
/** Texts of package.nls.json by key. */
type Nls = Record<string, string>;

interface MenuItem {
  command: CommandId;
  when?: string;
  group?: string;
}

const has = (token: Token): string => `viewItem =~ /\\b${token}\\b/`;
const inTasks = (when: string): string => `view == ampa.tasks && ${when}`;
const row = (command: CommandId, tokens: Token[], group: string): MenuItem => ({
  command,
  when: inTasks(tokens.map(has).join(' && ')),
  group,
});

/** Inline buttons: at most three on a row, by its state. */
const ROW_MENU: MenuItem[] = [
  row('ampa.answerTask', ['asks'], 'inline@1'),
  { command: 'ampa.signIn', when: inTasks(`${has('signIn')} && !(${has('asks')})`), group: 'inline@1' },
  { command: 'ampa.mergeTask', when: inTasks(`${has('success')} && ${has('mergeable')}`), group: 'inline@2' },
  {
    command: 'ampa.continueTask',
    when: inTasks(`${has('needsPerson')} && ${has('continuable')} && !(${has('asks')})`),
    group: 'inline@2',
  },
  { command: 'ampa.continueTask', when: inTasks(`${has('aborted')} && ${has('continuable')}`), group: 'inline@2' },
  row('ampa.showDiff', ['task', 'ended', 'hasDiff'], 'inline@3'),
  {
    command: 'ampa.openPullRequest',
    when: inTasks(
      `${has('task')} && ${has('ended')} && ${has('hasPullRequest')} && !(${has('signIn')}) && !(${has('asks')})`,
    ),
    group: 'inline@4',
  },
  row('ampa.showLog', ['task', 'active', 'hasLog'], 'inline@3'),
  row('ampa.abortTask', ['task', 'active'], 'inline@4'),
  row('ampa.showTask', ['task'], '1_show@1'),
  row('ampa.showLog', ['hasLog'], '1_show@2'),
  row('ampa.showDiff', ['hasDiff'], '1_show@3'),
  row('ampa.openWorktree', ['hasWorktree'], '1_show@4'),
  row('ampa.openPullRequest', ['hasPullRequest'], '1_show@5'),
  row('ampa.answerTask', ['asks'], '2_act@1'),
  row('ampa.signIn', ['signIn'], '2_act@1'),
  row('ampa.continueTask', ['continuable'], '2_act@2'),
  row('ampa.mergeTask', ['mergeable'], '2_act@3'),
  row('ampa.abortTask', ['abortable'], '2_act@4'),
  row('ampa.copyBranch', ['task'], '9_copy@1'),
  row('ampa.copyTaskId', ['task'], '9_copy@2'),
];

const inSchedule = (command: CommandId, tokens: Token[], group: string): MenuItem => ({
  command,
  when: `view == ampa.schedule && ${tokens.map(has).join(' && ')}`,
  group,
});
const SCHEDULE_MENU: MenuItem[] = [
  inSchedule('ampa.scheduleRun', ['scheduled', 'canRun'], 'inline@1'),
  inSchedule('ampa.scheduleEnable', ['scheduled', 'switchedOff'], 'inline@2'),
  inSchedule('ampa.scheduleDisable', ['scheduled', 'switchedOn'], 'inline@2'),
  inSchedule('ampa.scheduleRun', ['scheduled', 'canRun'], '1_act@1'),
  inSchedule('ampa.scheduleEnable', ['scheduled', 'switchedOff'], '1_act@2'),
  inSchedule('ampa.scheduleDisable', ['scheduled', 'switchedOn'], '1_act@2'),
  inSchedule('ampa.scheduleUpdate', ['scheduled'], '1_act@3'),
  inSchedule('ampa.scheduleRemove', ['scheduled'], '9_remove@1'),
  inSchedule('ampa.scheduleHistory', ['scheduled'], '2_show@1'),
  inSchedule('ampa.scheduleHistory', ['scheduledRun'], 'inline@1'),
];

const MENUS = {
  'view/title': [
    { command: 'ampa.startTask', when: 'view == ampa.tasks', group: 'navigation@1' },
    { command: 'ampa.nextTask', when: `view == ampa.tasks && ${CONTEXT_KEYS.needsPerson}`, group: 'navigation@2' },
    { command: 'ampa.writeTask', when: 'view == ampa.tasks', group: '1_tasks@1' },
    { command: 'ampa.startFromIssue', when: 'view == ampa.tasks', group: '1_tasks@1' },
    { command: 'ampa.cleanUp', when: 'view == ampa.tasks', group: '1_tasks@2' },
    { command: 'ampa.doctor', when: 'view == ampa.tasks', group: '2_setup@1' },
    { command: 'ampa.signInToGitHub', when: 'view == ampa.tasks', group: '2_setup@2' },
    { command: 'ampa.openSettings', when: 'view == ampa.tasks', group: '2_setup@3' },
    { command: 'ampa.scheduleAdd', when: 'view == ampa.schedule', group: 'navigation@1' },
    { command: 'ampa.showReport', when: 'view == ampa.schedule', group: 'navigation@2' },
  ],
  'view/item/context': [...ROW_MENU, ...SCHEDULE_MENU],
  'editor/title': [{ command: 'ampa.startWritten', when: `resource in ${CONTEXT_KEYS.pages}`, group: 'navigation' }],
} satisfies Record<string, MenuItem[]>;

/** One main button each. `$(…)` icons would be part of the button. */
const WELCOME: { key: string; view?: string; when: string; text: string }[] = [
  {
    key: 'noFolder',
    when: 'workspaceFolderCount == 0',
    text: 'Open a folder with a Git repository to start tasks in it.\n[Open Folder](command:vscode.openFolder)',
  },
  {
    key: 'untrusted',
    when: 'workspaceFolderCount != 0 && !isWorkspaceTrusted',
    text: 'AMPA runs agents and checks, so it does nothing until you trust this workspace.\n[Manage Workspace Trust](command:workbench.trust.manage)',
  },
  {
    key: 'loading',
    when: `workspaceFolderCount != 0 && isWorkspaceTrusted && ${CONTEXT_KEYS.welcome} == loading`,
    text: 'Looking for tasks…',
  },
  {
    key: 'noGit',
    when: `isWorkspaceTrusted && ${CONTEXT_KEYS.welcome} == noGit`,
    text: 'AMPA gives each task its own branch and worktree, so this folder has to be a Git repository.\n[Initialize Repository](command:git.init)',
  },
  {
    key: 'noAgent',
    when: `isWorkspaceTrusted && ${CONTEXT_KEYS.welcome} == noAgent`,
    text:
      'No coding agent was found on PATH. AMPA works with the one you prefer.\n[Install an Agent](command:ampa.installAgent)\n' +
      'Supported are [Amp](https://ampcode.com), [Claude Code](https://code.claude.com/docs), [Codex](https://developers.openai.com/codex/cli), ' +
      '[OpenCode](https://opencode.ai), [Gemini](https://github.com/google-gemini/gemini-cli), or [any command](command:workbench.action.openSettings?%22ampa.agentCommand%22).',
  },
  {
    key: 'noTask',
    when: `isWorkspaceTrusted && ${CONTEXT_KEYS.welcome} == noTask`,
    text:
      'Describe what should be done. An agent works on it in its own worktree until the checks are green. Your files are not touched, and you can close the window.\n' +
      '[Start Task](command:ampa.startTask)\nNew here? [Take the tour](command:workbench.action.openWalkthrough?%22ampa.ampa%23start%22).',
  },
  {
    key: 'failed',
    when: `isWorkspaceTrusted && ${CONTEXT_KEYS.welcome} == failed`,
    text: 'AMPA could not start here.\n[Check Setup](command:ampa.doctor)',
  },
  {
    key: 'schedulerOff',
    view: 'ampa.schedule',
    when: `${CONTEXT_KEYS.schedule} == off`,
    text:
      'Run a command every few minutes, or let an agent work every night. Until you enable the scheduler or start a task, AMPA leaves nothing in this folder.\n' +
      '[Enable Scheduler](command:ampa.enableScheduler)',
  },
  {
    key: 'noCommand',
    view: 'ampa.schedule',
    when: `${CONTEXT_KEYS.schedule} == empty`,
    text:
      'Nothing is scheduled. Run a command every few minutes, or let an agent work every night; [the report](command:ampa.showReport) tells you in the morning what failed.\n' +
      '[Add Scheduled Command](command:ampa.scheduleAdd)',
  },
];

const WALKTHROUGH: { id: string; title: string; description: string; done: string[] }[] = [
  {
    id: 'agent',
    title: 'Set up an agent',
    description: 'AMPA works with the coding agent you already use.\n[Check Setup](command:ampa.doctor)',
    done: ['onCommand:ampa.doctor', 'onCommand:ampa.installAgent'],
  },
  {
    id: 'start',
    title: 'Start a task',
    description: 'One sentence is enough; longer requests open in an editor.\n[Start Task](command:ampa.startTask)',
    done: ['onCommand:ampa.startTask'],
  },
  {
    id: 'watch',
    title: 'Watch it, or close the window',
    description:
      'The task goes on without the window. Come back when it needs you.\n[Open Tasks](command:ampa.tasks.focus)',
    done: ['onView:ampa.tasks', 'onCommand:ampa.showTask'],
  },
  {
    id: 'land',
    title: 'Review and merge',
    description: 'Read the diff, continue with feedback, or merge.\n[Next That Needs Me](command:ampa.nextTask)',
    done: ['onCommand:ampa.showDiff', 'onCommand:ampa.mergeTask', 'onCommand:ampa.nextTask'],
  },
];

/** The pages and the files whose editors are restored after a reload. */
const ACTIVATION = [
  'workspaceContains:.worklog/ampa/ampa.db',
  'onWebviewPanel:ampa.task',
  'onWebviewPanel:ampa.report',
  'onFileSystem:ampa-diff',
  'onUri',
];

/** As markdown: names of other settings become links to them, and placeholders are no HTML. */
const withLinks = (text: string, own: string | undefined): string =>
  text.replace(/</g, '&lt;').replace(/\bampa(?:\.[a-z]\w*)+/gi, (name) => (name === own ? name : `\`#${name}#\``));

function setting(knob: Knob, order: number, nls: Nls): Json {
  const key = `config.${knob.setting}`;
  nls[key] = withLinks(knob.description, knob.setting);
  const common = { order, scope: 'resource', markdownDescription: `%${key}%` };
  switch (knob.type) {
    case 'string':
      return { ...common, type: 'string', default: knob.default };
    case 'number':
      return {
        ...common,
        type:
          knob.default === null ? [knob.integer ? 'integer' : 'number', 'null'] : knob.integer ? 'integer' : 'number',
        default: knob.default,
        minimum: knob.min,
        maximum: knob.max,
      };
    case 'boolean':
      return { ...common, type: 'boolean', default: knob.default };
    case 'list':
      return { ...common, type: 'array', items: { type: 'string' }, default: knob.default };
    case 'enum': {
      const described = knob.values.map((value, i) => {
        nls[`${key}.${value}`] = withLinks(knob.valueDescriptions?.[i] ?? value, knob.setting);
        return `%${key}.${value}%`;
      });
      return {
        ...common,
        type: 'string',
        enum: knob.values,
        markdownEnumDescriptions: described,
        default: knob.default,
      };
    }
  }
}

function commandList(nls: Nls): Json[] {
  const shared = Object.values<Command>(COMMANDS)
    .filter((command) => command.palette !== null)
    .map((command) => ({
      id: command.id,
      title: command.palette ?? '',
      icon: (SHARED_ICONS as Record<string, string | undefined>)[command.id],
    }));
  const own = Object.entries<EditorCommand>(EDITOR_COMMANDS).map(([id, { title, icon }]) => ({ id, title, icon }));
  return [...shared, ...own].map(({ id, title, icon }) => {
    nls[`command.${id}`] = title;
    return {
      command: `ampa.${id}`,
      title: `%command.${id}%`,
      category: 'AMPA',
      ...(icon ? { icon: `$(${icon})` } : {}),
    };
  });
}

/** Everything that package.json and package.nls.json take from here. Pure. */
export function contributions(): { manifest: Json; nls: Nls } {
  const nls: Nls = {
    'view.tasks': 'Tasks',
    'view.schedule': 'Schedule',
    'walkthrough.title': 'Get Started with AMPA',
    'walkthrough.description': 'From a sentence to green checks.',
  };
  const text = (key: string, value: string): string => {
    nls[key] = value;
    return `%${key}%`;
  };
  const knobs = Object.values<Knob>(KNOBS).filter((knob) => knob.setting);
  const internal = Object.entries<EditorCommand>(EDITOR_COMMANDS).filter(([, command]) => command.internal);
  const contributes: Json = {
    viewsContainers: { activitybar: [{ id: 'ampa', title: 'AMPA', icon: 'media/activity.svg' }] },
    views: {
      ampa: [
        {
          id: 'ampa.tasks',
          name: '%view.tasks%',
          icon: 'media/activity.svg',
          contextualTitle: 'AMPA',
          initialSize: 2,
        },
        {
          id: 'ampa.schedule',
          name: '%view.schedule%',
          icon: 'media/activity.svg',
          contextualTitle: 'AMPA',
          // The Tasks view says what is missing, and has more to show.
          when: 'workspaceFolderCount != 0 && isWorkspaceTrusted',
          initialSize: 1,
        },
      ],
    },
    viewsWelcome: WELCOME.map(({ key, view = 'ampa.tasks', when, text: contents }) => ({
      view,
      contents: text(`welcome.${key}`, contents),
      when,
    })),
    commands: commandList(nls),
    menus: { ...MENUS, commandPalette: internal.map(([id]) => ({ command: `ampa.${id}`, when: 'false' })) },
    keybindings: [
      { command: 'ampa.startTask', key: 'ctrl+k a', mac: 'cmd+k a' },
      { command: 'ampa.nextTask', key: 'ctrl+k j', mac: 'cmd+k j' },
    ],
    configuration: {
      title: 'AMPA',
      properties: Object.fromEntries(knobs.map((knob, i) => [knob.setting, setting(knob, i, nls)])),
    },
    // The template explains itself in comments.
    languages: [{ id: 'jsonc', filenames: ['fallback_config.json', 'ampa_fallback_config.json'] }],
    jsonValidation: [
      {
        fileMatch: ['**/.worklog/ampa/fallback_config.json', '**/ampa_fallback_config.json'],
        url: './media/fallback_config.schema.json',
      },
    ],
    // Our state and a task's worktree are not the project: nothing watches, searches or lists them.
    configurationDefaults: {
      'files.watcherExclude': { '**/.worklog/ampa/**': true },
      'search.exclude': { '**/.worklog/ampa': true },
      'git.detectWorktrees': false,
    },
    walkthroughs: [
      {
        id: 'start',
        title: '%walkthrough.title%',
        description: '%walkthrough.description%',
        icon: 'media/icon.png',
        steps: WALKTHROUGH.map(({ id, title, description, done }) => ({
          id,
          title: text(`walkthrough.${id}.title`, title),
          description: text(`walkthrough.${id}.description`, description),
          media: { markdown: `media/walkthrough/${id}.md` },
          completionEvents: done,
        })),
      },
    ],
  };
  const manifest: Json = {
    activationEvents: ACTIVATION,
    extensionKind: ['workspace'],
    capabilities: {
      untrustedWorkspaces: {
        supported: 'limited',
        description: text(
          'trust',
          'In an untrusted workspace nothing runs: no agents, no checks, no scheduled commands.',
        ),
        restrictedConfigurations: knobs.filter((knob) => !knob.safe).map((knob) => knob.setting),
      },
      virtualWorkspaces: { supported: false, description: text('virtual', 'Tasks need Git and files on disk.') },
    },
    contributes,
  };
  return { manifest, nls };
}
