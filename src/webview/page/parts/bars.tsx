import type { AttemptView } from '../../attempts.ts';
import { type Bar, type Segment } from '../../segments.ts';
import { duration } from '../../duration.ts';

const NAMES: Record<Segment['kind'], string> = {
  prepare: 'preparing',
  agent: 'agent',
  git: 'commit and push',
  checks: 'checks',
  wait: 'waiting for you',
};
const RESULTS: Record<Segment['result'], string> = { good: ' (green)', bad: ' (red)', open: ' so far', plain: '' };

/** Neither the agent nor the checks were at work. */
const isThin = ({ kind }: Segment): boolean => kind === 'git' || kind === 'prepare' || kind === 'wait';

const lasted = (it: Segment, now: number): number => Math.max(0, (it.end ?? now) - it.start);

export const totalOf = (attempt: AttemptView, now: number): number =>
  attempt.segments.reduce((sum, it) => sum + lasted(it, now), 0);

/** "agent 3 min 4 s, checks 12 s (red)" */
function describe(attempt: AttemptView, now: number): string {
  const parts = attempt.segments.map((it) => {
    const result = it.kind === 'checks' || it.result === 'open' ? RESULTS[it.result] : '';
    return `${NAMES[it.kind]} ${duration(lasted(it, now))}${result}`;
  });
  return parts.join(', ');
}

/** Where the attempt's time went, on the axis that all attempts share. */
export function Bars({ attempt, bars, now }: { attempt: AttemptView; bars: readonly Bar[]; now: number }) {
  const text = describe(attempt, now);
  const percent = (value: number): string => `${(value * 100).toFixed(2)}%`;
  return (
    <svg class="bars" role="img" aria-label={`${attempt.title}: ${text || 'no time yet'}`}>
      <title>{text}</title>
      <rect class="track" x="0" y="4" width="100%" height="8" rx="2" />
      {bars.map(({ segment, left, width }) => (
        <rect
          key={`${segment.kind}-${segment.start}`}
          class={`bar kind-${segment.kind} result-${segment.result}`}
          x={percent(left)}
          y={isThin(segment) ? '6' : '4'}
          width={percent(width)}
          height={isThin(segment) ? '4' : '8'}
        />
      ))}
    </svg>
  );
}

/** Only what the bars hold; every bar says the same in words. */
export function Legend({ attempts }: { attempts: readonly AttemptView[] }) {
  const segments = attempts.flatMap((it) => it.segments);
  const has = (kind: Segment['kind'], result?: Segment['result']): boolean =>
    segments.some((it) => it.kind === kind && (result === undefined || it.result === result));
  const entries = [
    ['agent', 'kind-agent', 'agent', has('agent')],
    ['wait', 'kind-wait', 'waiting for you', has('wait')],
    ['green', 'kind-checks result-good', 'checks green', has('checks', 'good')],
    ['red', 'kind-checks result-bad', 'checks red', has('checks', 'bad')],
  ] as const;
  return (
    <span class="legend" aria-hidden="true">
      {entries.map(([key, classes, label, shown]) =>
        shown ? (
          <span key={key}>
            <svg>
              <rect class={`bar ${classes}`} width="8" height="8" rx="2" />
            </svg>
            {label}
          </span>
        ) : null,
      )}
    </span>
  );
}
