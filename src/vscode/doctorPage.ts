/** The result of the setup check as a page. Pure. */
import type { DoctorCheck } from '../app/api.ts';
import { escapeMarkdown } from './taskRows.ts';

export function doctorPage(folder: string, checks: readonly DoctorCheck[]): string {
  const bad = checks.filter((check) => !check.ok);
  const name = (check: DoctorCheck): string => escapeMarkdown(check.name.charAt(0).toUpperCase() + check.name.slice(1));
  const cell = (text: string): string => escapeMarkdown(text).replace(/\s*\n\s*/g, '<br>');
  const row = (check: DoctorCheck): string =>
    `| ${check.ok ? '✓' : '✗'} | **${name(check)}** | ${cell(check.detail)}${check.fix ? `<br>→ ${cell(check.fix)}` : ''} |`;
  const verdict =
    bad.length === 0
      ? 'Everything a task needs is there.'
      : `${bad.length} of ${checks.length} checks ${bad.length === 1 ? 'needs' : 'need'} attention.`;
  return [
    `# AMPA Setup`,
    `\`${folder}\``,
    verdict,
    ['| | Check | Result |', '| --- | --- | --- |', ...[...bad, ...checks.filter((check) => check.ok)].map(row)].join(
      '\n',
    ),
  ].join('\n\n');
}
