import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { AmpaError } from '../../errors.ts';

/** Name of the prebuilt binary for a platform: `linux-x64`, `linuxmusl-arm64`, `darwin-arm64`. */
export function nativeTarget(platform: string, arch: string, musl: boolean): string {
  return `${platform === 'linux' && musl ? 'linuxmusl' : platform}-${arch}`;
}

/**
 * Absolute path of the SQLite binary for this process, for better-sqlite3's `nativeBinding`.
 * In the built product it lies in `native/` beside the bundle, from source in node_modules.
 * Throws `runtime` where this platform has none.
 */
export function nativeBindingPath(): string {
  const name = `${nativeTarget(process.platform, process.arch, isMusl())}.node`;
  const file = import.meta.url.endsWith('.ts')
    ? path.join(path.dirname(createRequire(import.meta.url).resolve('better-sqlite3/package.json')), 'prebuilds', name)
    : fileURLToPath(new URL(`./native/${name}`, import.meta.url));
  if (existsSync(file)) return file;
  throw new AmpaError(
    'runtime',
    `there is no SQLite for ${name.replace(/\.node$/, '')} in this installation`,
    `Install the package that was made for this platform; ${file} is missing.`,
  );
}

/** A report names the glibc it runs on; on musl it names none. */
function isMusl(): boolean {
  if (process.platform !== 'linux' || !process.report) return false;
  // Without this the report looks up the names of every open socket. The types do not know it yet.
  const report: NodeJS.ProcessReport & { excludeNetwork?: boolean } = process.report;
  const before = report.excludeNetwork;
  report.excludeNetwork = true;
  try {
    const { header } = report.getReport() as { header?: { glibcVersionRuntime?: string } };
    return header !== undefined && header.glibcVersionRuntime === undefined;
  } finally {
    report.excludeNetwork = before;
  }
}
