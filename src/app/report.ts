import { setImmediate as turn } from 'node:timers/promises';
import { usageError } from '../errors.ts';
import {
  foldReport,
  runsFrom,
  tasksFrom,
  type Report,
  type ReportOptions,
  type ReportRange,
  type ReportRun,
} from '../scheduler/report.ts';
import type { EngineStore } from './engineStore.ts';

/** Rows that are read at a time: a few milliseconds. */
const PIECE = 500;

export interface ReportRequest {
  range: ReportRange;
  /** The reader's, IANA. */
  timeZone: string;
}

/** Reads and folds the history of a range. A folder without a store has an empty one. Rejects with `usage` for a time zone that does not exist. */
export async function makeReport(
  store: EngineStore | undefined,
  { range, timeZone }: ReportRequest,
  { commands, now, keepRuns }: Pick<ReportOptions, 'commands' | 'now' | 'keepRuns'>,
): Promise<Report> {
  const fold = startFold({ range, now, timeZone, commands, keepRuns });
  if (!store) return fold.result();
  let last: ReportRun | null = null;
  for (;;) {
    const runs: ReportRun[] = await store.reports.runsSince(runsFrom(range, now), last, PIECE);
    for (const run of runs) fold.addRun(run);
    if (runs.length < PIECE) break;
    last = runs.at(-1) ?? null;
    await turn();
  }
  await turn();
  for await (const ends of store.reports.taskEndsSince(tasksFrom(now))) {
    for (const end of ends) fold.addTaskEnd(end);
    await turn();
  }
  return fold.result();
}

function startFold(options: ReportOptions): ReturnType<typeof foldReport> {
  try {
    return foldReport(options);
  } catch (error) {
    if (error instanceof RangeError)
      throw usageError(
        `there is no time zone ${JSON.stringify(options.timeZone)}`,
        'Give one such as Europe/Berlin or UTC.',
      );
    throw error;
  }
}
