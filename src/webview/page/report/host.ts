/** The page's side of the wire: the editor's API, actions with their answers, and what the page remembers. */
import type { Report, ReportRange } from '../../../scheduler/report.ts';
import { isReportMessage, type ReportAction, type ReportPageMessage } from '../../reportProtocol.ts';

interface EditorApi {
  postMessage(message: unknown): void;
  getState(): unknown;
  setState(state: unknown): void;
}

declare function acquireVsCodeApi(): EditorApi;

export interface Host {
  /** What the reader chose last. */
  range: ReportRange;
  /** Asks for reports of a range, now and whenever something has changed. */
  ask(range: ReportRange): void;
  /** Resolves with what went wrong, for people, or null. */
  act(action: ReportAction): Promise<string | null>;
  listen(on: { report(report: Report): void; failed(error: string): void }): void;
}

export const timeZone = new Intl.DateTimeFormat().resolvedOptions().timeZone;

export function connect(folder: string): Host {
  const api = acquireVsCodeApi();
  const send = (message: ReportPageMessage): void => api.postMessage(message);
  const waiting = new Map<number, (error: string | null) => void>();
  let lastId = 0;
  const host: Host = {
    range: restore(api.getState()),
    ask(range) {
      host.range = range;
      api.setState({ folder, range });
      send({ type: 'ready', range, timeZone });
    },
    act(action) {
      const id = ++lastId;
      return new Promise((resolve) => {
        waiting.set(id, resolve);
        send({ type: 'action', id, action });
      });
    },
    listen(on) {
      window.addEventListener('message', (event: MessageEvent<unknown>) => {
        const message = event.data;
        if (!isReportMessage(message)) return;
        if (message.type === 'done') {
          waiting.get(message.id)?.(message.error);
          waiting.delete(message.id);
        } else if (message.type === 'failed') on.failed(message.error);
        else if (message.report.range === host.range) on.report(message.report);
      });
    },
  };
  return host;
}

function restore(state: unknown): ReportRange {
  const it = (typeof state === 'object' && state !== null ? state : {}) as { range?: unknown };
  return it.range === 'week' ? 'week' : 'day';
}
