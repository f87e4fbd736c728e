import { sql, type Kysely, type Transaction } from 'kysely';
import { HOST_GONE_MS, LEASE_MS } from '../../tasks/timings.ts';
import type { CommandSpec } from '../../scheduler/spec.ts';
import { AmpaError } from '../../errors.ts';
import { isDormant, isHeldBack, latenessOf, scheduleOf } from '../../scheduler/choose.ts';
import { alreadyRunning, isExempt, isRetimed, noSuchCommand, patchCommand } from '../../scheduler/command.ts';
import { afterGap, settledClock } from '../../scheduler/gaps.ts';
import type { Claimed, Run, ScheduleStore } from '../../scheduler/ports.ts';
import { forgotten } from '../../scheduler/retention.ts';
import { runMessage } from '../../notifications/runMessages.ts';
import { sayIn } from './outbox.ts';
import { decodeCommand, decodeRun, type CommandRow } from './scheduleSchema.ts';
import type { Schema } from './schema.ts';

type Tx = Transaction<Schema>;

type CommandPatchRow = Partial<Omit<CommandRow, 'id' | 'rev' | 'pristine'> & { pristine: number }>;

/** The partial index `schedule_runs_running`. */
const RUNNING = sql<boolean>`status = 'running'`;
const JUST_NEW = {
  removed_at: null,
  note: null,
  running: null,
  last_start: null,
  last_run: null,
  served: null,
  last_duration: null,
  last_exit_code: null,
  last_status: null,
  last_task: null,
  extra: '{}',
} satisfies Partial<CommandRow>;

/** The scheduled commands of a workspace, their runs, and the claims on them. */
export function createScheduleStore(db: Kysely<Schema>, newId: () => string): ScheduleStore {
  const rowOf = (queries: Kysely<Schema> | Tx, id: string) =>
    queries.selectFrom('schedule_commands').selectAll().where('id', '=', id).executeTakeFirst();
  const globals = (queries: Kysely<Schema> | Tx) =>
    queries.selectFrom('schedule_globals').selectAll().executeTakeFirstOrThrow();
  const set = (tx: Tx, id: string, values: CommandPatchRow) =>
    tx.updateTable('schedule_commands').set(values).where('id', '=', id).execute();

  /** A failure, and the first success after one, is said by the transaction that ends the run. */
  async function tellEnd(tx: Tx, run: Run, tail: string): Promise<void> {
    const { status } = run;
    // They tell of themselves, and of the channels that they failed on nobody could hear.
    if (isExempt(run.spec.type) || status === 'running') return;
    const before = await tx
      .selectFrom('schedule_runs')
      .select('status')
      .where('command_id', '=', run.command_id)
      .where('id', '<>', run.id)
      .where('status', 'not in', ['running', 'skipped'])
      .orderBy('started_at', 'desc')
      .orderBy('id', 'desc')
      .limit(1)
      .executeTakeFirst();
    const at = run.ended_at ?? run.started_at;
    const message = runMessage(
      {
        title: run.spec.title,
        commandId: run.command_id,
        status,
        exitCode: run.exit_code,
        seconds: Math.max(0, at - run.started_at) / 1000,
        machine: run.machine,
        tail,
      },
      before ? (before.status as Exclude<Run['status'], 'running'>) : null,
    );
    if (message) await sayIn(tx, { id: newId(), key: `run:${run.id}`, message, now: at });
  }

  /** Forgets what need not be remembered; `keep` null: all that has ended. */
  async function forget(tx: Tx, commandId: string, keep: number | null, now: number): Promise<void> {
    const older = await tx
      .selectFrom('schedule_runs')
      .select(['id', 'status', 'started_at'])
      .where('command_id', '=', commandId)
      .where('status', '<>', 'running')
      .orderBy('started_at', 'desc')
      .orderBy('id', 'desc')
      .limit(Number.MAX_SAFE_INTEGER)
      .offset(keep ?? 0)
      .execute();
    const gone = keep === null ? older.map(({ id }) => id) : forgotten(older, keep, now);
    if (gone.length > 0) await tx.deleteFrom('schedule_runs').where('id', 'in', gone).execute();
  }

  return {
    async revision() {
      return (await globals(db)).rev;
    },
    async changedSince(rev) {
      // The number first: what changes meanwhile is read again the next time.
      const now = await globals(db);
      const rows = await db.selectFrom('schedule_commands').selectAll().where('rev', '>', rev).execute();
      const gap = await db.selectFrom('schedule_gaps').select('begins').limit(1).executeTakeFirst();
      return {
        rev: now.rev,
        commands: rows.filter((row) => row.spec !== null).map(decodeCommand),
        removed: rows.filter((row) => row.spec === null).map((row) => row.id),
        lastStart: now.last_start,
        hasGap: gap !== undefined,
      };
    },
    async list() {
      const rows = await db
        .selectFrom('schedule_commands')
        .selectAll()
        .where('spec', 'is not', null)
        .orderBy('id')
        .execute();
      return rows.map(decodeCommand);
    },
    async get(id) {
      const row = await rowOf(db, id);
      return row && row.spec !== null ? decodeCommand(row) : undefined;
    },

    add: (spec, now) =>
      db.transaction().execute(async (tx) => {
        const before = await rowOf(tx, spec.id);
        if (before && before.spec !== null)
          throw new AmpaError('refused', `there is a command ${spec.id} already`, '`ampa schedule update` changes it.');
        if (before?.running) throw alreadyRunning(spec.id);
        const values = {
          ...JUST_NEW,
          spec: JSON.stringify(spec),
          created_at: now,
          served: spec.cron === null ? null : now,
        };
        if (before) await set(tx, spec.id, values);
        else
          await tx
            .insertInto('schedule_commands')
            .values({ id: spec.id, ...values })
            .execute();
      }),
    async addDefaults(specs, now, { retime }) {
      const ids = specs.map((spec) => spec.id);
      const read = (queries: Kysely<Schema> | Tx) =>
        queries.selectFrom('schedule_commands').select(['id', 'spec', 'pristine']).where('id', 'in', ids).execute();
      const wanted = (rows: Awaited<ReturnType<typeof read>>) =>
        specs.flatMap((spec) => {
          const row = rows.find(({ id }) => id === spec.id);
          if (!row) return [{ spec, isNew: true }];
          if (!retime || row.spec === null || row.pristine !== 1) return [];
          const before = JSON.parse(row.spec) as CommandSpec;
          const { frequency_minutes } = spec;
          return before.frequency_minutes === frequency_minutes
            ? []
            : [{ spec: { ...before, frequency_minutes }, isNew: false }];
        });
      if (wanted(await read(db)).length === 0) return;
      await db.transaction().execute(async (tx) => {
        for (const { spec, isNew } of wanted(await read(tx))) {
          const served = spec.cron === null ? null : now;
          if (!isNew) await set(tx, spec.id, { spec: JSON.stringify(spec) });
          else
            await tx
              .insertInto('schedule_commands')
              .values({ ...JUST_NEW, id: spec.id, spec: JSON.stringify(spec), created_at: now, served, pristine: 1 })
              .execute();
        }
      });
    },
    update: (id, patch, now) =>
      db.transaction().execute(async (tx) => {
        const row = await rowOf(tx, id);
        if (!row || row.spec === null) throw noSuchCommand(id);
        const before = JSON.parse(row.spec) as CommandSpec;
        const spec = patchCommand(before, patch);
        const retimed = isRetimed(before, spec);
        const served = !retimed && !(spec.enabled && !before.enabled) ? row.served : spec.cron === null ? null : now;
        const values = { spec: JSON.stringify(spec), served, note: null, ...(retimed && { pristine: 0 }) };
        await set(tx, id, values);
        return decodeCommand({ ...row, ...values });
      }),
    remove: (id, now) =>
      db.transaction().execute(async (tx) => {
        const row = await rowOf(tx, id);
        if (!row || row.spec === null) throw noSuchCommand(id);
        await set(tx, id, { ...JUST_NEW, spec: null, removed_at: now, running: row.running });
        await tx.deleteFrom('schedule_runs').where('command_id', '=', id).where('status', '<>', 'running').execute();
        await tx.updateTable('schedule_runs').set({ stop_requested: 1 }).where('command_id', '=', id).execute();
      }),

    claim: ({ commandId, runId, owner, machine, now, rules, manual }) =>
      db.transaction().execute(async (tx): Promise<Claimed | undefined> => {
        const row = await rowOf(tx, commandId);
        if (!row || row.spec === null) {
          if (manual) throw noSuchCommand(commandId);
          return undefined;
        }
        if (row.running) {
          if (manual) throw alreadyRunning(commandId);
          return undefined;
        }
        const stored = decodeCommand(row);
        const schedule = scheduleOf(stored);
        const { last_start: lastStart, alive_at: aliveAt } = await globals(tx);
        // A machine that wakes may look here before its host beats, which is what notes the gap.
        if (!manual && aliveAt > 0 && now - aliveAt > HOST_GONE_MS) {
          const { served } = afterGap(stored, aliveAt, now);
          if (served !== row.served) {
            await set(tx, commandId, { served });
            return undefined;
          }
        }
        const late = latenessOf(schedule, now, rules);
        if (!manual && (!schedule.active || !late || isDormant(schedule, rules))) return undefined;
        if (!manual && isHeldBack(schedule, now, lastStart, rules)) return undefined;
        const run: Run = {
          id: runId,
          command_id: commandId,
          spec: stored.spec,
          status: 'running',
          owner,
          lease_expires_at: now + LEASE_MS,
          stop_requested: false,
          manual,
          machine,
          // One that has never run is late since the epoch, by the rule; it is due since it is here.
          due_at: manual || !late ? null : Math.max(late.due, row.created_at),
          started_at: now,
          ended_at: null,
          exit_code: null,
        };
        await tx
          .insertInto('schedule_runs')
          .values({ ...run, spec: row.spec, stop_requested: 0, manual: manual ? 1 : 0 })
          .execute();
        await set(tx, commandId, {
          running: runId,
          last_start: now,
          last_run: now,
          served: schedule.cron ? (late?.due ?? row.served) : null,
          note: null,
        });
        if (!schedule.exempt) await tx.updateTable('schedule_globals').set({ last_start: now }).execute();
        return { run, previousTask: row.last_task };
      }),
    async renew(runId, owner, until) {
      const row = await db
        .updateTable('schedule_runs')
        .set({ lease_expires_at: until })
        .where('id', '=', runId)
        .where('owner', '=', owner)
        .where(RUNNING)
        .returning('stop_requested')
        .executeTakeFirst();
      return row ? { stop: row.stop_requested === 1 } : null;
    },
    finish: (runId, { status, exit_code, at, owner, tail = '' }, keep) =>
      db.transaction().execute(async (tx) => {
        const run = await tx
          .updateTable('schedule_runs')
          .set({ status, exit_code, ended_at: at })
          .where('id', '=', runId)
          .where('owner', '=', owner)
          .where(RUNNING)
          .returningAll()
          .executeTakeFirst();
        if (!run) return false;
        await tx.deleteFrom('schedule_processes').where('run_id', '=', runId).execute();
        const row = await rowOf(tx, run.command_id);
        const removed = row?.spec === null;
        if (!removed) await tellEnd(tx, decodeRun(run), tail);
        if (row?.running === runId) {
          await set(
            tx,
            run.command_id,
            removed
              ? { running: null }
              : {
                  running: null,
                  last_run: Math.max(at, run.started_at),
                  last_duration: Math.max(0, at - run.started_at) / 1000,
                  last_exit_code: exit_code,
                  last_status: status,
                },
          );
        }
        await forget(tx, run.command_id, removed ? null : keep, at);
        return true;
      }),
    async noteTask(commandId, taskId) {
      await db.updateTable('schedule_commands').set({ last_task: taskId }).where('id', '=', commandId).execute();
    },
    async running() {
      return (await db.selectFrom('schedule_runs').selectAll().where(RUNNING).execute()).map(decodeRun);
    },
    async runsOf(commandId, limit) {
      const rows = await db
        .selectFrom('schedule_runs')
        .selectAll()
        .where('command_id', '=', commandId)
        .orderBy('started_at', 'desc')
        .orderBy('id', 'desc')
        .limit(limit)
        .execute();
      return rows.map(decodeRun);
    },
    async runIds(commandId) {
      const rows = await db.selectFrom('schedule_runs').select('id').where('command_id', '=', commandId).execute();
      return rows.map(({ id }) => id);
    },
    async run(id) {
      const row = await db.selectFrom('schedule_runs').selectAll().where('id', '=', id).executeTakeFirst();
      return row && decodeRun(row);
    },

    settle: (now) =>
      db.transaction().execute(async (tx) => {
        const gaps = await tx.selectFrom('schedule_gaps').selectAll().orderBy('begins').execute();
        const rows = await tx.selectFrom('schedule_commands').selectAll().where('spec', 'is not', null).execute();
        for (const row of rows) {
          const before = decodeCommand(row);
          let { state } = before;
          state = settledClock(state, now);
          for (const { begins, ends } of gaps) state = afterGap({ ...before, state }, begins, ends);
          const { last_start, last_run, served } = state;
          if (last_start !== row.last_start || last_run !== row.last_run || served !== row.served)
            await set(tx, row.id, { last_start, last_run, served });
        }
        await tx.deleteFrom('schedule_gaps').execute();
        await tx.updateTable('schedule_globals').set({ last_start: now }).where('last_start', '>', now).execute();
      }),

    async recordProcess(runId, process) {
      await db
        .insertInto('schedule_processes')
        .values({ run_id: runId, ...process })
        .onConflict((oc) => oc.columns(['run_id', 'pid']).doUpdateSet(process))
        .execute();
    },
    async forgetProcess(runId, pid) {
      await db.deleteFrom('schedule_processes').where('run_id', '=', runId).where('pid', '=', pid).execute();
    },
    async processesOf(runId) {
      return db
        .selectFrom('schedule_processes')
        .select(['pid', 'start_time', 'boot_id', 'pid_namespace'])
        .where('run_id', '=', runId)
        .execute();
    },
  };
}
