import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import type { createRunOutputs } from '../adapters/files/runOutputs.ts';
import { userConfigDir } from '../config/sources.ts';
import { AmpaError } from '../errors.ts';
import { parseStore, type ImportedStore } from '../scheduler/originalStore.ts';
import { parseJsonText } from './jsonText.ts';
import type { EngineStore } from './engineStore.ts';
import type { ScheduleImportReport } from './scheduleApi.ts';

export interface ImportDeps {
  workspace: string;
  stateDir: string;
  env: Readonly<Record<string, string | undefined>>;
  /** `AMPA_SCHEDULER_STORE`, or empty. */
  storeFile(): string;
  /** Whether git tracks a file: then its text is somebody else's. */
  isTracked(file: string): Promise<boolean>;
  outputs: ReturnType<typeof createRunOutputs>;
  keepRuns(): number;
  now(): number;
  newId(): string;
  say(notice: string): void;
}

/**
 * The originals' store that belongs to the workspace, or null. The user's shared one only where the scheduler
 * was asked for: windows open by themselves.
 */
function findStore(deps: ImportDeps, shared: boolean): string | null {
  const named = deps.storeFile();
  const candidates = [
    ...(named === '' ? [] : [path.resolve(deps.workspace, named)]),
    path.join(deps.stateDir, 'scheduler_store.json'),
    ...(shared ? [path.join(userConfigDir(deps.env), 'scheduler_store.json')] : []),
  ];
  return candidates.find((file) => fs.existsSync(file)) ?? null;
}

/**
 * Takes over the originals' store, once for each content; the file is left untouched. Without a store
 * of ours it only says whether there is one to take over.
 */
export async function importOnce(deps: ImportDeps, it: EngineStore | null, shared: boolean): Promise<boolean> {
  const file = findStore(deps, shared);
  if (file === null) return false;
  if (it === null) return true;
  const text = read(file);
  const hash = hashOf(text);
  if (await it.schedule.wasImported(hash)) return false;
  const { store, tracked } = await parse(deps, file, text);
  const report = await it.schedule.importStore(store, { ...options(deps, file, hash), mode: 'once' });
  if (report && report.added.length > 0) {
    const off = tracked
      ? ' They arrive disabled, since git tracks the file: look at them, then `ampa schedule enable`.'
      : '';
    deps.say(`Imported ${report.added.length} scheduled commands from ${file}.${off}`);
  }
  for (const warning of store.warnings) deps.say(warning);
  return true;
}

/** Merges a file by id. */
export async function importFile(deps: ImportDeps, it: EngineStore, file: string): Promise<ScheduleImportReport> {
  const full = path.resolve(file);
  const text = read(full);
  const { store } = await parse(deps, full, text);
  const report = await it.schedule.importStore(store, { ...options(deps, full, hashOf(text)), mode: 'merge' });
  return { added: report?.added ?? [], updated: report?.updated ?? [], warnings: store.warnings };
}

const options = (deps: ImportDeps, file: string, hash: string) => ({
  file,
  hash,
  now: deps.now(),
  keep: deps.keepRuns(),
  newId: deps.newId,
  saveOutput: deps.outputs.save,
});

function read(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch (error) {
    throw new AmpaError('usage', `${file} cannot be read`, 'Check the name and its permissions.', error);
  }
}

const hashOf = (text: string): string => crypto.createHash('sha256').update(text).digest('hex');

async function parse(
  deps: ImportDeps,
  file: string,
  text: string,
): Promise<{ store: ImportedStore; tracked: boolean }> {
  const store = parseStore(parseJsonText(text, file), file);
  const tracked = await deps.isTracked(file);
  if (tracked) {
    const why = 'Disabled: it came with the repository.';
    for (const command of store.commands) {
      command.spec = { ...command.spec, enabled: false };
      command.note = command.note === null ? why : `${why} ${command.note}`;
    }
  }
  return { store, tracked };
}
