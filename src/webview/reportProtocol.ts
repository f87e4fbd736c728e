/** What the report page and its host say to each other. The host checks every message with `reportSchema.ts`. */
import type { Report, ReportRange } from '../scheduler/report.ts';

/** Something that a person asked for on the page. */
export type ReportAction =
  /** The output of one run. */
  | { kind: 'output'; command: string; run: string }
  /** The last runs of a command. */
  | { kind: 'history'; command: string }
  | { kind: 'task'; task: string }
  | { kind: 'addCommand' }
  | { kind: 'startTask' };

export type ReportPageMessage =
  /** The page is drawn, or its reader chose another range: it wants a report, and every later one until the next message. */
  { type: 'ready'; range: ReportRange; timeZone: string } | { type: 'action'; id: number; action: ReportAction };

export type ReportHostMessage =
  | { type: 'report'; report: Report }
  /** `error` is for people. */
  | { type: 'failed'; error: string }
  /** The end of an action; `error` is for people. */
  | { type: 'done'; id: number; error: string | null };

/** Whether a message that reached the page has the outline of one from its host. */
export function isReportMessage(value: unknown): value is ReportHostMessage {
  if (typeof value !== 'object' || value === null || !('type' in value)) return false;
  const it = value as Record<string, unknown>;
  switch (it['type']) {
    case 'report':
      return typeof it['report'] === 'object' && it['report'] !== null;
    case 'failed':
      return typeof it['error'] === 'string';
    case 'done':
      return typeof it['id'] === 'number' && (it['error'] === null || typeof it['error'] === 'string');
    default:
      return false;
  }
}
