/** The report page's side of the wire, and what the page remembers. */
import type { Report, ReportRange } from '../../../scheduler/report.ts';
import { isReportMessage, type ReportAction, type ReportPageMessage } from '../../reportProtocol.ts';
import { createActions, editorApi, type Actions } from '../parts/editorApi.ts';

export interface Host extends Pick<Actions<ReportAction>, 'act'> {
  /** What the reader chose last. */
  range: ReportRange;
  /** Asks for reports of a range, now and whenever something has changed. */
  ask(range: ReportRange): void;
  listen(on: { report(report: Report): void; failed(error: string): void }): void;
}

export const timeZone = new Intl.DateTimeFormat().resolvedOptions().timeZone;

export function connect(folder: string): Host {
  const api = editorApi();
  const send = (message: ReportPageMessage): void => api.postMessage(message);
  const { act, settle } = createActions<ReportAction>(send);
  const host: Host = {
    range: restore(api.getState()),
    ask(range) {
      host.range = range;
      api.setState({ folder, range });
      send({ type: 'ready', range, timeZone });
    },
    act,
    listen(on) {
      window.addEventListener('message', (event: MessageEvent<unknown>) => {
        const message = event.data;
        if (!isReportMessage(message)) return;
        if (message.type === 'done') settle(message);
        else if (message.type === 'failed') on.failed(message.error);
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
