import type { Kysely } from 'kysely';
import { sql } from 'kysely';
import { lostClaim } from './lostClaim.ts';
import type { HostRow, ProcessRow, Schema } from './schema.ts';

/** Hosts and their beats, and the processes that tasks have started. */
export interface HostStore {
  register(host: HostRow): Promise<void>;
  /**
   * `loops`: how they do, as JSON. False: the row is gone (a restored backup, a long sleep), so the host must register
   * again.
   */
  beat(id: string, at: number, loops: string): Promise<boolean>;
  unregister(id: string): Promise<void>;
  /** Each with what it has said of its capabilities and its loops, as JSON. */
  hosts(): Promise<(HostRow & { capabilities: string; loops: string })[]>;
  reportCapabilities(id: string, capabilities: string): Promise<void>;
  host(id: string): Promise<HostRow | undefined>;
  /** Rejects with `lost_claim` where its token is not the task's any more: the process must not act. */
  recordProcess(row: ProcessRow): Promise<void>;
  forgetProcess(taskId: string, pid: number): Promise<void>;
  processesOf(taskId: string): Promise<ProcessRow[]>;
}

export function createHostStore(db: Kysely<Schema>): HostStore {
  return {
    async register(host) {
      await db
        .insertInto('hosts')
        .values(host)
        .onConflict((oc) => oc.column('id').doUpdateSet(host))
        .execute();
      // Rows of hosts long gone, unless a task still names them: their identity decides about its takeover.
      await db
        .deleteFrom('hosts')
        .where('beat_at', '<', host.beat_at - 24 * 3600_000)
        .where(({ not, exists, selectFrom }) =>
          not(exists(selectFrom('tasks').select('tasks.id').whereRef('tasks.owner', '=', 'hosts.id'))),
        )
        .execute();
    },
    async beat(id, at, loops) {
      const { numUpdatedRows } = await db
        .updateTable('hosts')
        .set({ beat_at: at, loops })
        .where('id', '=', id)
        .executeTakeFirst();
      return numUpdatedRows > 0n;
    },
    async unregister(id) {
      await db.deleteFrom('hosts').where('id', '=', id).execute();
    },
    hosts: () => db.selectFrom('hosts').selectAll().select('powers as capabilities').orderBy('started_at').execute(),
    async reportCapabilities(id, capabilities) {
      await db.updateTable('hosts').set({ powers: capabilities }).where('id', '=', id).execute();
    },
    host: (id) => db.selectFrom('hosts').selectAll().where('id', '=', id).executeTakeFirst(),
    async recordProcess(row) {
      const columns = Object.keys(row) as (keyof ProcessRow)[];
      const { numInsertedOrUpdatedRows } = await db
        .insertInto('processes')
        .columns(columns)
        .expression((eb) =>
          eb
            .selectFrom('tasks')
            .select(columns.map((column) => eb.val(row[column]).as(column)))
            .where('id', '=', row.task_id)
            .where('tasks.token', '=', row.token),
        )
        .onConflict((oc) => oc.columns(['task_id', 'pid']).doUpdateSet(row))
        .executeTakeFirstOrThrow();
      if ((numInsertedOrUpdatedRows ?? 0n) === 0n) throw lostClaim(row.task_id);
    },
    async forgetProcess(taskId, pid) {
      await db.deleteFrom('processes').where('task_id', '=', taskId).where('pid', '=', pid).execute();
    },
    processesOf: (taskId) =>
      db
        .selectFrom('processes')
        .selectAll()
        .where('task_id', '=', taskId)
        .orderBy(sql`rowid`)
        .execute(),
  };
}
