import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { HostInfo } from './hosts.ts';
import type { Family } from '../adapters/http/metricsText.ts';
import type { CounterStore } from '../adapters/sqlite/counterStore.ts';
import { createFigures } from '../adapters/sqlite/figures.ts';
import type { OpenDatabase } from '../adapters/sqlite/open.ts';
import { LATENESS_BUCKETS } from './metering.ts';

/** How often the event loop is looked at, ms. */
const LOOP_MS = 100;

/** Families that lie in the store, with what they are for. A counter without a row says 0. */
const STORED = [
  ['ampa_heartbeat_sent_total', 'counter', 'Heartbeats sent.', []],
  ['ampa_heartbeat_failure_total', 'counter', 'Heartbeats that could not be sent.', []],
  ['ampa_last_heartbeat_timestamp_seconds', 'gauge', 'When the last heartbeat was sent; 0: never.', []],
  ['ampa_attempts_total', 'counter', 'Agent turns that have ended, by outcome.', ['outcome']],
  ['ampa_agent_seconds_total', 'counter', 'Time that agents worked.', []],
  ['ampa_checks_wait_seconds_total', 'counter', 'Time that tasks waited for their checks.', ['provider']],
  ['ampa_github_requests_total', 'counter', 'Requests to GitHub, by outcome.', ['outcome']],
  ['ampa_github_budget_remaining', 'gauge', 'Requests that GitHub still allows, as it last said.', ['resource']],
  ['ampa_scheduler_runs_total', 'counter', 'Runs of scheduled commands, by result.', ['result']],
] as const satisfies readonly (readonly [string, Family['type'], string, readonly string[]])[];

const LATENESS = 'ampa_scheduler_lateness_seconds';

export interface Metrics {
  collect(): Promise<Family[]>;
  /** Looks at the event loop no more. */
  stop(): void;
}

/** The figures of a workspace, and of the process that tells them. */
export function createMetrics(deps: {
  database: Pick<OpenDatabase, 'db'>;
  counters: CounterStore;
  hosts(): Promise<HostInfo[]>;
}): Metrics {
  const figures = createFigures(deps.database.db);
  const loop = monitorEventLoopDelay({ resolution: LOOP_MS });
  loop.enable();

  /** Since the last look: how much later than asked for a timer fired. */
  function loopDelay(): Family {
    const seconds = (ns: number): number => (loop.count === 0 ? 0 : Math.max(0, ns / 1e9 - LOOP_MS / 1000));
    const values = [
      { labels: { quantile: '0.5' }, value: seconds(loop.percentile(50)) },
      { labels: { quantile: '0.99' }, value: seconds(loop.percentile(99)) },
      { labels: { quantile: '1' }, value: seconds(loop.max) },
    ];
    loop.reset();
    return {
      name: 'ampa_event_loop_delay_seconds',
      help: 'How late the event loop of this process was since the last scrape.',
      type: 'gauge',
      labels: ['quantile'],
      values,
    };
  }

  return {
    async collect() {
      const [stored, tasks, prompts, depth, hosts] = [
        await deps.counters.all(),
        await figures.tasksByStatus(),
        await figures.openPrompts(),
        await figures.outboxDepth(),
        await deps.hosts(),
      ];
      const of = (name: string) => stored.filter((it) => it.name === name);
      const bucket = (le: string) => ({
        labels: { le },
        value: of(`${LATENESS}_bucket`).find((it) => it.labels['le'] === le)?.value ?? 0,
      });
      return [
        ...STORED.map(([name, type, help, labels]) => ({ name, type, help, labels, values: of(name) })),
        {
          name: LATENESS,
          help: 'How late scheduled commands began.',
          type: 'histogram',
          labels: ['le'],
          values: [...LATENESS_BUCKETS.map(String), '+Inf'].map(bucket),
          sum: of(`${LATENESS}_sum`)[0]?.value ?? 0,
        },
        {
          name: 'ampa_tasks',
          help: 'Tasks, by status.',
          type: 'gauge',
          labels: ['status'],
          values: Object.entries(tasks).map(([status, value]) => ({ labels: { status }, value })),
        },
        {
          name: 'ampa_prompts_open',
          help: 'Questions that wait for a person.',
          type: 'gauge',
          labels: [],
          values: [{ labels: {}, value: prompts }],
        },
        {
          name: 'ampa_outbox_depth',
          help: 'Messages that are yet to be delivered.',
          type: 'gauge',
          labels: [],
          values: [{ labels: {}, value: depth }],
        },
        {
          name: 'ampa_host_last_beat_timestamp_seconds',
          help: 'When each host last said that it is there.',
          type: 'gauge',
          labels: ['kind', 'pid', 'machine'],
          values: hosts.map((host) => ({
            labels: { kind: host.kind, pid: String(host.pid), machine: host.machine },
            value: host.lastBeat / 1000,
          })),
        },
        loopDelay(),
      ];
    },
    stop: () => loop.disable(),
  };
}
