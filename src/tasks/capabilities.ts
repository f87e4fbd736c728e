/** What a task needs of the host that carries it, and what a host does with one that it is not capable of. Pure. */
import { isActive, type AgentSpec, type ForgeRepo, type IdentityKind, type Task } from './task.ts';

export interface Needs {
  agent: AgentSpec;
  /** Null: it needs nobody on a forge, or git alone, which has ways of its own. */
  identity: { repo: ForgeRepo; kind: IdentityKind } | null;
}

export type NeedsSource = Pick<Task, 'agent_spec' | 'forge' | 'checks'>;

export function needsOf({ agent_spec: agent, forge, checks }: NeedsSource): Needs {
  const asks = forge !== null && (forge.pullRequest !== 'never' || checks.provider === 'github');
  return { agent, identity: asks ? { repo: forge, kind: forge.identity } : null };
}

/** The same for all tasks that need the same. */
export function needsKey(task: NeedsSource): string {
  const { agent, identity } = needsOf(task);
  return JSON.stringify([agent.type, agent.argv[0] ?? '', identity && [identity.kind, identity.repo.host]]);
}

/** What of a task's needs a host has not got. */
export interface Missing {
  /** Each fits after "waiting for a host with". */
  words: string[];
  /** Only the editor can bring it: a person opens a window, and no other host is worth a try. */
  editor: boolean;
}

const IDENTITIES: Readonly<Record<IdentityKind, string>> = {
  app: "the GitHub App's id and key",
  editor: "the editor's GitHub session",
  environment: 'GITHUB_TOKEN or GH_TOKEN',
  gh: 'gh signed in',
};

/** `program`: the agent's program where it is not there. Null: nothing is lacking. */
export function missingOf({ identity }: Needs, program: string | null, signedIn: boolean): Missing | null {
  const words: string[] = [];
  if (program !== null) words.push(/[\\/]/.test(program) ? program : `${program} on its PATH`);
  if (identity && !signedIn) words.push(IDENTITIES[identity.kind]);
  if (words.length === 0) return null;
  return { words, editor: identity?.kind === 'editor' && !signedIn };
}

/** What another live host has said of the same needs: what it lacks, in words, null: nothing; undefined: not yet. */
export type Reported = readonly string[] | null | undefined;

/** A host that has not looked at a task so long after its last change will not do so soon, ms. */
const SOON_MS = 4_000;

/**
 * What becomes of a task that this host lacks something for. `try`: nobody else may have it, so it is carried here
 * and its phase says what is missing, with what to do. `leave`: another host may take it, and `words` says what is
 * waited for, null: nothing is to be said yet. `begun`: its carrier died; whatever it still can do is worth more than to wait.
 */
export function tryOrLeave(
  missing: Missing,
  others: readonly Reported[],
  { begun, unchangedMs }: { begun: boolean; unchangedMs: number },
): { do: 'try' } | { do: 'leave'; words: string | null } {
  if (others.includes(null)) return { do: 'leave', words: null };
  const open = others.includes(undefined);
  if (!open && (begun || !missing.editor)) return { do: 'try' };
  if (open && unchangedMs < SOON_MS) return { do: 'leave', words: null };
  const all = new Set([...missing.words, ...others.flatMap((it) => it ?? [])]);
  // In one order, whichever host says it: else each would say it in its own, for ever.
  return { do: 'leave', words: [...all].sort().join(' and ') };
}

/** What an active task waits for, for people, with the next step; null: for nothing that a host could bring. */
export function waitingFor({
  status,
  waits_for: words,
}: Pick<Task, 'status' | 'waits_for'>): { text: string; hint: string } | null {
  if (words === null || !isActive(status)) return null;
  return {
    text: `waiting for a host with ${words}`,
    hint: words.includes(IDENTITIES.editor)
      ? 'Open the folder in VS Code, signed in to GitHub there.'
      : 'Open VS Code or run `ampa daemon` where that is, or abort the task.',
  };
}
