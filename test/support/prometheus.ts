/**
 * Reads the text format of Prometheus, version 0.0.4, and throws at whatever a strict reader would not
 * take: wrong syntax, a family in two pieces, a series twice, a histogram that does not add up.
 */

export interface ParsedFamily {
  type: string;
  help: string;
  samples: { name: string; labels: Record<string, string>; value: number }[];
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const TYPES = ['counter', 'gauge', 'histogram', 'summary', 'untyped'];
const NUMBER = /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/;

export function parsePrometheus(text: string): Map<string, ParsedFamily> {
  if (!text.endsWith('\n')) throw new Error('the last line does not end');
  const families = new Map<string, ParsedFamily>();
  const series = new Set<string>();
  let current: { name: string; typed: boolean } | undefined;
  for (const [index, line] of text.slice(0, -1).split('\n').entries()) {
    const fail = (why: string): never => {
      throw new Error(`line ${index + 1}: ${why}: ${line}`);
    };
    if (line === '') continue;
    const comment = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line);
    if (comment) {
      const [, kind, name = '', rest = ''] = comment;
      if (!NAME.test(name)) fail('this is no name');
      if (kind === 'HELP') {
        if (families.has(name)) fail('the family comes again');
        if (rest.replace(/\\[\\n]/g, '').includes('\\')) fail('a backslash that escapes nothing');
        families.set(name, { type: 'untyped', help: rest, samples: [] });
        current = { name, typed: false };
      } else {
        if (current?.name !== name || current.typed) fail('the type stands by itself');
        if (!TYPES.includes(rest)) fail('there is no such type');
        families.get(name)!.type = rest;
        current!.typed = true;
      }
      continue;
    }
    if (line.startsWith('#')) fail('a comment of no known kind');
    const sample = parseSample(line) ?? fail('this is no sample');
    const family = current && families.get(current.name);
    if (!current?.typed || !family) return fail('a sample without its type');
    if (!belongs(current.name, family.type, sample.name)) fail(`this is not of ${current.name}`);
    const key = `${sample.name} ${JSON.stringify(Object.entries(sample.labels).toSorted(([a], [b]) => (a < b ? -1 : 1)))}`;
    if (series.has(key)) fail('the series comes twice');
    series.add(key);
    if (family.type === 'counter' && !(sample.value >= 0)) fail('a counter is not negative');
    family.samples.push(sample);
  }
  for (const [name, family] of families) if (family.type === 'histogram') checkHistogram(name, family);
  return families;
}

const belongs = (family: string, type: string, name: string): boolean =>
  type === 'histogram' ? [`${family}_bucket`, `${family}_sum`, `${family}_count`].includes(name) : name === family;

function parseSample(line: string): ParsedFamily['samples'][number] | null {
  const head = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{)?/.exec(line);
  if (!head) return null;
  let rest = line.slice(head[0].length);
  const labels: Record<string, string> = {};
  if (head[2]) {
    while (!rest.startsWith('}')) {
      const label = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(,|(?=\}))/.exec(rest);
      const [whole, key = '', text = ''] = label ?? [];
      if (whole === undefined || key in labels) return null;
      labels[key] = text.replace(/\\(.)/g, (_all, it: string) => (it === 'n' ? '\n' : it));
      rest = rest.slice(whole.length);
    }
    rest = rest.slice(1);
  }
  const value = /^ (\S+)(?: -?\d+)?$/.exec(rest)?.[1];
  if (value === undefined) return null;
  const special: Record<string, number> = { NaN: Number.NaN, '+Inf': Infinity, '-Inf': -Infinity };
  if (!(value in special) && !NUMBER.test(value)) return null;
  return { name: head[1]!, labels, value: special[value] ?? Number(value) };
}

function checkHistogram(name: string, { samples }: ParsedFamily): void {
  const buckets = samples.filter((it) => it.name === `${name}_bucket`);
  const bounds = buckets.map((it) => (it.labels['le'] === '+Inf' ? Infinity : Number(it.labels['le'])));
  if (bounds.at(-1) !== Infinity) throw new Error(`${name} has no last bucket`);
  for (let i = 1; i < buckets.length; i++) {
    if (!(bounds[i]! > bounds[i - 1]!)) throw new Error(`${name}: the buckets are not in order`);
    if (buckets[i]!.value < buckets[i - 1]!.value) throw new Error(`${name}: the buckets do not add up`);
  }
  const [sum, count] = ['sum', 'count'].map((it) => samples.find((sample) => sample.name === `${name}_${it}`));
  if (!sum || count?.value !== buckets.at(-1)!.value) throw new Error(`${name}: the totals are missing or wrong`);
}
