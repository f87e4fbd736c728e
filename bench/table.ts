/** What the races share: pairs run in turn, medians, and one table. */

export interface Row {
  what: string;
  ours: string;
  /** What we race against, or nothing. */
  theirs: string;
  ratio: string;
  budget: string;
  /** Within the budget; null where there is none. */
  ok: boolean | null;
}

export const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
};

/** The value that `percent` of them do not pass. */
export const percentile = (values: readonly number[], percent: number): number => {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((sorted.length * percent) / 100) - 1)]!;
};

export interface Race {
  ours: number[];
  theirs: number[];
}

/**
 * Runs both sides in turn, so that a busy moment of the machine meets both; each returns what it
 * measured. The first pair warms up and is not counted.
 */
export async function race(
  pairs: number,
  ours: (pair: number) => Promise<number> | number,
  theirs: (pair: number) => Promise<number> | number,
  warmUp = true,
): Promise<Race> {
  const result: Race = { ours: [], theirs: [] };
  for (let pair = warmUp ? -1 : 0; pair < pairs; pair++) {
    // Who goes first alternates: the second finds warmer caches.
    const theirsFirst = pair % 2 === 0 ? await theirs(pair) : undefined;
    const our = await ours(pair);
    const their = theirsFirst ?? (await theirs(pair));
    if (pair < 0) continue;
    result.ours.push(our);
    result.theirs.push(their);
  }
  return result;
}

export function print(rows: readonly Row[]): void {
  const head: Row = { what: '', ours: 'AMPA', theirs: 'peer', ratio: 'ratio', budget: 'budget', ok: null };
  const keys = ['what', 'ours', 'theirs', 'ratio', 'budget'] as const;
  const width = Object.fromEntries(
    keys.map((key) => [key, Math.max(...[head, ...rows].map((row) => row[key].length))]),
  );
  for (const row of [head, ...rows]) {
    const cells = keys.map((key) => (key === 'what' ? row[key].padEnd(width[key]!) : row[key].padStart(width[key]!)));
    console.log(`${cells.join('  ')}  ${row.ok === null ? '' : row.ok ? 'ok' : 'OVER'}`.trimEnd());
  }
}
