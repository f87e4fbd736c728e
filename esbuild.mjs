/**
 * Builds dist/. `node esbuild.mjs [--watch]`
 *
 *   dist/extension.js   the editor's thin entry; ES modules, since package.json says so
 *   dist/cli.js         the command line's entry: a guard that imports the rest when Node is new enough
 *   dist/*-HASH.js      chunks. What is imported by `import()` is not loaded before it is needed, and
 *                       both hosts share one engine
 *   dist/native/        SQLite's binary, named by platform (src/adapters/sqlite/native.ts finds it).
 *                       Chunks lie flat in dist so that its place is the same from each of them
 *   dist/webview/       one script for each src/webview/page/*.tsx; its parts live in subfolders
 *   dist/meta.json      what went into which file, for the tests of the bundle; not shipped
 */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, context } from 'esbuild';

const root = path.dirname(fileURLToPath(import.meta.url));
const at = (...parts) => path.join(root, ...parts);

/**
 * discord.js brings two copies of undici, half of its size. They stay out: the bot gives it a `fetch`
 * (src/adapters/discord/session.ts), and of the rest Node's own `Headers` and `FormData` do.
 */
const withoutUndici = {
  name: 'without-undici',
  setup(it) {
    const users = /node_modules[\\/](@discordjs[\\/]rest|discord\.js)[\\/]/;
    it.onResolve({ filter: /^undici$/ }, ({ importer }) =>
      users.test(importer) ? { path: 'node', namespace: 'globals' } : undefined,
    );
    it.onLoad({ filter: /^node$/, namespace: 'globals' }, () => ({ contents: 'module.exports = globalThis;' }));
  },
};

const hosts = {
  entryPoints: Object.fromEntries(
    [
      ['extension', 'src/vscode/extension.ts'],
      ['cli', 'src/cli/guard.ts'],
    ].filter(([, file]) => fs.existsSync(at(file))),
  ),
  absWorkingDir: root,
  outdir: 'dist',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node22',
  chunkNames: '[name]-[hash]',
  external: ['vscode'],
  plugins: [withoutUndici],
  // Its default entry, UMD, hides its own parts from a bundler.
  alias: { 'jsonc-parser': 'jsonc-parser/lib/esm/main.js' },
  // CommonJS packages in the bundle call require() for Node's own modules.
  banner: {
    js: "import { createRequire as ampaCreateRequire } from 'node:module'; const require = ampaCreateRequire(import.meta.url);",
  },
  // Names stay, so that the stack of an error report can be read.
  minifyWhitespace: true,
  minifySyntax: true,
  legalComments: 'none',
  sourcemap: true,
  sourcesContent: false,
  metafile: true,
  logLevel: 'warning',
};

const pages = fs.existsSync(at('src/webview/page'))
  ? fs.readdirSync(at('src/webview/page')).filter((name) => name.endsWith('.tsx'))
  : [];
const webview = {
  entryPoints: pages.map((name) => `src/webview/page/${name}`),
  absWorkingDir: root,
  outdir: 'dist/webview',
  bundle: true,
  format: 'iife',
  platform: 'browser',
  target: 'es2022',
  jsx: 'automatic',
  jsxImportSource: 'preact',
  loader: { '.ttf': 'file', '.svg': 'dataurl' },
  assetNames: '[name]',
  define: { 'process.env.NODE_ENV': '"production"' },
  minify: true,
  legalComments: 'none',
  sourcemap: true,
  sourcesContent: false,
  metafile: true,
  logLevel: 'warning',
};

/** Outputs of earlier builds would be shipped: chunks carry a hash in their names. */
function removeOld(results) {
  const fresh = new Set(results.flatMap((result) => Object.keys(result.metafile.outputs)));
  for (const folder of ['dist', 'dist/webview']) {
    if (!fs.existsSync(at(folder))) continue;
    for (const name of fs.readdirSync(at(folder))) {
      const file = `${folder}/${name}`;
      if (/\.(js|css|ttf|map)$/.test(name) && !fresh.has(file)) fs.rmSync(at(file));
    }
  }
}

function finish(results) {
  removeOld(results);
  fs.writeFileSync(
    at('dist/meta.json'),
    JSON.stringify({ outputs: Object.assign({}, ...results.map((result) => result.metafile.outputs)) }),
  );
  if (fs.existsSync(at('dist/cli.js'))) fs.chmodSync(at('dist/cli.js'), 0o755);
  copyNative();
}

/** A process that has the old file mapped must not see it change: replaced by rename, and only if it differs. */
function copyNative() {
  const prebuilds = at('node_modules/better-sqlite3/prebuilds');
  const wanted = new RegExp(`^${process.platform}(musl)?-${process.arch}\\.node$`);
  fs.mkdirSync(at('dist/native'), { recursive: true });
  for (const name of fs.readdirSync(prebuilds).filter((file) => wanted.test(file))) {
    const from = path.join(prebuilds, name);
    const to = at('dist/native', name);
    if (fs.existsSync(to) && fs.readFileSync(to).equals(fs.readFileSync(from))) continue;
    fs.copyFileSync(from, `${to}.new`);
    fs.renameSync(`${to}.new`, to);
  }
}

const all = [hosts, ...(pages.length ? [webview] : [])];
if (process.argv.includes('--watch')) {
  const results = new Map();
  for (const [i, options] of all.entries()) {
    const plugin = {
      name: 'finish',
      setup: (it) =>
        it.onEnd((result) => {
          if (!result.metafile) return;
          results.set(i, result);
          if (results.size === all.length) finish([...results.values()]);
        }),
    };
    await (await context({ ...options, plugins: [...(options.plugins ?? []), plugin] })).watch();
  }
  console.log('watching');
} else {
  finish(await Promise.all(all.map((options) => build(options))));
}
