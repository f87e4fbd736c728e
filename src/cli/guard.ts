#!/usr/bin/env node
/**
 * The entry of the command line. Everything else is loaded only when this Node can run it: the
 * native module crashes, without a word, on a Node-API older than 10. This file must therefore
 * import nothing statically and stay readable for old versions of Node.
 */
if (Number(process.versions['napi']) >= 10) {
  const { main } = await import('./main.ts');
  process.exitCode = await main(process.argv.slice(2), process.argv[1]!);
} else {
  process.stderr.write(`ampa needs Node 22.14 or later; this is ${process.version}\n`);
  process.exitCode = 2;
}
