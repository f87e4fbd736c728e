import { useState } from 'preact/hooks';
import type { Lane, Mark, Report } from '../../../scheduler/report.ts';
import { whenWords, type Clock } from '../../clock.ts';
import { laneWords, markKind, markWords } from '../../reportView.ts';
import type { ReportAction } from '../../reportProtocol.ts';
import { Lines, place, ticksOf, TimeAxis } from './axis.tsx';
import { percent, useWidth } from './width.ts';

/** Lanes that are drawn before somebody asks for the others. */
const FIRST = 20;
const HEIGHT = { bad: 16, good: 10, skipped: 4, running: 10 };

interface Props {
  report: Report;
  clock: Clock;
  act(action: ReportAction): void;
}

/** Every command a lane on one time axis. A failure is taller, too: colour alone says nothing. */
export function Timeline({ report, clock, act }: Props) {
  const { ref, width } = useWidth<HTMLTableCellElement>();
  const [all, setAll] = useState(false);
  const lanes = all ? report.lanes : report.lanes.slice(0, FIRST);
  const ticks = ticksOf(report, width);
  const hidden = report.lanes.length - lanes.length;
  return (
    <>
      <table class="timeline">
        <thead>
          <tr>
            <th scope="col">
              <span class="unseen">Command</span>
            </th>
            <th scope="col" ref={ref} class="plot">
              <span class="unseen">Runs</span>
              <TimeAxis ticks={ticks} />
            </th>
            <th scope="col" class="counts">
              <span class="unseen">Result</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {lanes.map((lane) => (
            <tr key={lane.command}>
              <th scope="row">
                <button
                  type="button"
                  class="link lane-title"
                  title={`${lane.title}: show its runs`}
                  onClick={() => act({ kind: 'history', command: lane.command })}
                >
                  {lane.title}
                </button>
              </th>
              <td class="plot">
                <svg class="lane" role="img" aria-label={laneLabel(lane, clock)}>
                  <Lines ticks={ticks} />
                  {lane.keptSince === null ? null : (
                    <rect class="forgotten" width={percent(place(report, lane.keptSince))} height="100%">
                      <title>Of older runs only failures are remembered</title>
                    </rect>
                  )}
                  {lane.marks.map((mark) => (
                    <Bar
                      key={mark.from}
                      mark={mark}
                      lane={lane}
                      width={width}
                      report={report}
                      clock={clock}
                      act={act}
                    />
                  ))}
                </svg>
              </td>
              <td class={lane.failed > 0 ? 'counts has-failed' : 'counts'}>{laneWords(lane)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {hidden > 0 ? (
        <p>
          <button type="button" class="link" onClick={() => setAll(true)}>
            Show {hidden} more
          </button>
        </p>
      ) : null}
      {hidden === 0 && report.moreLanes > 0 ? (
        <p class="quiet">{report.moreLanes.toLocaleString('en')} more commands are in the Schedule view.</p>
      ) : null}
    </>
  );
}

const KINDS = [
  { kind: 'good', label: 'succeeded' },
  { kind: 'bad', label: 'failed' },
  { kind: 'running', label: 'running' },
  { kind: 'skipped', label: 'skipped' },
] as const;

/** Only what the lanes hold. */
export function TimelineLegend({ lanes }: { lanes: readonly Lane[] }) {
  const there = new Set(lanes.flatMap((lane) => lane.marks.map(markKind)));
  return (
    <span class="legend" aria-hidden="true">
      {KINDS.filter(({ kind }) => there.has(kind)).map(({ kind, label }) => (
        <span key={kind}>
          <i class={`swatch ${kind}`} />
          {label}
        </span>
      ))}
    </span>
  );
}

const laneLabel = (lane: Lane, clock: Clock): string => {
  const failed = lane.marks.findLast((it) => it.failed > 0);
  return `${laneWords(lane)}${failed ? `, the last ${whenWords(clock, failed.from)}` : ''}`;
};

function Bar({ mark, lane, width, report, clock, act }: Props & { mark: Mark; lane: Lane; width: number }) {
  const kind = markKind(mark);
  const height = HEIGHT[kind];
  const least = (kind === 'bad' ? 4 : 3) / width;
  const left = Math.min(place(report, mark.from), 1 - least);
  return (
    <rect
      class={`mark ${kind}`}
      x={percent(left)}
      y={(20 - height) / 2}
      width={percent(Math.max(least, place(report, mark.to) - left))}
      height={height}
      rx="1"
      onClick={() => act({ kind: 'output', command: lane.command, run: mark.run })}
    >
      <title>{markWords(mark, clock)}</title>
    </rect>
  );
}
