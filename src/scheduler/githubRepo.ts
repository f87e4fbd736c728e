/** Which GitHub repository a worklog's `config.yaml` says it belongs to. */

const LINE = /^(githubRepo:[ \t]*)([^\r\n#]*?)([ \t]*(?:#[^\r\n]*)?)$/m;

/** `owner/name` of the configuration; null where there is none, or `(not set)`. */
export function repoOfConfig(yaml: string): string | null {
  const value =
    LINE.exec(yaml)?.[2]
      ?.replace(/^(["'])(.*)\1$/, '$2')
      .trim() ?? '';
  return /^[\w.-]+\/[\w.-]+$/.test(value) ? value : null;
}

/** The configuration with the repository; everything else is left byte for byte. */
export function withRepo(yaml: string, repo: string): string {
  if (LINE.test(yaml))
    return yaml.replace(
      LINE,
      (_, key: string, _value: string, rest: string) => `${key.replace(/:$/, ': ')}${repo}${rest}`,
    );
  const end = yaml.includes('\r\n') ? '\r\n' : '\n';
  return `${yaml}${yaml === '' || yaml.endsWith('\n') ? '' : end}githubRepo: ${repo}${end}`;
}
