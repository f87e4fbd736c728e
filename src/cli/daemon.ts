import { aborted } from '../tasks/waiting.ts';
import type { ArgsOf } from '../app/commands.ts';
import { usageError } from '../errors.ts';
import type { Task } from '../tasks/task.ts';
import type { Session } from './io.ts';
import { questionSayer } from './prompts.ts';

export interface DaemonDeps {
  /** Sends one, says what came of it, and resolves to the exit status. */
  sendHeartbeat(session: Session): Promise<number>;
  announce(session: Session, task: Task): void;
}

/** `ampa daemon`: one heartbeat, or the engine without an editor. */
export async function runDaemon(deps: DaemonDeps, session: Session, args: ArgsOf<'daemon'>): Promise<number> {
  const { app, io } = session;
  const given = [args.once && '--once', args.startScheduler && '--start-scheduler', args.untilIdle && '--until-idle'];
  const named = given.filter((flag) => typeof flag === 'string');
  if (named.length > 1) throw usageError(`${named.join(' and ')} cannot be used together`);
  const scheduler = args.startScheduler === true || (named.length === 0 && app.config().values.runScheduler);
  if (!scheduler && !args.untilIdle) return deps.sendHeartbeat(session);

  app.onNotice((notice) => io.err(notice));
  await app.startEngine({ schedule: scheduler });
  io.err(
    `Working on ${app.workspace.root}${args.untilIdle ? ' until no task is active' : ''}. Ctrl-C ends this process; running tasks go on.`,
  );
  const { reasons } = await app.health();
  for (const { kind, detail } of reasons) if (kind === 'channels') io.err(`Warning: ${detail}`);
  const sayQuestions = await questionSayer(session, () => !io.asJson);
  const off = app.watch(({ tasks, prompts }) => {
    for (const task of tasks) deps.announce(session, task);
    sayQuestions(prompts);
  });
  if (args.untilIdle) await app.untilIdle(io.signal);
  else await aborted(io.signal);
  off();
  return 0;
}
