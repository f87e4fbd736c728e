import type { Day, Outcome } from '../../../scheduler/report.ts';
import { dayLabel, dayScale, dayWords, OUTCOMES } from '../../reportView.ts';
import { percent } from './width.ts';

const HEIGHT = 96;

/** How tasks ended, day by day. */
export function Days({ days }: { days: readonly Day[] }) {
  const most = dayScale(days);
  const wide = 1 / days.length;
  const label = days.map((day) => `${dayLabel(day)}: ${dayWords(day)}`).join('; ');
  return (
    <svg class="days" height={HEIGHT + 44} role="img" aria-label={label}>
      <line class="base" x1="0" x2="100%" y1={HEIGHT + 20.5} y2={HEIGHT + 20.5} />
      {days.map((day, i) => {
        let top = HEIGHT + 20;
        const total = OUTCOMES.reduce((sum, { key }) => sum + day[key], 0);
        const middle = percent((i + 0.5) * wide);
        return (
          <g key={day.day}>
            <title>{`${dayLabel(day)}: ${dayWords(day)}`}</title>
            <rect class="space" x={percent(i * wide)} width={percent(wide)} height="100%" />
            {OUTCOMES.map(({ key }) => {
              const height = (HEIGHT * day[key]) / most;
              top -= height;
              return height === 0 ? null : (
                <rect
                  key={key}
                  class={`outcome ${key}`}
                  x={percent((i + 0.2) * wide)}
                  width={percent(0.6 * wide)}
                  y={top}
                  height={Math.max(2, height - 1)}
                />
              );
            })}
            {total > 0 ? (
              <text class="total" x={middle} y={top - 6} text-anchor="middle">
                {total}
              </text>
            ) : null}
            <text x={middle} y={HEIGHT + 38} text-anchor="middle">
              {dayLabel(day)}
            </text>
          </g>
        );
      })}
    </svg>
  );
}

/** Only what the plot holds. */
export function DaysLegend({ days }: { days: readonly Day[] }) {
  const has = (key: Outcome): boolean => days.some((day) => day[key] > 0);
  return (
    <span class="legend" aria-hidden="true">
      {OUTCOMES.filter(({ key }) => has(key)).map(({ key, label }) => (
        <span key={key}>
          <i class={`swatch ${key}`} />
          {label}
        </span>
      ))}
    </span>
  );
}
