import { KNOBS, type ConfigValues, type Knob, type KnobName } from './knobs.ts';

/** Name of the source that the editor keeps. */
export const STORED_SECRETS = 'SecretStorage';

/** A place that values come from, in the order in which it is asked. */
export interface Source {
  /** For people: `.worklog/ampa/.env`, `environment`, `workspace settings`, … */
  name: string;
  /** Belongs to the repository: before trust only safe knobs are read from it. */
  repository: boolean;
  /** The raw value of a knob, or undefined. Text from files and the environment, JSON values from settings. */
  get(knob: Knob): unknown;
}

export interface Resolved {
  values: ConfigValues;
  /** Where each value came from. */
  sources: Readonly<Record<KnobName, string>>;
  /** Values that were refused, each naming knob and source. */
  warnings: string[];
}

/** Resolves every knob: the first source that has a valid value wins, else the default. Pure. */
export function resolveConfig(sources: readonly Source[], trusted: boolean): Resolved {
  const values: Record<string, unknown> = {};
  const from: Record<string, string> = {};
  const warnings: string[] = [];
  for (const [name, knob] of Object.entries<Knob>(KNOBS)) {
    values[name] = knob.default;
    from[name] = 'default';
    for (const source of sources) {
      const raw = source.get(knob);
      if (raw === undefined || raw === null || (typeof raw === 'string' && raw.trim() === '')) continue;
      if (source.repository && knob.ownOnly) {
        warnings.push(
          `${nameIn(knob, source)} of ${source.name} is not read: it must be your own, in the environment or \`.worklog/ampa/.env\``,
        );
        continue;
      }
      if (source.repository && !trusted && !knob.safe) {
        warnings.push(`${nameIn(knob, source)} of ${source.name} is not read: this folder is not trusted`);
        continue;
      }
      const parsed = parse(knob, raw);
      if (parsed.ok) {
        values[name] = parsed.value;
        from[name] = source.name;
      } else {
        warnings.push(
          `${nameIn(knob, source)} of ${source.name} ${parsed.problem}; the default ${JSON.stringify(knob.default)} is used`,
        );
      }
      break;
    }
  }
  return { values: values as unknown as ConfigValues, sources: from as Record<KnobName, string>, warnings };
}

const nameIn = (knob: Knob, source: Source): string =>
  source.name.includes('settings') ? (knob.setting ?? knob.env) : knob.env;

type Parsed = { ok: true; value: unknown } | { ok: false; problem: string };

function parse(knob: Knob, raw: unknown): Parsed {
  const shown = knob.secret ? '(hidden)' : JSON.stringify(raw);
  switch (knob.type) {
    case 'string':
      return typeof raw === 'string' ? { ok: true, value: raw } : { ok: false, problem: `is ${shown}, not text` };
    case 'number': {
      const value =
        typeof raw === 'number' ? raw : typeof raw === 'string' && raw.trim() !== '' ? Number(raw) : Number.NaN;
      if (!Number.isFinite(value)) return { ok: false, problem: `is ${shown}, not a number` };
      if (knob.integer && !Number.isInteger(value)) return { ok: false, problem: `is ${shown}, not a whole number` };
      if (value < knob.min || value > knob.max)
        return { ok: false, problem: `is ${shown}, not between ${knob.min} and ${knob.max}` };
      return { ok: true, value };
    }
    case 'boolean': {
      const text = String(raw).trim().toLowerCase();
      if (['1', 'true', 'yes', 'on'].includes(text)) return { ok: true, value: true };
      if (['0', 'false', 'no', 'off'].includes(text)) return { ok: true, value: false };
      return { ok: false, problem: `is ${shown}, not true or false` };
    }
    case 'enum': {
      const text = String(raw).trim().toLowerCase();
      const value = knob.values.find((candidate) => candidate.toLowerCase() === text);
      return value === undefined
        ? { ok: false, problem: `is ${shown}, not one of ${knob.values.join(', ')}` }
        : { ok: true, value };
    }
    case 'list':
      if (Array.isArray(raw) && raw.every((item) => typeof item === 'string')) return { ok: true, value: raw };
      if (typeof raw === 'string')
        return {
          ok: true,
          value: raw
            .split(',')
            .map((item) => item.trim())
            .filter(Boolean),
        };
      return { ok: false, problem: `is ${shown}, not a list of texts` };
  }
}
