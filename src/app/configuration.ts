import type { ConfigValues, KnobName } from '../config/knobs.ts';
import { resolveConfig, type Resolved } from '../config/resolve.ts';
import { configSources, readDotenvFiles, type DotenvFile, type SettingsReader } from '../config/sources.ts';

export interface ConfigurationDeps {
  /** The workspace's root. */
  workspace: string;
  env: Readonly<Record<string, string | undefined>>;
  /** As they were before `isTracked` learned whose they are. */
  dotenv: readonly DotenvFile[];
  /** Asked for each time: files are read anew. */
  settings(): SettingsReader;
  isTracked(file: string): boolean;
  /** Whether git may be bringing a file at this moment. */
  mayCome?(file: string): boolean;
  trusted: boolean;
  /** What the editor keeps of the person's secrets, by environment name; asked for each time. */
  stored?: (env: string) => string | undefined;
  /** Finds out whose the files are. Whether the folder is trusted now; null: as before. */
  look(): Promise<boolean | null>;
  /** Values of the host that started this carrier: they go before every source that says what it said then. */
  handed?: ConfigValues;
  /** Told of the values each time they are read: the secrets among them are to be masked. */
  onValues(values: ConfigValues): void;
  say(notice: string): void;
}

export interface Configuration {
  current(): Resolved;
  values(): ConfigValues;
  /** Reads the sources again. True when something changed; then whoever goes by it is told. */
  reload(): Promise<boolean>;
  onChange(listener: () => void): () => void;
  isTrusted(): boolean;
  /** Whether the repository's own files may say more than what is safe. */
  setTrusted(trusted: boolean): void;
}

/** What is configured here, and by whom; followed while the process lives. */
export function createConfiguration(deps: ConfigurationDeps): Configuration {
  const listeners = new Set<() => void>();
  let { trusted, dotenv } = deps;
  /** What this process's own sources said when it began. */
  let first: ConfigValues | undefined;
  let resolved = read();

  function read(): Resolved {
    const { sources, warnings } = configSources({ ...deps, dotenv, settings: deps.settings() });
    const result = resolveConfig(sources, trusted);
    result.warnings.push(...warnings);
    first ??= result.values;
    const values = deps.handed ? followed(deps.handed, first, result.values) : result.values;
    deps.onValues(values);
    return { ...result, values };
  }
  /** True when something changed. */
  function apply(): boolean {
    const [before, known] = [JSON.stringify(resolved), resolved.warnings];
    resolved = read();
    if (JSON.stringify(resolved) === before) return false;
    for (const warning of resolved.warnings) if (!known.includes(warning)) deps.say(`Warning: ${warning}`);
    for (const listener of listeners) listener();
    return true;
  }
  async function readAgain(): Promise<boolean> {
    const files = readDotenvFiles(deps.workspace, deps.env);
    const found = await deps.look();
    const changed = found !== null && found !== trusted;
    trusted = found ?? trusted;
    dotenv = files;
    return apply() || changed;
  }
  let reading: Promise<unknown> = Promise.resolve();
  return {
    current: () => resolved,
    values: () => resolved.values,
    reload() {
      // One after the other: git may answer the first question last, and what was read for it is older.
      const next = reading.then(readAgain, readAgain);
      reading = next;
      return next;
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    isTrusted: () => trusted,
    setTrusted(value) {
      trusted = value;
      apply();
    },
  };
}

/** A carrier does not see all that its host sees; what has changed since where it sees it itself is the newer word. */
function followed(handed: ConfigValues, before: ConfigValues, now: ConfigValues): ConfigValues {
  const changed = Object.entries(now).filter(
    ([name, value]) => JSON.stringify(value) !== JSON.stringify(before[name as KnobName]),
  );
  return { ...handed, ...Object.fromEntries(changed) };
}
