/** A process as the store keeps it, and as `adapters/process/` knows it. */
import type { ProcessIdentity } from '../adapters/process/identity.ts';
import type { RecordedProcess } from '../scheduler/ports.ts';

type ProcessRecord = Pick<ProcessIdentity, 'pid' | 'startTime' | 'bootId' | 'pidNamespace'>;

export const recordOf = (row: RecordedProcess): ProcessRecord => ({
  pid: row.pid,
  startTime: row.start_time,
  bootId: row.boot_id,
  pidNamespace: row.pid_namespace,
});

export const rowOf = (record: ProcessRecord): RecordedProcess => ({
  pid: record.pid,
  start_time: record.startTime,
  boot_id: record.bootId,
  pid_namespace: record.pidNamespace,
});
