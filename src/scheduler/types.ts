import { type CommandSpec } from './spec.ts';
import type { CommandType } from './ports.ts';
import { importType, pushType } from './types/githubSync.ts';
import { heartbeatType } from './types/heartbeat.ts';
import { shellType } from './types/shell.ts';
import { taskType } from './types/task.ts';
import { testButtonType } from './types/testButton.ts';

/** What a command of each type does. A new type is a file and a line here. */
const TYPES: Readonly<Record<string, CommandType>> = {
  shell: shellType,
  task: taskType,
  'gh-import': importType,
  'gh-push': pushType,
  heartbeat: heartbeatType,
  'test-button': testButtonType,
};

export const runnable = (type: string): boolean => Object.hasOwn(TYPES, type);

export const typeOf = (type: string): CommandType | undefined => (runnable(type) ? TYPES[type] : undefined);

export const TYPE_NAMES: readonly string[] = Object.keys(TYPES);

/** Text for people where a command cannot run here; else null. */
export const unsupported = ({ type }: Pick<CommandSpec, 'type'>): string | null =>
  runnable(type) ? null : `unsupported: ${type}`;
