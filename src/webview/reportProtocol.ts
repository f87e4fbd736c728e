/** What the report page and its host say to each other. The host checks every message with `reportSchema.ts`. */
import { isCommonMessage, messageFields, type CommonHostMessage } from './hostMessage.ts';
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

export type ReportHostMessage = { type: 'report'; report: Report } | CommonHostMessage;

/** Whether a message that reached the page has the outline of one from its host. */
export function isReportMessage(value: unknown): value is ReportHostMessage {
  const it = messageFields(value);
  if (!it) return false;
  if (it['type'] === 'report') return typeof it['report'] === 'object' && it['report'] !== null;
  return isCommonMessage(it);
}
