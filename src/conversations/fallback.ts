/** What happens when nobody needs to be asked: the rules that a person wrote, resolved for one question. Pure. */
import * as z from 'zod';
import { ALLOW, REJECT, choiceThat } from './choices.ts';
import type { Automatic, Prompt } from './prompt.ts';

export const FALLBACK_MODES = [
  'hold',
  'auto-accept',
  'auto-decline',
  'accept-recommendation',
  'discuss-options',
] as const;
export type FallbackMode = (typeof FALLBACK_MODES)[number];

const ALIASES: Readonly<Record<string, FallbackMode>> = {
  accept: 'auto-accept',
  decline: 'auto-decline',
  pause: 'hold',
  queue: 'hold',
  recommend: 'accept-recommendation',
  discuss: 'discuss-options',
};

/** A mode as somebody wrote it; null where it is none. */
export function parseMode(text: string): FallbackMode | null {
  const plain = text.trim().toLowerCase().replaceAll('_', '-');
  return FALLBACK_MODES.find((mode) => mode === plain) ?? (Object.hasOwn(ALIASES, plain) ? ALIASES[plain]! : null);
}

/** Spelt as people like; an editor offers the five names. What is no mode at all holds, so it is taken here. */
const spelling = [...FALLBACK_MODES, ...Object.keys(ALIASES)].map((name) =>
  name.replace(/[a-z]/g, (letter) => `[${letter}${letter.toUpperCase()}]`).replaceAll('-', '[-_]'),
);
const mode = (description: string) =>
  z.string().meta({ description, anyOf: [{ enum: [...FALLBACK_MODES] }, { pattern: `^(?:${spelling.join('|')})$` }] });

/** The file of fallback rules. Categories are free text. */
export const fallbackSchema = z
  .object({
    $schema: z.string().optional(),
    default: mode('Where a project is known and nothing else is said of it.').optional(),
    public_default: mode('Where no project is known. Without it: hold.').optional(),
    projects: z
      .record(
        z.string(),
        z.union([
          mode('For all decisions of this project.'),
          z.object({
            mode: mode('For the decisions of this project that are not named below.').optional(),
            overrides: z
              .record(z.string(), mode('For decisions of this category.'))
              .meta({
                description:
                  'By category: the kind of a question, or what an agent wants to do (read, edit, delete, move, search, execute, fetch, other).',
              })
              .optional(),
          }),
        ]),
      )
      .meta({ description: "By project id: owner/repo of the remote, or the question's own project_id." })
      .optional(),
  })
  .meta({ title: 'AMPA fallback rules', description: 'What AMPA answers where nobody needs to be asked.' });

/** The same for editors. */
export const fallbackJsonSchema = (): unknown => z.toJSONSchema(fallbackSchema, { target: 'draft-7', io: 'input' });

export type FallbackConfig = z.infer<typeof fallbackSchema>;

/** One of the files there are, in the order in which they are asked. */
export interface FallbackFile {
  /** For people. */
  name: string;
  /** The repository's text: it can only make things stricter. */
  tracked: boolean;
  /** Null: it cannot be read, so everything holds; `problem` says why. */
  config: FallbackConfig | null;
  problem: string | null;
}

export interface Decision {
  /** Category: the prompt's kind; of a permission the ACP tool kind. */
  kind: string;
  /** Null where none is known. */
  projectId: string | null;
}

export interface Fallback extends Automatic {
  mode: FallbackMode;
  /** Values that were no modes, files that could not be read. */
  warnings: string[];
}

/** How much a mode lets happen without a person: a tracked file may only go up. Declining lets nothing happen at all. */
const STRICTNESS: Record<FallbackMode, number> = {
  'auto-accept': 0,
  'accept-recommendation': 1,
  'discuss-options': 2,
  hold: 3,
  'auto-decline': 4,
};

/** The category of which the original's default was to accept. */
const DELEGATION = 'delegation';

/**
 * The mode for one decision and the rule that says so. `environment` is AMPA_FALLBACK_MODE, empty where
 * it is not set. The first file that is the user's own decides; tracked ones before it can only make
 * that stricter.
 */
export function resolveFallback(decision: Decision, environment: string, files: readonly FallbackFile[]): Fallback {
  const warnings: string[] = [];
  const modeOf = (text: string, rule: string): Fallback => {
    const parsed = parseMode(text);
    if (parsed === null) warnings.push(noMode(rule, text));
    return { mode: parsed ?? 'hold', rule, warnings };
  };
  if (environment.trim() !== '') return modeOf(environment, 'AMPA_FALLBACK_MODE');

  const own = files.findIndex((file) => !file.tracked);
  const before = own === -1 ? files : files.slice(0, own);
  const ruleOf = (file: FallbackFile): Fallback => {
    if (file.config === null) {
      warnings.push(`${file.name} ${file.problem ?? 'cannot be read'}: everything holds`);
      return { mode: 'hold', rule: `${file.name} cannot be read`, warnings };
    }
    const { text, rule } = pick(file.config, decision);
    return modeOf(text, rule);
  };
  let result: Fallback =
    own === -1
      ? { mode: decision.kind === DELEGATION ? 'auto-accept' : 'hold', rule: 'no rules are set', warnings }
      : ruleOf(files[own]!);
  for (const file of before) {
    const stricter = ruleOf(file);
    if (STRICTNESS[stricter.mode] > STRICTNESS[result.mode])
      result = { ...stricter, rule: `${stricter.rule} (${file.name}, which git tracks)` };
  }
  return result;
}

function pick(config: FallbackConfig, { kind, projectId }: Decision): { text: string; rule: string } {
  if (projectId === null) return { text: config.public_default ?? 'hold', rule: 'public_default' };
  const { projects } = config;
  const entry = projects && Object.hasOwn(projects, projectId) ? projects[projectId] : undefined;
  if (typeof entry === 'string') return { text: entry, rule: `projects.${projectId}` };
  const overrides = entry?.overrides;
  if (overrides && Object.hasOwn(overrides, kind))
    return { text: overrides[kind]!, rule: `projects.${projectId}.overrides.${kind}` };
  if (entry?.mode !== undefined) return { text: entry.mode, rule: `projects.${projectId}.mode` };
  return { text: config.default ?? 'hold', rule: 'default' };
}

/** Everything that is wrong with the rules, whichever decision it concerns. */
export function problemsOf(environment: string, files: readonly FallbackFile[]): string[] {
  const modes: [rule: string, text: string | undefined][] =
    environment.trim() === '' ? [] : [['AMPA_FALLBACK_MODE', environment]];
  const unreadable: string[] = [];
  for (const { name, config, problem } of files) {
    if (config === null) {
      unreadable.push(`${name} ${problem ?? 'cannot be read'}: everything holds`);
      continue;
    }
    modes.push([`default of ${name}`, config.default], [`public_default of ${name}`, config.public_default]);
    for (const [id, entry] of Object.entries(config.projects ?? {})) {
      const { mode: own, overrides = {} } = typeof entry === 'string' ? { mode: entry } : entry;
      modes.push([`${id} in ${name}`, own]);
      for (const [kind, text] of Object.entries(overrides)) modes.push([`${kind} of ${id} in ${name}`, text]);
    }
  }
  const odd = modes.filter(([, text]) => text !== undefined && parseMode(text) === null);
  return [...unreadable, ...odd.map(([rule, text]) => noMode(rule, text ?? ''))];
}

const noMode = (rule: string, text: string): string =>
  `${rule} is ${JSON.stringify(text)}, which is not a fallback mode, so hold is used`;

/** What a mode makes of a question. */
export type FallbackAction = { act: 'answer'; response: string } | { act: 'hold' } | { act: 'discuss' };

/** Accepting never means `always`. Where the choices leave it open, it holds. */
export function fallbackAction(
  fallback: Pick<Fallback, 'mode'>,
  prompt: Pick<Prompt, 'asks' | 'choices' | 'recommendation'>,
): FallbackAction {
  const means = meansOf(fallback.mode, prompt.recommendation);
  if (means === 'discuss') return { act: 'discuss' };
  if (means === null) return { act: 'hold' };
  const response =
    prompt.asks === 'permission' ? (means === 'accept' ? ALLOW : REJECT) : choiceThat(means, prompt.choices);
  return response === null ? { act: 'hold' } : { act: 'answer', response };
}

function meansOf(mode: FallbackMode, recommendation: string | null): 'accept' | 'decline' | 'discuss' | null {
  switch (mode) {
    case 'hold':
      return null;
    case 'auto-accept':
      return 'accept';
    case 'auto-decline':
      return 'decline';
    case 'accept-recommendation': {
      const plain = recommendation?.trim().toLowerCase();
      return plain === 'accept' || plain === 'decline' ? plain : null;
    }
    case 'discuss-options':
      return 'discuss';
  }
}

/** Who answered, where a rule did. */
export const byRule = ({ mode, rule }: Automatic): string => `AMPA (${mode}, by ${rule})`;

/** `owner/repo` of a remote's address; null for a path or anything else. */
export function projectOf(remoteUrl: string | null): string | null {
  const url = remoteUrl?.trim() ?? '';
  const path =
    /^(?:https?|ssh|git|git\+ssh|ssh\+git):\/\/[^/]+\/(.+)$/i.exec(url)?.[1] ??
    // scp-like: one letter before the colon is a drive of Windows.
    /^(?:[^@/:]+@)?[^@/:]{2,}:(?!\/\/)(.+)$/.exec(url)?.[1];
  const parts = (path ?? '')
    .replace(/\/+$/, '')
    .replace(/\.git$/, '')
    .split('/')
    .filter(Boolean);
  return parts.length >= 2 ? parts.slice(-2).join('/') : null;
}

/** Whose rules apply: what the question says of itself, else the repository's remote. */
export function projectIdOf(metadata: Readonly<Record<string, unknown>>, remoteUrl: string | null): string | null {
  const own = metadata['project_id'];
  return typeof own === 'string' && own.trim() !== '' ? own.trim() : projectOf(remoteUrl);
}
