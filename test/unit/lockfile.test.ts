/**
 * The lock file installs on every platform and from every registry. npm leaves out optional
 * packages that its registry could not show when the file was written, and `npm ci` then refuses
 * the file; npm also writes down the address it loaded from.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '../..');

interface Locked {
  resolved?: string;
  optionalDependencies?: Record<string, string>;
}

for (const file of ['package-lock.json', 'test/host/package-lock.json']) {
  describe(file, () => {
    const { packages } = JSON.parse(fs.readFileSync(path.join(root, file), 'utf8')) as {
      packages: Record<string, Locked>;
    };

    it('names no registry', () => {
      assert.deepEqual(
        Object.keys(packages).filter((key) => packages[key]?.resolved !== undefined),
        [],
      );
    });

    it('has the optional packages of every platform', () => {
      const missing = Object.entries(packages).flatMap(([key, { optionalDependencies = {} }]) =>
        Object.keys(optionalDependencies).filter(
          (name) => !packages[`node_modules/${name}`] && !packages[`${key}/node_modules/${name}`],
        ),
      );
      assert.deepEqual(missing, []);
    });
  });
}

describe('package.json', () => {
  it('pins every dependency to one version', () => {
    const manifest = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8')) as Record<
      string,
      Record<string, string> | undefined
    >;
    const loose = ['dependencies', 'devDependencies'].flatMap((kind) =>
      Object.entries(manifest[kind] ?? {}).filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version)),
    );
    assert.deepEqual(loose, []);
  });
});
