import type { ConfigValues } from '../config/knobs.ts';
import { resolveConfig, type Resolved } from '../config/resolve.ts';
import { configSources, type SettingsReader } from '../config/sources.ts';

export interface ConfigurationDeps {
  /** The workspace's root. */
  workspace: string;
  env: Readonly<Record<string, string | undefined>>;
  /** Asked for each time: files are read anew. */
  settings(): SettingsReader;
  isTracked(file: string): boolean;
  trusted: boolean;
  /** What the editor keeps of the person's secrets, by environment name; asked for each time. */
  stored?: (env: string) => string | undefined;
  /** Values of the host that started this carrier: they go before every source. */
  handed?: ConfigValues;
  /** Told of the values each time they are read: the secrets among them are to be masked. */
  onValues(values: ConfigValues): void;
  say(notice: string): void;
}

export interface Configuration {
  current(): Resolved;
  values(): ConfigValues;
  /** Reads the sources again. True when a value changed; then whoever goes by it is told. */
  reload(): boolean;
  onChange(listener: () => void): () => void;
  isTrusted(): boolean;
  /** Whether the repository's own files may say more than what is safe. */
  setTrusted(trusted: boolean): void;
}

/** What is configured here, and by whom; followed while the process lives. */
export function createConfiguration(deps: ConfigurationDeps): Configuration {
  const listeners = new Set<() => void>();
  let { trusted } = deps;
  let resolved = read();

  function read(): Resolved {
    const { sources, warnings } = configSources({ ...deps, settings: deps.settings() });
    const result = resolveConfig(sources, trusted);
    result.warnings.push(...warnings);
    const values = deps.handed ?? result.values;
    deps.onValues(values);
    return { ...result, values };
  }
  function reload(): boolean {
    const [before, known] = [JSON.stringify(resolved), resolved.warnings];
    resolved = read();
    if (JSON.stringify(resolved) === before) return false;
    for (const warning of resolved.warnings) if (!known.includes(warning)) deps.say(`Warning: ${warning}`);
    for (const listener of listeners) listener();
    return true;
  }
  return {
    current: () => resolved,
    values: () => resolved.values,
    reload,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    isTrusted: () => trusted,
    setTrusted(value) {
      trusted = value;
      reload();
    },
  };
}
