import fs from 'node:fs';
import type { StartPlan, StartRequest } from '../app/api.ts';
import { wallClock } from '../app/clock.ts';
import type { CommandName } from '../app/commands.ts';
import { taskJson } from '../app/json.ts';
import { AmpaError, usageError } from '../errors.ts';
import { reasonText } from '../tasks/reasons.ts';
import { isActive, type Task } from '../tasks/task.ts';
import { runDaemon } from './daemon.ts';
import type { Handlers, Session } from './io.ts';
import { sayIfNobodyWorks } from './nobodyWorks.ts';
import { NOTIFY_HANDLERS, sendHeartbeat } from './notify.ts';
import { PROMPT_HANDLERS, questionSayer } from './prompts.ts';
import { cleanText, configJson, configText, doctorText, stateOf, taskTable, taskText } from './render.ts';
import { SCHEDULE_HANDLERS } from './schedule.ts';

/** What each command of the command line does. */
export const HANDLERS: Handlers<CommandName> = {
  async start({ app, io }, args) {
    if (
      args.issue !== undefined
        ? args.task !== undefined && args.taskFile !== undefined
        : (args.task === undefined) === (args.taskFile === undefined)
    ) {
      throw usageError(
        args.task === undefined ? 'there is no task' : '--task and --task-file cannot be used together',
        'Give --task TEXT, or --task-file FILE (- is standard input).',
      );
    }
    const prompt =
      args.task ??
      (args.taskFile === undefined ? '' : args.taskFile === '-' ? await io.readStdin() : readTaskFile(args.taskFile));
    const request = {
      prompt,
      repo: args.repo,
      base: args.base,
      agent: args.agent,
      checks: args.checks,
      maxAttempts: args.maxAttempts,
      permissions: args.allowTools ? ('all' as const) : undefined,
      includeChanges: args.includeChanges,
      issue: args.issue,
    };
    const plan = await planOrTrust({ app, io }, request);
    for (const note of [...plan.notes, ...plan.agent.notes]) io.err(note);
    if (plan.dirty.length > 0 && !args.includeChanges) {
      const shown = plan.dirty.slice(0, 5).join(', ') + (plan.dirty.length > 5 ? ', …' : '');
      io.err(`Uncommitted and not part of the task (use --include-changes to include them): ${shown}`);
    }
    const task = await app.start(request);
    if (!io.asJson) io.out(`Task ${task.id} created on branch ${task.branch}`);
    if (args.wait || args.watch)
      return waitFor({ app, io }, task.id, { carry: args.wait === true, stream: args.watch === true });
    if (io.asJson) io.json(taskJson(task));
    await sayIfNobodyWorks({ app, io }, 'use --wait');
    return 0;
  },

  async ls({ app, io }, args) {
    const mine = args.all ? {} : { createdBy: await app.me() };
    const filter = {
      ...mine,
      ...(args.status ? { statuses: args.status } : {}),
      ...(args.limit === undefined ? {} : { limit: args.limit }),
    };
    const draw = async (): Promise<void> => {
      const { tasks, total } = await app.list(filter);
      if (io.asJson) return io.json({ tasks: tasks.map(taskJson), total }, args.watch);
      if (args.watch) io.clear();
      const asking = new Set((await app.prompts()).map((prompt) => prompt.task_id));
      if (tasks.length > 0) io.out(taskTable(tasks, asking, Date.now(), io.paint));
      else
        io.err(
          total === 0 && !args.all
            ? 'No tasks of yours here. `ampa ls --all` shows everyone\'s; `ampa start --task "…"` makes one.'
            : 'No tasks.',
        );
      if (tasks.length < total) io.err(`${total - tasks.length} more; --limit shows them.`);
    };
    await draw();
    if (!args.watch) return 0;
    await eachChange({ app, io }, draw);
    return 0;
  },

  async show({ app, io }, { id }) {
    const detail = await app.show((await app.find(id)).id);
    if (io.asJson)
      io.json({ task: taskJson(detail.task), attempts: detail.attempts, checks: detail.checks, events: detail.events });
    else io.out(taskText(detail, Date.now(), io.paint));
    return 0;
  },

  async logs({ app, io }, args) {
    const task = await app.find(args.id);
    if (args.ci) {
      const { checks } = await app.show(task.id);
      const red = checks.findLast((check) => check.excerpt !== null);
      if (!red)
        throw new AmpaError('refused', `no check of task ${task.id} has failed`, '`ampa show` lists its checks.');
      if (io.asJson) io.json({ lines: red.excerpt!.split('\n') });
      else io.out(red.excerpt!);
      return 0;
    }
    if (args.attempt !== undefined && args.attempt > task.attempts)
      throw new AmpaError(
        'refused',
        `task ${task.id} has had ${task.attempts} ${task.attempts === 1 ? 'attempt' : 'attempts'}: there is no attempt ${args.attempt}`,
        '`ampa show` lists them.',
      );
    const attempt = args.attempt ?? task.attempts;
    // `--json` is one object, unless lines are followed.
    const whole: string[] | null = io.asJson && !args.follow ? [] : null;
    const print = (lines: string[]): void => {
      if (lines.length === 0) return;
      if (whole) for (const line of lines) whole.push(line);
      else if (!io.asJson) io.out(lines.join('\n'));
      else for (const line of lines) io.json({ line }, true);
    };
    let partial = '';
    const linesOf = (text: string): string[] => {
      const lines = (partial + text).split('\n');
      partial = lines.pop() ?? '';
      return lines;
    };
    // In pieces: the whole of a log may be hundreds of megabytes.
    let piece = await app.readLog(
      task.id,
      args.tail === undefined
        ? { cursor: { attempt, offset: 0 } }
        : { attempt, tailBytes: Math.max(64 * 1024, args.tail * 400) },
    );
    if (piece.text === '' && !args.follow)
      io.err('There is no log of it: nothing was printed yet, or `ampa clean` has removed it.');
    const first = linesOf(piece.text);
    const shown = args.tail === undefined ? first.length : args.tail - (partial === '' || args.follow ? 0 : 1);
    print(first.slice(Math.max(0, first.length - shown)));
    for (let ended = false; !io.signal.aborted;) {
      piece = await app.readLog(task.id, { cursor: piece.cursor });
      if (piece.text !== '') {
        print(linesOf(piece.text));
        continue;
      }
      if (!args.follow) break;
      const now = await app.find(task.id);
      if (args.attempt === undefined && now.attempts > piece.attempt) {
        piece = { text: '', attempt: now.attempts, cursor: { attempt: now.attempts, offset: 0 } };
        continue;
      }
      // Once more after the end: the last lines may have come in between.
      if (ended) break;
      ended = !isActive(now.status);
      if (!ended) await wallClock.sleep(300, io.signal);
    }
    if (partial) print([partial]);
    if (whole) io.json({ lines: whole });
    return 0;
  },

  async continue({ app, io }, args) {
    const task = await app.find(args.id);
    const { task: after, as } = await app.continue(task.id, args.message ?? null);
    if (!io.asJson) {
      io.out(
        {
          requeued: `Task ${after.id} continues on branch ${after.branch}`,
          message: `Task ${after.id} gets the message when its turn ends`,
          appended: `Added to the prompt of task ${after.id}`,
        }[as],
      );
    }
    if (args.wait) return waitFor({ app, io }, task.id, { carry: true, stream: false });
    if (io.asJson) io.json(taskJson(after));
    await sayIfNobodyWorks({ app, io }, 'use --wait');
    return 0;
  },

  async abort({ app, io }, { id }) {
    const task = await app.abort((await app.find(id)).id);
    if (io.asJson) io.json(taskJson(task));
    else io.out(`Task ${task.id} is stopped; its processes are gone.`);
    return 0;
  },

  async diff({ app, io }, { id }) {
    const task = await app.find(id);
    const text = await app.diff(task.id);
    if (io.asJson) io.json({ diff: text });
    else if (text !== '') io.out(text);
    else io.err('No difference yet.');
    return 0;
  },

  async pr({ app, io }, { id }) {
    const task = await app.find(id);
    if (!task.pr_url)
      throw new AmpaError('refused', `task ${task.id} has no pull request`, '`ampa show` shows how far it has come.');
    if (io.asJson) io.json({ url: task.pr_url });
    else io.out(task.pr_url);
    return 0;
  },

  async merge({ app, io }, args) {
    const task = await app.merge((await app.find(args.id)).id, {
      method: args.method ?? null,
      deleteBranch: args.deleteBranch === true,
    });
    if (io.asJson) io.json(taskJson(task));
    else io.out(`Task ${task.id} is merged into ${task.base}.`);
    return 0;
  },

  async clean({ app, io }, args) {
    const report = await app.clean({ olderThanDays: args.olderThan ?? 14, force: args.force === true });
    if (io.asJson) io.json(report);
    else io.out(cleanText(report));
    return 0;
  },

  async config({ app, io }) {
    const resolved = app.config();
    if (io.asJson) io.json(configJson(resolved));
    else io.out(configText(resolved, io.paint));
    return 0;
  },

  async trust({ app, io }, { repo, revoke }) {
    const result = await app.trust(revoke === true, repo);
    if (io.asJson) io.json(result);
    else
      io.out(
        result.trusted
          ? `${result.folder} is trusted: checks and setup commands found in it may run.`
          : `${result.folder} is no longer trusted.`,
      );
    return 0;
  },

  async doctor({ app, io }) {
    const checks = await app.doctor();
    if (io.asJson) io.json({ checks });
    else io.out(doctorText(checks, io.paint));
    return checks.every((check) => check.ok) ? 0 : 1;
  },

  daemon: (session, args) => runDaemon({ announce, sendHeartbeat }, session, args),

  async api({ app, io }) {
    const address = await app.server();
    if (!address)
      throw new AmpaError(
        'refused',
        'no local server runs for this workspace',
        'Start `ampa daemon --start-scheduler`, or set ampa.metricsPort in VS Code.',
      );
    if (io.asJson) io.json(address);
    else io.out(`url    ${address.url}\ntoken  ${address.token}\npid    ${address.pid}`);
    return 0;
  },

  ...PROMPT_HANDLERS,
  ...SCHEDULE_HANDLERS,
  ...NOTIFY_HANDLERS,

  async work({ app, io }, { id, owner, token }) {
    const claim = owner !== undefined && token !== undefined ? { owner, token } : null;
    const task = await app.work(id, claim, io.signal);
    if (!task) throw new AmpaError('refused', `task ${id} is carried by another process`, 'Nothing to do here.');
    return 0;
  },
};

/** The plan; on a terminal a folder that is not trusted yet is asked about instead of refused. */
async function planOrTrust({ app, io }: Session, request: StartRequest): Promise<StartPlan> {
  try {
    return await app.plan(request);
  } catch (error) {
    if (!(error instanceof AmpaError) || error.code !== 'trust') throw error;
    const question = `${error.message}. Trust ${request.repo ?? app.workspace.root} and run what its files name?`;
    if (!(await io.confirm(question))) throw error;
    await app.trust(false, request.repo);
    return app.plan(request);
  }
}

function readTaskFile(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch (error) {
    throw new AmpaError('usage', `the task file ${file} cannot be read`, 'Check the name.', error);
  }
}

/** Carries the task in this process, or watches; exit status 0 only for success. */
async function waitFor(session: Session, id: string, how: { carry: boolean; stream: boolean }): Promise<number> {
  const { app, io } = session;
  let last = '';
  const onEvent = (task: Task): void => {
    const line = stateOf(task);
    if (line === last) return;
    last = line;
    if (io.asJson && how.stream) io.json(taskJson(task), true);
    else announce(session, task);
  };
  const sayQuestions = await questionSayer(session, (prompt) => prompt.task_id === id);
  const offWatch = app.watch(({ tasks, prompts }) => {
    tasks.filter((it) => it.id === id).forEach(onEvent);
    sayQuestions(prompts);
  });
  let task: Task;
  if (how.carry) task = await app.carryHere(id, io.signal);
  else {
    await sayIfNobodyWorks(session, 'use --wait');
    task = await app.find(id);
    while (isActive(task.status) && !io.signal.aborted) {
      await wallClock.sleep(200, io.signal);
      task = await app.find(id);
    }
  }
  offWatch();
  onEvent(task);
  if (io.asJson) {
    if (!how.stream) io.json(taskJson(task));
  } else if (isActive(task.status)) io.err('Interrupted: the task stays, and any host can continue it.');
  else if (task.reason) {
    const { sentence, hint } = reasonText(task.reason);
    io.err([sentence, task.reason_detail ?? '', hint].filter(Boolean).join('\n'));
  }
  return task.status === 'success' ? 0 : 1;
}

function announce({ io }: Session, task: Task): void {
  if (!io.asJson) io.err(`${task.id.slice(-6)}  ${stateOf(task)}  ${task.title}`);
}

/** Runs `draw` after every change until a signal. */
async function eachChange({ app, io }: Session, draw: () => Promise<void>): Promise<void> {
  // A folder without a store has nothing to watch yet.
  if (!app.hasStore()) {
    while (!app.hasStore() && !io.signal.aborted) await wallClock.sleep(500, io.signal);
    if (io.signal.aborted) return;
    await draw();
  }
  await new Promise<void>((resolve, reject) => {
    const off = app.watch(() => {
      draw().catch(reject);
    });
    const end = (): void => {
      off();
      resolve();
    };
    if (io.signal.aborted) end();
    else io.signal.addEventListener('abort', end, { once: true });
  });
}
