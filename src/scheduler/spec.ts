/** The shapes of a scheduled command, of what is known of its runs, and of the rules that choose. Plain values. */

/** A hundred years: beyond what dates can hold nothing is ever due, and no list could say when. */
export const MAX_MINUTES = 100 * 366 * 24 * 60;

export interface CommandSpec {
  id: string;
  /** Shell text; other types read their metadata. */
  command: string;
  title: string;
  type: string;
  /** Null where `cron` decides, or where neither is known: such a command is never due. */
  frequency_minutes: number | null;
  /** Five fields. */
  cron: string | null;
  /** IANA name; null: the machine's own. */
  timezone: string | null;
  priority: number;
  requires_llm: boolean;
  max_runtime_minutes: number | null;
  metadata: Readonly<Record<string, unknown>>;
  enabled: boolean;
  /** A run that is late after downtime is made up for, once. */
  catch_up: boolean;
  /** Fields of an imported command that are not ours: kept and exported. */
  extra: Readonly<Record<string, unknown>>;
}

export type RunStatus = 'running' | 'succeeded' | 'failed' | 'timed_out' | 'interrupted' | 'skipped';

/** What is known of a command's runs. Times are ms since the epoch. */
export interface CommandState {
  /** The run under way. */
  running: string | null;
  last_start: number | null;
  /** The start of the run under way, else the end of the last one. */
  last_run: number | null;
  /** The due time that is dealt with: of a cron command the last one, of others what a gap has skipped. */
  served: number | null;
  last_duration_seconds: number | null;
  last_exit_code: number | null;
  last_status: RunStatus | null;
  /** Fields of an imported state that are not ours. */
  extra: Readonly<Record<string, unknown>>;
}

export interface StoredCommand {
  spec: CommandSpec;
  state: CommandState;
  created_at: number;
  /** Why it arrived disabled, for people; null once it was edited or enabled. */
  note: string | null;
}

/** What `add` and `update` give; undefined leaves a field as it is. */
export type CommandPatch = Partial<Omit<CommandSpec, 'id' | 'extra'>>;

export interface Rules {
  /** Between two starts of anything; 0 turns it off. */
  minIntervalMs: number;
  priorityWeight: number;
  /** Types that have nothing to do now, such as heartbeats where nobody listens: they are not due. */
  dormant?: ReadonlySet<string>;
}
