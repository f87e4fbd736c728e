import { timeTicks, type Tick } from '../../reportView.ts';
import { timeZone } from './host.ts';
import { percent } from './width.ts';

/** px that a label of the time axis needs. */
const LABEL = 64;

export interface Span {
  from: number;
  to: number;
}

export const ticksOf = ({ from, to }: Span, width: number): Tick[] =>
  timeTicks(from, to, timeZone, Math.max(2, Math.floor(width / LABEL)));

/** Where a moment lies on the axis. */
export const place = ({ from, to }: Span, at: number): number => Math.min(1, Math.max(0, (at - from) / (to - from)));

/** The labels of a time axis; its lines are drawn by the plots. */
export function TimeAxis({ ticks }: { ticks: readonly Tick[] }) {
  return (
    <svg class="axis" aria-hidden="true">
      {ticks.map(({ at, label }) => (
        <text key={at} x={percent(at)} y="12" text-anchor={at < 0.04 ? 'start' : at > 0.96 ? 'end' : 'middle'}>
          {label}
        </text>
      ))}
    </svg>
  );
}

export function Lines({ ticks }: { ticks: readonly Tick[] }) {
  return (
    <>
      {ticks.map(({ at }) => (
        <line key={at} class="grid" x1={percent(at)} x2={percent(at)} y1="0" y2="100%" />
      ))}
    </>
  );
}
