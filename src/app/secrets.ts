/** What is secret: by its name, and by its value. */
import { type ConfigValues, type Knob, type KnobName, KNOBS } from '../config/knobs.ts';
import { secretForms } from '../tasks/redact.ts';

/** Environment names whose values children must not see. */
export const SECRET_NAMES: readonly string[] = [
  ...Object.values<Knob>(KNOBS)
    .filter((knob) => knob.secret)
    .map((knob) => knob.env),
  'AMPA_GITHUB_APP_PRIVATE_KEY_PATH',
];

/** Tokens of the person's that AMPA acts with: what works on a task must not see them. Scheduled commands are the person's own. */
export const PERSONAL_TOKENS: readonly string[] = ['GITHUB_TOKEN', 'GH_TOKEN'];

/** Values that no log, prompt or report may show: AMPA's own secrets, and what the environment calls one. */
export function secretValues(env: Readonly<Record<string, string | undefined>>): string[] {
  const values = new Set<string>();
  for (const [name, value] of Object.entries(env)) {
    // Where a secret lies is none, and an error must be able to name it.
    if (value === undefined || value.length < 8 || name.endsWith('_PATH')) continue;
    if (SECRET_NAMES.includes(name) || /TOKEN|SECRET|PASSWORD|PASSWD|API_?KEY|PRIVATE_KEY|CREDENTIAL/i.test(name))
      for (const form of secretForms(value)) values.add(form);
  }
  return [...values];
}

/** The secrets among the values: no message, log or notice may show them. */
export const secretsOf = (config: ConfigValues): string[] =>
  Object.entries<Knob>(KNOBS).flatMap(([name, knob]) => {
    const value: unknown = config[name as KnobName];
    return knob.secret && typeof value === 'string' && value !== '' ? [value] : [];
  });
