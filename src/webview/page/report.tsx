/** The report: first what failed, in words and with the way there; then when things ran, how late, and how tasks ended. */
import type { ComponentChildren } from 'preact';
import { render } from 'preact';
import { useEffect, useMemo, useState } from 'preact/hooks';
import type { Report, ReportRange } from '../../scheduler/report.ts';
import type { ReportAction } from '../reportProtocol.ts';
import { createClock, type Clock } from '../clock.ts';
import { daysWords, failureWords, headline, isEmpty, taskWords } from '../reportView.ts';
import './report.css';
import { Icon, type IconName } from './parts/icon.tsx';
import { Days, DaysLegend } from './report/days.tsx';
import { connect, timeZone, type Host } from './report/host.ts';
import { Lateness, LatenessLegend } from './report/lateness.tsx';
import { Timeline, TimelineLegend } from './report/timeline.tsx';

const RANGES: readonly { range: ReportRange; label: string }[] = [
  { range: 'day', label: '24 hours' },
  { range: 'week', label: '7 days' },
];
const TONES: Record<string, IconName> = {
  bad: 'error',
  attention: 'warning',
  good: 'pass-filled',
  idle: 'circle',
  active: 'loading',
};
/** Failures that are listed before somebody asks for the others. */
const FIRST = 8;

function App({ host }: { host: Host }) {
  const [range, setRange] = useState(host.range);
  const [report, setReport] = useState<Report | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  const [error, setError] = useState<string | null>(null);
  useEffect(() => {
    host.listen({
      report(it) {
        setReport(it);
        setFailure(null);
      },
      failed: setFailure,
    });
    host.ask(host.range);
  }, [host]);
  const choose = (it: ReportRange): void => {
    setRange(it);
    host.ask(it);
  };
  const act = (action: ReportAction): void => {
    setError(null);
    void host.act(action).then(setError);
  };
  const clock = useMemo(() => (report ? createClock(report.to, timeZone) : null), [report?.to]);
  const trouble = failure ?? error;
  return (
    <main class="page">
      <header class="top">
        <h1>Report</h1>
        <div class="ranges" role="group" aria-label="Time">
          {RANGES.map((it) => (
            <button
              key={it.range}
              type="button"
              class="range"
              aria-pressed={it.range === range}
              onClick={() => choose(it.range)}
            >
              {it.label}
            </button>
          ))}
        </div>
      </header>
      {trouble === null ? null : (
        <div class="notice tone-bad" role="alert">
          <Icon name="error" tone="bad" />
          <p class="notice-body">{trouble}</p>
          {failure === null ? null : (
            <button type="button" class="button secondary" onClick={() => host.ask(range)}>
              Try Again
            </button>
          )}
        </div>
      )}
      {report === null || clock === null ? (
        failure === null ? (
          <p class="quiet">Reading the history…</p>
        ) : null
      ) : isEmpty(report) ? (
        <Invitation act={act} />
      ) : (
        <Whole report={report} clock={clock} act={act} />
      )}
    </main>
  );
}

interface Props {
  report: Report;
  clock: Clock;
  act(action: ReportAction): void;
}

function Whole({ report, clock, act }: Props) {
  const said = headline(report);
  const hasTasks = report.days.some((day) => day.success + day.needs_review + day.error + day.aborted > 0);
  return (
    <>
      <p class={`lead tone-${said.tone}`} role="status">
        <Icon name={TONES[said.tone] ?? 'circle'} tone={said.tone} />
        <span>{said.text}</span>
      </p>
      <Failures report={report} clock={clock} act={act} />
      <Part title="Runs" aside={report.lanes.length > 0 ? <TimelineLegend lanes={report.lanes} /> : null}>
        {report.lanes.length > 0 ? (
          <Timeline report={report} clock={clock} act={act} />
        ) : (
          <p class="quiet">
            Nothing is scheduled.{' '}
            <button type="button" class="link" onClick={() => act({ kind: 'addCommand' })}>
              Add a command
            </button>
          </p>
        )}
      </Part>
      {report.lanes.length > 0 ? (
        <Part title="Lateness" aside={report.lateness.worst ? <LatenessLegend /> : null}>
          <Lateness report={report} clock={clock} />
        </Part>
      ) : null}
      <Part title="Tasks by day" aside={hasTasks ? <DaysLegend days={report.days} /> : null}>
        <p class="quiet">{daysWords(report.days)}</p>
        {hasTasks ? <Days days={report.days} /> : null}
      </Part>
    </>
  );
}

function Part({ title, aside, children }: { title: string; aside?: ComponentChildren; children: ComponentChildren }) {
  return (
    <section class="part">
      <h2>
        {title}
        {aside}
      </h2>
      {children}
    </section>
  );
}

/** What a person should look at, each with the way there; what works again comes last. */
function Failures({ report, clock, act }: Props) {
  const [all, setAll] = useState(false);
  const commands = report.failures.map((it) => ({
    key: `command ${it.command}`,
    mended: it.fixedAt !== null,
    title: it.title,
    words: failureWords(it, clock),
    button: 'Output',
    action: { kind: 'output', command: it.command, run: it.run } satisfies ReportAction,
    icon: it.fixedAt === null ? ('error' as const) : ('pass-filled' as const),
    tone: it.fixedAt === null ? 'bad' : 'good',
  }));
  const tasks = report.taskFailures.map((it) => ({
    key: `task ${it.task_id}`,
    mended: false,
    title: it.title,
    words: taskWords(it, clock),
    button: 'Task',
    action: { kind: 'task', task: it.task_id } satisfies ReportAction,
    icon: it.status === 'error' ? ('error' as const) : ('warning' as const),
    tone: it.status === 'error' ? 'bad' : 'attention',
  }));
  const rows = [...commands.filter((it) => !it.mended), ...tasks, ...commands.filter((it) => it.mended)];
  if (rows.length === 0) return null;
  const shown = all ? rows : rows.slice(0, FIRST);
  return (
    <>
      <ul class="failures" aria-label="What failed">
        {shown.map((it) => (
          <li key={it.key} class={it.mended ? 'mended' : undefined}>
            <Icon name={it.icon} tone={it.tone} />
            <div class="failure">
              <span class="failure-title">{it.title}</span> <span class="quiet">{it.words}</span>
            </div>
            <button
              type="button"
              class="button secondary"
              aria-label={`${it.button} of ${it.title}`}
              onClick={() => act(it.action)}
            >
              {it.button}
            </button>
          </li>
        ))}
      </ul>
      {rows.length > shown.length ? (
        <p>
          <button type="button" class="link" onClick={() => setAll(true)}>
            Show {rows.length - shown.length} more
          </button>
        </p>
      ) : null}
    </>
  );
}

function Invitation({ act }: { act(action: ReportAction): void }) {
  return (
    <section class="invitation">
      <p class="lead">Nothing has run here yet.</p>
      <p>
        Let a command run every few minutes, or an agent every night. In the morning this page tells you in one sentence
        what failed, and takes you there.
      </p>
      <div class="answers">
        <button type="button" class="button" onClick={() => act({ kind: 'addCommand' })}>
          Add Scheduled Command…
        </button>
        <button type="button" class="button secondary" onClick={() => act({ kind: 'startTask' })}>
          Start Task…
        </button>
      </div>
    </section>
  );
}

const root = document.getElementById('root');
const { folder } = root?.dataset ?? {};
if (!root || !folder) throw new Error('the page says not which folder it shows');
render(<App host={connect(folder)} />, root);
