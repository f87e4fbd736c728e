/** The result of the setup check as a page. Pure. */
import type { DoctorCheck } from '../app/api.ts';
import { escapeMarkdown } from './taskRows.ts';

export function doctorPage(folder: string, checks: readonly DoctorCheck[]): string {
  const bad = checks.filter((check) => !check.ok);
  const line = (check: DoctorCheck): string =>
    `- ${check.ok ? '✓' : '✗'} **${escapeMarkdown(check.name)}** ${escapeMarkdown(check.detail)}` +
    (check.fix ? `\n\n  → ${escapeMarkdown(check.fix)}\n` : '');
  const verdict =
    bad.length === 0
      ? 'Everything that a task needs is there.'
      : `${bad.length} of ${checks.length} ${bad.length === 1 ? 'needs' : 'need'} a look.`;
  return [
    `# AMPA Setup`,
    `\`${folder}\``,
    verdict,
    [...bad, ...checks.filter((check) => check.ok)].map(line).join('\n'),
  ].join('\n\n');
}
