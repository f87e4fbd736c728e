/** The entries of the command table for scheduled commands. */
import * as z from 'zod';
import { TYPE_NAMES } from '../scheduler/types.ts';
import { count, flag, number, option, text, whole } from './commandOptions.ts';

const id = option(z.string(), 'Id of the command.', { value: 'ID', positional: true });
const metadata = option(
  z
    .string()
    .transform((json, context): Record<string, unknown> => {
      try {
        const value: unknown = JSON.parse(json);
        if (typeof value === 'object' && value !== null && !Array.isArray(value))
          return value as Record<string, unknown>;
      } catch {
        // Not JSON at all: the same complaint.
      }
      context.addIssue({ code: 'custom', message: 'is not a JSON object' });
      return z.NEVER;
    })
    .optional(),
  'What its type needs: of a task {"prompt": "…", "agent": "…", "base": "…"}.',
  { value: 'JSON' },
);

const command = option(z.string().optional(), 'Shell text; run in the workspace.', {
  value: 'COMMAND',
  positional: true,
});
const timing = {
  every: number('Minutes between two runs.', 'MIN'),
  cron: text('Cron expression instead: minute hour day month weekday.', 'EXPR'),
  tz: text("Time zone of --cron. Default: this machine's.", 'ZONE'),
  priority: whole('Each point counts its lateness a tenth higher; default 0.', 'N'),
  maxRuntime: number('Minutes after which a run is ended.', 'MIN'),
  type: text(`One of ${TYPE_NAMES.join(', ')}; default shell.`, 'TYPE'),
  title: text('What people see. Default: the id.', 'TEXT'),
  metadata,
  catchUp: option(
    z.enum(['yes', 'no']).optional(),
    'Whether a run missed while no host was running is made up for, once; default yes.',
    {
      value: 'yes|no',
    },
  ),
};

export const SCHEDULE_COMMANDS = {
  scheduleList: {
    id: 'scheduleList',
    palette: null,
    cli: ['schedule list', 'schedule ls'],
    summary: 'Lists the scheduled commands: when they ran, when they are due, with what result.',
    args: z.object({}),
    example: 'ampa schedule list',
  },
  scheduleAdd: {
    id: 'scheduleAdd',
    palette: 'Add Scheduled Command…',
    cli: ['schedule add'],
    summary: 'Runs a command repeatedly: every few minutes, or on a cron schedule.',
    args: z.object({
      id,
      command,
      ...timing,
      requiresLlm: flag('Wait while the language model is down (AMPA_LLM_HEALTHCHECK_URL).'),
    }),
    example:
      'ampa schedule add nightly --type task --cron "0 3 * * *" --metadata \'{"prompt": "Update the dependencies"}\'',
  },
  scheduleUpdate: {
    id: 'scheduleUpdate',
    palette: 'Edit Scheduled Command…',
    cli: ['schedule update'],
    summary: 'Changes a scheduled command; a run under way keeps what it was started with.',
    args: z.object({
      id,
      command,
      ...timing,
      requiresLlm: flag('Wait while the language model is down.'),
      noRequiresLlm: flag('Stop waiting for the language model.'),
    }),
    example: 'ampa schedule update backup --every 30',
  },
  scheduleRemove: {
    id: 'scheduleRemove',
    palette: 'Remove Scheduled Command…',
    cli: ['schedule remove', 'schedule rm'],
    summary: 'Removes a scheduled command; a run under way is stopped.',
    args: z.object({ id }),
    example: 'ampa schedule remove backup',
  },
  scheduleEnable: {
    id: 'scheduleEnable',
    palette: 'Enable Scheduled Command…',
    cli: ['schedule enable'],
    summary: 'Switches a scheduled command on.',
    args: z.object({ id }),
    example: 'ampa schedule enable backup',
  },
  scheduleDisable: {
    id: 'scheduleDisable',
    palette: 'Pause Scheduled Command…',
    cli: ['schedule disable'],
    summary: 'Switches a scheduled command off; a run under way may finish.',
    args: z.object({ id }),
    example: 'ampa schedule disable backup',
  },
  scheduleRun: {
    id: 'scheduleRun',
    palette: 'Run Scheduled Command Now…',
    cli: ['schedule run'],
    summary: 'Runs a scheduled command now, in this process; exit 1 if it fails.',
    args: z.object({
      id: option(z.string().optional(), 'Default: the one that would be started next.', {
        value: 'ID',
        positional: true,
      }),
      format: option(
        z.enum(['concise', 'normal', 'full', 'raw']).optional(),
        'How much of it is printed; default normal: the result and the last 20 lines.',
        { value: 'concise|normal|full|raw', short: 'F' },
      ),
      watch: flag('Print the output as it comes.', 'w'),
    }),
    example: 'ampa schedule run backup -F full',
  },
  scheduleHistory: {
    id: 'scheduleHistory',
    palette: 'Show Runs of Scheduled Command…',
    cli: ['schedule history'],
    summary: 'Shows the last runs of a scheduled command with their output.',
    args: z.object({ id, limit: count('At most this many; default 10.', 'N', 1) }),
    example: 'ampa schedule history backup --limit 3',
  },
  scheduleSimulate: {
    id: 'scheduleSimulate',
    palette: null,
    cli: ['schedule simulate'],
    summary: 'Shows what the schedule would start on a fake clock; nothing runs.',
    args: z.object({
      hours: number('Hours to simulate; default 24.', 'H'),
      tick: number('Seconds between two steps; default 10.', 'S'),
    }),
    example: 'ampa schedule simulate --hours 4',
  },
  scheduleImport: {
    id: 'scheduleImport',
    palette: null,
    cli: ['schedule import'],
    summary: "Merges a scheduler store of the original's layout by id.",
    args: z.object({ file: option(z.string(), 'A JSON file.', { value: 'FILE', positional: true }) }),
    example: 'ampa schedule import scheduler_store.json',
  },
  scheduleExport: {
    id: 'scheduleExport',
    palette: null,
    cli: ['schedule export'],
    summary: "Writes all commands, their state and history in the original's layout.",
    args: z.object({
      file: option(z.string().optional(), 'Default: standard output.', { value: 'FILE', positional: true }),
    }),
    example: 'ampa schedule export scheduler_store.json',
  },
  githubImport: {
    id: 'githubImport',
    palette: null,
    cli: ['github import'],
    summary: "Imports the issues of the worklog's repository, using `wl`; exits with its code.",
    args: z.object({}),
    example: 'ampa github import',
  },
  githubPush: {
    id: 'githubPush',
    palette: null,
    cli: ['github push'],
    summary: "Pushes the worklog's items to its repository, using `wl`; exits with its code.",
    args: z.object({}),
    example: 'ampa github push',
  },
} as const;
