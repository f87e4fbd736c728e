import type { Report } from '../../../scheduler/report.ts';
import type { Clock } from '../../clock.ts';
import { latenessWords, lateScale, roughly } from '../../reportView.ts';
import { Lines, place, ticksOf, TimeAxis } from './axis.tsx';
import { percent, useWidth } from './width.ts';

const HEIGHT = 96;

/** How far behind their due times commands started: the worst of each piece of time, and its median. */
export function Lateness({ report, clock }: { report: Report; clock: Clock }) {
  const { lateness } = report;
  const { ref, width } = useWidth<HTMLDivElement>();
  const words = latenessWords(lateness, clock);
  const ticks = ticksOf(report, width);
  const { y, ticks: levels } = lateScale(lateness.worst?.ms ?? 0);
  const top = (ms: number): number => HEIGHT * (1 - y(ms));
  return (
    <>
      <p class="quiet">{words}</p>
      {lateness.worst === null ? null : (
        <div class="chart">
          <svg class="levels" height={HEIGHT + 8} aria-hidden="true">
            {levels.map(({ at, label }) => (
              <text key={label} x="100%" y={8 + HEIGHT * (1 - at)} text-anchor="end" dominant-baseline="middle">
                {label}
              </text>
            ))}
          </svg>
          <div class="plot" ref={ref}>
            <svg class="bars" height={HEIGHT + 8} role="img" aria-label={words}>
              <g transform="translate(0 8)">
                <Lines ticks={ticks} />
                {levels.map(({ at, label }) => (
                  <line key={label} class="grid" x1="0" x2="100%" y1={HEIGHT * (1 - at)} y2={HEIGHT * (1 - at)} />
                ))}
                {lateness.cells.map((cell) => {
                  const left = place(report, cell.from);
                  const x = percent(left);
                  const wide = percent(Math.max(0, place(report, cell.to) - left) * 0.8);
                  const least = (ms: number): number => Math.min(top(ms), HEIGHT - 1);
                  return (
                    <g key={cell.from}>
                      <title>{`${clock(cell.from)}: median ${roughly(cell.median)}, worst ${roughly(cell.worst)}`}</title>
                      <rect
                        class="worst"
                        x={x}
                        width={wide}
                        y={least(cell.worst)}
                        height={HEIGHT - least(cell.worst)}
                      />
                      <rect
                        class="median"
                        x={x}
                        width={wide}
                        y={least(cell.median)}
                        height={HEIGHT - least(cell.median)}
                      />
                    </g>
                  );
                })}
              </g>
            </svg>
            <TimeAxis ticks={ticks} />
          </div>
        </div>
      )}
    </>
  );
}

export function LatenessLegend() {
  return (
    <span class="legend" aria-hidden="true">
      <span>
        <i class="swatch worst" />
        worst
      </span>
      <span>
        <i class="swatch median" />
        median
      </span>
    </span>
  );
}
