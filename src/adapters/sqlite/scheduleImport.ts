import type { Kysely } from 'kysely';
import type { CommandState } from '../../scheduler/spec.ts';
import { type ImportedStore, statusOf } from '../../scheduler/originalStore.ts';
import type { Schema } from './schema.ts';

export interface ImportOptions {
  /** `once`: what is here, and what was removed here, stays; a content that was read before is passed over. */
  mode: 'once' | 'merge';
  hash: string;
  file: string;
  now: number;
  /** History kept for each command. */
  keep: number;
  newId(at: number): string;
  /** Keeps the output of a run; called inside the transaction, in order. */
  saveOutput(commandId: string, runId: string, text: string): void;
}

export interface ImportReport {
  added: string[];
  updated: string[];
  /** Removed here, or here already. */
  left: string[];
}

export interface ScheduleImport {
  /** Null: this content was read before. */
  importStore(store: ImportedStore, options: ImportOptions): Promise<ImportReport | null>;
  wasImported(hash: string): Promise<boolean>;
  globals(): Promise<{ last_start: number | null; dispatches: unknown[]; extra: Record<string, unknown> }>;
}

/** Takes over the originals' store. */
export function createScheduleImport(db: Kysely<Schema>): ScheduleImport {
  const known = (queries: Pick<Kysely<Schema>, 'selectFrom'>, hash: string) =>
    queries.selectFrom('schedule_imports').select('hash').where('hash', '=', hash).executeTakeFirst();
  return {
    async wasImported(hash) {
      return (await known(db, hash)) !== undefined;
    },
    importStore: (store, options) =>
      db.transaction().execute(async (tx) => {
        const { mode, hash, file, now } = options;
        if (mode === 'once' && (await known(tx, hash))) return null;
        const report: ImportReport = { added: [], updated: [], left: [] };
        for (const { spec, state, runs, note } of store.commands) {
          const row = await tx.selectFrom('schedule_commands').selectAll().where('id', '=', spec.id).executeTakeFirst();
          if (row && (mode === 'once' || (row.spec === null && row.running !== null))) {
            report.left.push(spec.id);
            continue;
          }
          const isNew = row === undefined || row.spec === null;
          (isNew ? report.added : report.updated).push(spec.id);
          // The newer knowledge of its runs counts.
          const newer = isNew || (state.last_run ?? 0) > (row.last_run ?? 0);
          const values = {
            spec: JSON.stringify(spec),
            note,
            removed_at: null,
            ...(newer && (isNew || row.running === null) ? stateColumns(state) : {}),
            served: spec.cron === null ? null : Math.max(state.served ?? 0, row?.served ?? 0) || now,
          };
          if (row) await tx.updateTable('schedule_commands').set(values).where('id', '=', spec.id).execute();
          else
            await tx
              .insertInto('schedule_commands')
              .values({
                ...values,
                ...stateColumns(state),
                id: spec.id,
                created_at: now,
                running: null,
                last_task: null,
              })
              .execute();
          for (const run of runs.slice(-options.keep)) {
            const same = await tx
              .selectFrom('schedule_runs')
              .select('id')
              .where('command_id', '=', spec.id)
              .where('started_at', '=', run.started_at)
              .executeTakeFirst();
            if (same) continue;
            const id = options.newId(run.started_at);
            options.saveOutput(spec.id, id, run.output);
            await tx
              .insertInto('schedule_runs')
              .values({
                id,
                command_id: spec.id,
                spec: values.spec,
                status: statusOf(run.exit_code),
                owner: '',
                lease_expires_at: 0,
                stop_requested: 0,
                manual: 0,
                machine: '',
                due_at: null,
                started_at: run.started_at,
                ended_at: run.ended_at ?? run.started_at,
                exit_code: run.exit_code,
              })
              .execute();
          }
        }
        const globals = await tx.selectFrom('schedule_globals').selectAll().executeTakeFirstOrThrow();
        await tx
          .updateTable('schedule_globals')
          .set({
            last_start: Math.max(globals.last_start ?? 0, store.last_global_start ?? 0) || null,
            dispatches: store.dispatches.length > 0 ? JSON.stringify(store.dispatches) : globals.dispatches,
            extra: JSON.stringify({ ...(JSON.parse(globals.extra) as object), ...store.extra }),
          })
          .execute();
        await tx
          .insertInto('schedule_imports')
          .values({ hash, file, at: now })
          .onConflict((oc) => oc.column('hash').doNothing())
          .execute();
        return report;
      }),
    async globals() {
      const row = await db.selectFrom('schedule_globals').selectAll().executeTakeFirstOrThrow();
      return {
        last_start: row.last_start,
        dispatches: JSON.parse(row.dispatches) as unknown[],
        extra: JSON.parse(row.extra) as Record<string, unknown>,
      };
    },
  };
}

const stateColumns = (state: CommandState) => ({
  last_start: state.last_start,
  last_run: state.last_run,
  served: state.served,
  last_duration: state.last_duration_seconds,
  last_exit_code: state.last_exit_code,
  last_status: state.last_status,
  extra: JSON.stringify(state.extra),
});
