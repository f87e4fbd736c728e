/** Tasks in every state that the task page knows, as the store would tell them. */
import type { TaskDetail } from '../../src/tasks/board.ts';
import type { ChangedFile, ConversationEntry } from '../../src/tasks/ports.ts';
import type { Attempt, Check, Task, TaskEvent } from '../../src/tasks/task.ts';
import type { Change } from '../../src/webview/protocol.ts';
import { makePrompt } from './prompts.ts';

export const NOW = Date.parse('2026-03-02T10:30:00.000Z');
const at = (seconds: number): string => new Date(NOW - seconds * 1000).toISOString();
const ID = '01KJ3C5V5ZK3T1Z8W9S0QHXG2M';

export function task(over: Partial<Task> = {}): Task {
  return {
    id: ID,
    title: 'Add a discount to the total',
    repo: '/home/me/demo-shop',
    remote: 'origin',
    base: 'main',
    base_sha: 'a'.repeat(40),
    forge: null,
    branch: 'amp/add-a-discount-to-the-total-qhxg2m',
    worktree: '/home/me/demo-shop.worktrees/add-a-discount',
    worktree_ready: true,
    copied_files: [],
    snapshot_sha: null,
    setup_command: null,
    copy_patterns: [],
    waits_for: null,
    thread_id: 's1',
    agent: 'claude',
    agent_spec: { name: 'claude', type: 'acp', argv: ['claude-agent-acp'], dialect: null },
    permissions: 'edits',
    allowed: [],
    checks: { provider: 'local', command: 'npm test', source: 'package.json' },
    limits: {
      attempts: 3,
      timeMs: 7_200_000,
      costUsd: null,
      costGrantUsd: null,
      silentMs: 600_000,
      silentToolMs: 2_700_000,
      checksMs: 3_600_000,
    },
    request:
      'Give orders above 100 euros a discount of 5 %.\n\nThe total must stay in whole cents, and the test for it belongs in test/total.test.mjs.',
    prompt: '',
    status: 'running',
    phase: 'agent',
    reason: null,
    resume_phase: null,
    reason_detail: null,
    attempts: 1,
    max_attempts: 3,
    sent_at: null,
    turn_failures: 0,
    turn_interruptions: 0,
    takeovers: 0,
    denied: false,
    head_sha: 'b'.repeat(40),
    pushed_sha: null,
    checked_sha: null,
    ci_run_id: null,
    ci_url: null,
    pr_number: null,
    pr_url: null,
    merged_at: null,
    summary: null,
    cost_usd: null,
    flags: [],
    held_ms: 0,
    created_by: 'vscode',
    created_at: at(400),
    updated_at: at(1),
    rev: 7,
    abort_requested_at: null,
    owner: 'host',
    token: 1,
    lease_expires_at: NOW + 10_000,
    slot: true,
    ...over,
  };
}

const event = (seconds: number, over: Partial<TaskEvent>): TaskEvent => ({
  id: 1000 - seconds,
  task_id: ID,
  at: at(seconds),
  status: 'running',
  phase: null,
  reason: null,
  attempt: 0,
  note: null,
  ...over,
});
const attempt = (number: number, start: number, end: number | null, over: Partial<Attempt> = {}): Attempt => ({
  task_id: ID,
  number,
  prompt: task().request,
  started_at: at(start),
  ended_at: end === null ? null : at(end),
  outcome: end === null ? null : 'completed',
  summary: null,
  error: null,
  head_sha: null,
  cost_usd: null,
  input_tokens: null,
  output_tokens: null,
  ...over,
});
const check = (number: number, start: number, end: number | null, over: Partial<Check> = {}): Check => ({
  task_id: ID,
  attempt: number,
  sha: `${number}`.repeat(40),
  name: 'npm test',
  provider: 'local',
  state: end === null ? 'running' : 'success',
  started_at: at(start),
  ended_at: end === null ? null : at(end),
  url: null,
  excerpt: null,
  log_path: end === null ? null : '/logs/1-check.log',
  ...over,
});

const EXCERPT = `✖ a total is in whole cents (1.284ms)
  AssertionError [ERR_ASSERTION]: Expected values to be strictly equal:

  95.00000000000001 !== 95

      at TestContext.<anonymous> (file:///home/me/demo-shop.worktrees/add-a-discount/test/total.test.mjs:12:10)
      at async Test.run (node:internal/test_runner/test:1113:7) {
    generatedMessage: true,
    code: 'ERR_ASSERTION',
    actual: 95.00000000000001,
    expected: 95,
    operator: 'strictEqual'
  }

ℹ tests 2
ℹ pass 1
ℹ fail 1`;

const RETRY = `The check "npm test" failed on your last commit (exit code 1).

From its log:

\`\`\`
${EXCERPT}
\`\`\`

Fix the cause in the code, not the check. This is attempt 2 of 3. When you are done, stop: the work is committed and checked again for you.`;

const says = (kind: ConversationEntry['kind'], text: string, seconds = 100): ConversationEntry => ({
  at: at(seconds),
  kind,
  text,
});

const FIRST_TALK: ConversationEntry[] = [
  says('prompt', task().request),
  says('thought', 'I should look at how the total is computed first, and whether anything rounds it already.'),
  says('text', "I'll look at how the total is made before I change it."),
  says('tool', 'Read src/total.mjs'),
  says('tool', 'Read test/total.test.mjs'),
  says('tool', 'Grep "total(" in src'),
  says(
    'text',
    "The sum is rounded at the end, so the discount has to come **before** the rounding. I'll add it to `total` with a test:\n\n```js\nconst DISCOUNT = { above: 100, rate: 0.05 };\n\nexport function total(items) {\n  const sum = items.reduce((all, item) => all + item.price * item.count, 0);\n  return sum > DISCOUNT.above ? sum * (1 - DISCOUNT.rate) : Math.round(sum * 100) / 100; // one line that is rather long, to see that it scrolls\n}\n```\n",
  ),
  says('tool', 'Edit src/total.mjs'),
  says('tool', 'node --test test/total.test.mjs'),
  says('note', 'Not allowed: curl https://example.com/install.sh | sh'),
  says(
    'text',
    'Done. Orders above 100 € now get 5 % off:\n\n1. `total` takes the rate from one constant\n2. a test covers 100 €, 100.01 € and 250 €\n\nSee [the rounding notes](https://example.com/rounding).',
  ),
];
const SECOND_TALK: ConversationEntry[] = [
  says('prompt', RETRY, 60),
  says('text', "The discounted sum is not rounded. I'll round after the discount.", 55),
  says('tool', 'Edit src/total.mjs', 50),
];

const LOG = `[ampa] base main at 4f1c2d9\n> demo-shop@1.0.0 test\n> node --test\n\n${Array.from({ length: 60 }, (_, i) => `  ✔ case ${i + 1} of the table (${(i * 0.37).toFixed(2)}ms)`).join('\n')}\n[ampa] tool: Edit src/total.mjs\n[ampa] tool: node --test test/total.test.mjs\n`;

export const FILES: ChangedFile[] = [
  { path: 'src/total.mjs', oldPath: null, status: 'modified', lines: { added: 4, deleted: 2 } },
  { path: 'src/discount.mjs', oldPath: null, status: 'added', lines: { added: 1310, deleted: 0 } },
  { path: 'test/total.test.mjs', oldPath: null, status: 'modified', lines: { added: 18, deleted: 1 } },
  { path: 'docs/prices.md', oldPath: 'docs/total.md', status: 'renamed', lines: { added: 0, deleted: 0 } },
  {
    path: 'src/legacy/a-very-long-folder-name/and-another-one/rebate-calculation-helpers.mjs',
    oldPath: null,
    status: 'deleted',
    lines: { added: 0, deleted: 212 },
  },
];

export interface PageCase {
  detail: TaskDetail;
  files: ChangedFile[] | null;
  /** What the host streams after the snapshot. */
  changes: Change[];
}

const talk = (number: number, entries: ConversationEntry[]): Change => ({
  kind: 'conversation',
  attempt: number,
  entries,
  restart: true,
});
const log = (number: number, text: string): Change => ({ kind: 'log', attempt: number, text, restart: true });

const base = { attempts: [], checks: [], messages: [], events: [], prompts: [], answers: [] };
const untilAgent = [
  event(400, { status: 'queued' }),
  event(398, { phase: 'preparing' }),
  event(393, { phase: 'preparing', note: 'Offline: started from the local main.' }),
  event(390, { phase: 'agent' }),
];
const firstRed = [
  ...untilAgent,
  event(200, { phase: 'committing', attempt: 1 }),
  event(199, { phase: 'pushing', attempt: 1 }),
  event(197, { phase: 'checks', attempt: 1 }),
  event(170, { status: 'retrying', phase: 'agent', attempt: 1 }),
];
const red = check(1, 197, 170, { state: 'failure', excerpt: EXCERPT });
const secondGreen = [
  ...firstRed,
  event(60, { phase: 'committing', attempt: 2 }),
  event(59, { phase: 'pushing', attempt: 2 }),
  event(57, { phase: 'checks', attempt: 2 }),
];

export const CASES: Record<string, PageCase> = {
  queued: {
    detail: {
      ...base,
      task: task({ status: 'queued', phase: null, attempts: 0, slot: false, worktree: null, head_sha: null }),
      events: [event(400, { status: 'queued' })],
    },
    files: null,
    changes: [],
  },
  running: {
    detail: { ...base, task: task({ cost_usd: 0.1834 }), attempts: [attempt(1, 390, null)], events: untilAgent },
    files: null,
    changes: [talk(1, FIRST_TALK.slice(0, 8)), log(1, LOG), log(0, '[ampa] npm ci\nadded 12 packages in 3s\n')],
  },
  command: {
    detail: {
      ...base,
      task: task({
        agent: 'custom',
        title: 'Ask for a discount with a command agent that only prints what it does and says nothing else',
      }),
      attempts: [attempt(1, 390, null)],
      events: untilAgent,
    },
    files: null,
    changes: [talk(1, FIRST_TALK.slice(0, 1)), log(1, LOG)],
  },
  retrying: {
    detail: {
      ...base,
      task: task({ status: 'retrying', attempts: 2, cost_usd: 0.41 }),
      attempts: [
        attempt(1, 390, 200, { cost_usd: 0.31, input_tokens: 48_200, output_tokens: 3_100 }),
        attempt(2, 169, null, { prompt: RETRY }),
      ],
      checks: [red],
      events: firstRed,
      messages: [
        { id: 1, task_id: ID, text: 'Please keep the old function name.', created_at: at(20), delivered_in: null },
      ],
    },
    files: FILES.slice(0, 3),
    changes: [talk(1, FIRST_TALK), talk(2, SECOND_TALK), log(2, LOG)],
  },
  prompt: {
    detail: {
      ...base,
      task: task({}),
      attempts: [attempt(1, 390, null)],
      events: untilAgent,
      prompts: [
        makePrompt({
          id: 'p1',
          task_id: ID,
          summary: 'Install fast-check and run the tests',
          detail: 'npm install --save-dev fast-check@4.10.2 && node --test',
          created_at: at(42),
        }),
      ],
    },
    files: null,
    changes: [talk(1, FIRST_TALK.slice(0, 5))],
  },
  question: {
    detail: {
      ...base,
      task: task({}),
      attempts: [attempt(1, 390, null)],
      events: untilAgent,
      prompts: [
        makePrompt({
          id: 'p2',
          task_id: ID,
          asks: 'question',
          kind: 'question',
          summary: 'How should an order of exactly 100 euros be treated?',
          detail:
            'How should an order of **exactly 100 euros** be treated?\n\nThe request says "above 100 euros", the old code in `src/total.mjs` says `>=`.',
          choices: ['No discount: the request says above', 'The discount, as before', 'Ask the shop owner first'],
          context: [
            { role: 'user', content: 'Lay out the options there are, with their trade-offs.' },
            {
              role: 'assistant',
              content:
                '- No discount: follows the request\n- The discount: keeps what customers know\n\nI recommend the first.',
            },
          ],
          recommendation: 'No discount: the request says above',
          automatic: { mode: 'discuss-options', rule: 'projects.me/demo-shop.overrides.question' },
          created_at: at(95),
        }),
      ],
      answers: [
        makePrompt({
          ...{ id: 'p0', task_id: ID, state: 'resumed', kind: 'fetch', detail: 'https://docs.example.com/rounding' },
          ...{ response: 'allow', answered_by: 'AMPA (auto-accept, by default)', answered_at: at(200) },
          automatic: { mode: 'auto-accept', rule: 'default' },
        }),
        makePrompt({
          ...{ id: 'p1', task_id: ID, state: 'resumed', detail: 'npm install --save-dev fast-check@4.10.2' },
          ...{ response: 'Use what is there', answered_by: 'mia (Discord)', answered_at: at(150) },
        }),
      ],
    },
    files: null,
    changes: [talk(1, FIRST_TALK.slice(0, 5))],
  },
  review: {
    detail: {
      ...base,
      task: task({
        status: 'needs_review',
        phase: null,
        reason: 'max_attempts',
        reason_detail: 'npm test: exit code 1',
        attempts: 3,
        slot: false,
        summary: 'I rounded the sum, but one case is still off by a cent.',
        flags: ['changes a workflow: .github/workflows/ci.yml', 'deletes a test: test/rounding.test.mjs'],
      }),
      attempts: [attempt(1, 390, 200), attempt(2, 169, 110, { prompt: RETRY }), attempt(3, 90, 50, { prompt: RETRY })],
      checks: [
        red,
        check(2, 100, 92, { state: 'failure', excerpt: EXCERPT }),
        check(3, 48, 40, { state: 'failure', excerpt: EXCERPT }),
      ],
      events: [
        ...firstRed,
        event(110, { phase: 'committing', attempt: 2 }),
        event(100, { phase: 'checks', attempt: 2 }),
        event(92, { status: 'retrying', phase: 'agent', attempt: 2 }),
        event(50, { phase: 'committing', attempt: 3 }),
        event(48, { phase: 'checks', attempt: 3 }),
        event(40, { status: 'needs_review', reason: 'max_attempts', attempt: 3 }),
      ],
    },
    files: FILES,
    changes: [talk(3, SECOND_TALK), log(3, LOG)],
  },
  success: {
    detail: {
      ...base,
      task: task({
        status: 'success',
        phase: null,
        attempts: 2,
        slot: false,
        cost_usd: 1.27,
        pr_number: 42,
        pr_url: 'https://github.com/me/demo-shop/pull/42',
        summary:
          'Orders above 100 € get **5 %** off, rounded once at the end. `total` has one constant for it, and three new tests.',
      }),
      attempts: [attempt(1, 390, 200), attempt(2, 169, 60, { prompt: RETRY })],
      checks: [
        red,
        check(2, 57, 30, { url: 'https://example.com/run/1' }),
        check(2, 57, 31, { name: 'lint', state: 'skipped' }),
      ],
      events: [...secondGreen, event(30, { status: 'success', attempt: 2 })],
    },
    files: FILES,
    changes: [talk(2, [...SECOND_TALK, says('text', 'Rounded once, at the end. All tests pass.')]), log(2, LOG)],
  },
  merged: {
    detail: {
      ...base,
      task: task({
        status: 'success',
        phase: null,
        slot: false,
        merged_at: at(5),
        worktree: null,
        worktree_ready: false,
      }),
      attempts: [attempt(1, 390, 200)],
      checks: [check(1, 198, 190)],
      events: [
        ...untilAgent,
        event(200, { phase: 'committing', attempt: 1 }),
        event(198, { phase: 'checks', attempt: 1 }),
        event(190, { status: 'success', attempt: 1 }),
      ],
    },
    files: FILES.slice(0, 1),
    changes: [talk(1, FIRST_TALK)],
  },
  error: {
    detail: {
      ...base,
      task: task({
        status: 'error',
        phase: null,
        reason: 'setup_failed',
        attempts: 0,
        slot: false,
        worktree_ready: false,
        head_sha: null,
        reason_detail:
          '`npm ci` ended with exit code 1\nnpm error code EUSAGE\nnpm error `npm ci` can only install packages when your package.json and package-lock.json are in sync.',
      }),
      events: [
        event(400, { status: 'queued' }),
        event(398, { phase: 'preparing' }),
        event(390, { status: 'error', reason: 'setup_failed' }),
      ],
    },
    files: null,
    changes: [log(0, '[ampa] npm ci\nnpm error code EUSAGE\n')],
  },
  aborted: {
    detail: {
      ...base,
      task: task({ status: 'aborted', phase: null, reason: 'user', slot: false }),
      attempts: [attempt(1, 390, 300, { outcome: 'cancelled' })],
      events: [...untilAgent, event(300, { status: 'aborted', reason: 'user', attempt: 1 })],
    },
    files: [],
    changes: [talk(1, FIRST_TALK.slice(0, 4))],
  },
};
