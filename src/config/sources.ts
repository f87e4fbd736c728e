import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import dotenv from 'dotenv';
import { parse as parseJsonc } from 'jsonc-parser';
import { AmpaError } from '../errors.ts';
import type { Knob } from './knobs.ts';
import { STORED_SECRETS, type Source } from './resolve.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** Reads editor settings: in the editor its own API, on the command line the files. */
export interface SettingsReader {
  workspace(setting: string): unknown;
  user(setting: string): unknown;
}

/** A `.env` as it was read, or why it could not be. */
export interface DotenvFile {
  file: string;
  /** For people. */
  name: string;
  kind: 'state' | 'user' | 'application';
  content: Buffer | AmpaError;
}

export interface SourceOptions {
  workspace: string;
  /** Read before `isTracked` learned its answers: git puts a file in place before it says that it is its own. */
  dotenv: readonly DotenvFile[];
  env: Env;
  settings: SettingsReader;
  /** Whether git tracks a file: then it is the repository's text, wherever it lies. */
  isTracked: (file: string) => boolean;
  /** Whether git may be bringing a file at this moment. */
  mayCome?: (file: string) => boolean;
  /** What the editor keeps of the person's secrets, by environment name. */
  stored?: (env: string) => string | undefined;
}

/**
 * The sources in their order: the `.env` file, the environment, workspace settings, user settings, what
 * the editor keeps; and the files that were left out, for people.
 */
export function configSources(options: SourceOptions): { sources: Source[]; warnings: string[] } {
  const { env, settings, stored } = options;
  const sources: Source[] = [];
  const warnings: string[] = [];
  const first = dotenvSource(options, warnings);
  if (first) sources.push(first);
  sources.push({ name: 'environment', repository: false, get: (knob) => env[knob.env] });
  sources.push({
    name: 'workspace settings',
    repository: true,
    get: (knob) => knob.setting && settings.workspace(knob.setting),
  });
  sources.push({
    name: 'user settings',
    repository: false,
    get: (knob) => knob.setting && settings.user(knob.setting),
  });
  if (stored)
    sources.push({
      name: STORED_SECRETS,
      repository: false,
      get: (knob) => (knob.secret ? stored(knob.env) : undefined),
    });
  return { sources, warnings };
}

/** Where the user's own files of AMPA lie. Never relative: that would be a folder of the repository. */
export function userConfigDir(env: Env): string {
  const [xdg, home] = [env['XDG_CONFIG_HOME'], env['HOME']].map((dir) => (dir && path.isAbsolute(dir) ? dir : null));
  return path.join(xdg ?? path.join(home ?? (os.homedir() || os.userInfo().homedir), '.config'), 'ampa');
}

/** Where a `.env` may lie, in the order in which it is looked for. */
function dotenvFiles(workspace: string, env: Env) {
  const shared = path.join(userConfigDir(env), '.env');
  return [
    { file: path.join(workspace, '.worklog', 'ampa', '.env'), name: '.worklog/ampa/.env', kind: 'state' },
    { file: shared, name: shared, kind: 'user' },
    { file: path.join(workspace, '.env'), name: '.env', kind: 'application' },
  ] as const;
}

/** Those that are the user's own, and may hold secrets. */
export const ownDotenvFiles = (workspace: string, env: Env): string[] =>
  dotenvFiles(workspace, env).flatMap(({ file, kind }) => (kind === 'application' ? [] : [file]));

const settingsFile = (workspace: string): string => path.join(workspace, '.vscode', 'settings.json');

/** Every file that values may come from, there or not. */
export const configFiles = (workspace: string, env: Env): string[] => [
  ...dotenvFiles(workspace, env).map(({ file }) => file),
  settingsFile(workspace),
];

/** The `.env` files that are there, as they are now. */
export const readDotenvFiles = (workspace: string, env: Env): DotenvFile[] =>
  dotenvFiles(workspace, env)
    .filter(({ file }) => fs.existsSync(file))
    .map((place) => {
      try {
        return { ...place, content: fs.readFileSync(place.file) };
      } catch (error) {
        return {
          ...place,
          content: new AmpaError('external', `${place.file} cannot be read`, 'Check its permissions.', error),
        };
      }
    });

/** The first `.env` there is: the workspace's own, the shared one of the user, the application's. */
function dotenvSource(
  { workspace, dotenv: found, isTracked, mayCome = () => false }: SourceOptions,
  warnings: string[],
): Source | undefined {
  for (const { file, name, kind, content } of found) {
    // What git tracks under the state folder was written by somebody else: as if it were not there.
    // The way there may be the repository's, too: a link or a submodule.
    const way = [file, path.dirname(file), path.join(workspace, '.worklog')];
    const tracked = way.find(isTracked);
    if (kind === 'state' && tracked === undefined && way.some(mayCome)) {
      warnings.push(
        `${name} is not read: git holds its index.lock and may be bringing it; where no git runs, remove the lock and save the file again`,
      );
      continue;
    }
    if (kind === 'state' && tracked !== undefined) {
      warnings.push(
        `${name} is not read: git tracks ${path.relative(workspace, tracked)}, so it is the repository's; \`git rm --cached\` it if it is yours`,
      );
      continue;
    }
    if (content instanceof AmpaError) throw content;
    const values = dotenv.parse(content);
    return { name, repository: kind === 'application', get: (knob: Knob) => values[knob.env] };
  }
  return undefined;
}

/** The settings files as the command line reads them; comments and trailing commas are fine. */
export function fileSettings(workspace: string): SettingsReader {
  const file = settingsFile(workspace);
  let values: Record<string, unknown> = {};
  if (fs.existsSync(file)) {
    const parsed: unknown = parseJsonc(fs.readFileSync(file, 'utf8'));
    if (typeof parsed === 'object' && parsed !== null) values = parsed as Record<string, unknown>;
  }
  return { workspace: (setting) => values[setting], user: () => undefined };
}
