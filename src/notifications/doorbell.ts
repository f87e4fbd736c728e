/** What a person who is away hears when a task ends or cannot go on. Pure. */
import { reasonText } from '../tasks/reasons.ts';
import type { Link, Message } from './message.ts';
import { cut, linksInOrder } from './render.ts';

export type DoorbellKind = 'done' | 'needs-human' | 'frozen';

/** What is told of a task, as it was when it ended. */
export interface Ring {
  taskId: string;
  title: string;
  /** `owner/repo` on a forge; null elsewhere. */
  repo: string | null;
  prNumber: number | null;
  prUrl: string | null;
  ciUrl: string | null;
  reason: string | null;
  /** What exactly went wrong, or the question of the agent. */
  detail: string | null;
  /** The agent's last words. */
  summary: string | null;
  landed: boolean;
}

/** Where links to tasks lead. */
export interface LinkPlace {
  /** Scheme of the editor in use: `vscode`, `vscode-insiders`. */
  scheme: string;
  /** Address of the workspace's folder. */
  folder: string;
}

/** How they are made. */
export interface LinkBase extends LinkPlace {
  /** `<publisher>.<name>` of the extension. */
  extension: string;
  /** `AMPA_LINK_BASE_URL`, or empty. */
  baseUrl: string;
}

/** The link that opens a task. */
export function taskLink(base: LinkBase, taskId: string): string {
  const id = encodeURIComponent(taskId);
  if (base.baseUrl !== '') return `${base.baseUrl.replace(/\/+$/, '')}/?task=${id}`;
  return `${base.scheme}://${base.extension}/task/${id}?folder=${encodeURIComponent(base.folder)}`;
}

interface Bell {
  title(ring: Ring, name: string): string;
  priority: 'low' | 'high';
  tags: readonly string[];
}

const BELLS: Readonly<Record<DoorbellKind, Bell>> = {
  done: {
    title: (ring, name) => `[DONE] ${name} ${ring.landed ? 'landed' : 'checks green'}`,
    priority: 'low',
    tags: ['ampa', 'done'],
  },
  'needs-human': {
    title: (_ring, name) => `[NEEDS-HUMAN] ${name} needs a human`,
    priority: 'high',
    tags: ['ampa', 'escalation', 'needs-human'],
  },
  frozen: {
    title: (_ring, name) => `[FROZEN] ${name} frozen: budget exhausted`,
    priority: 'high',
    tags: ['ampa', 'escalation', 'frozen'],
  },
};

const BUDGETS: readonly (string | null)[] = ['max_attempts', 'budget_time', 'budget_cost'];

/** The kind of doorbell that an end of a task rings; null: it rings none. */
export function kindOf(status: string, reason: string | null): DoorbellKind | null {
  if (status === 'success') return 'done';
  if (status === 'error') return 'needs-human';
  if (status === 'needs_review') return BUDGETS.includes(reason) ? 'frozen' : 'needs-human';
  return null;
}

/** `owner/repo#12`, or the task's title where there is no number. */
const nameOf = (ring: Ring): string =>
  ring.repo !== null && ring.prNumber !== null ? `${ring.repo}#${ring.prNumber}` : cut(ring.title, 120);

/** The message of a doorbell. `links` null: where there is no task, there is no link. Throws for an unknown kind. */
export function doorbell(kind: DoorbellKind, ring: Ring, links: LinkBase | null): Message {
  if (!Object.hasOwn(BELLS, kind)) throw new Error(`there is no doorbell of the kind ${JSON.stringify(kind)}`);
  const bell = BELLS[kind];
  const name = nameOf(ring);
  const all: Link[] = [
    ...(ring.prUrl === null ? [] : [{ label: 'Pull request', url: ring.prUrl }]),
    ...(ring.ciUrl === null || kind === 'done' ? [] : [{ label: 'CI run', url: ring.ciUrl }]),
    ...(links === null ? [] : [{ label: 'Open the task', url: taskLink(links, ring.taskId) }]),
  ];
  const ordered = linksInOrder(all);
  const why = ring.reason === null ? null : reasonText(ring.reason);
  const words = [
    ...ordered.map(({ label, url }) => `${label}: ${url}`),
    name === ring.title ? '' : ring.title,
    why?.sentence ?? '',
    ring.detail ?? '',
    why?.hint ?? '',
    kind === 'done' && ring.summary !== null ? cut(ring.summary.trim(), 600) : '',
  ];
  return {
    type: 'doorbell',
    title: bell.title(ring, name),
    body: words.filter(Boolean).join('\n'),
    links: ordered,
    priority: bell.priority,
    tags: bell.tags,
  };
}
