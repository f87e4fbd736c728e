/** What work costs, apart from what else the machine does. */
import vm from 'node:vm';

/**
 * Milliseconds of processor time that a synchronous piece of work takes, its process's helper threads
 * included. Unlike the clock's, they do not grow when other processes are busy, so a bound on them
 * holds beside other suites.
 */
export function computingMs(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/** What `slowness` takes on the machine that the bounds are for. */
const USUAL_MS = 13;

/** How many times as long as there a machine takes to load a program; 1 at least. */
export function slowness(): number {
  const lines = Array.from(
    { length: 4000 },
    (_, i) => `exports.f${i} = function (a) { const b = { x: a, y: [a, ${i}] }; return b.x + b.y.length; };`,
  );
  // Each text is another one: none is compiled already. Of several the quickest is what it takes.
  const times = Array.from({ length: 6 }, (_, i) => `(exports) => { ${lines.join('\n')}\n// ${Date.now()} ${i}\n}`).map(
    (text) => computingMs(() => (vm.runInThisContext(text) as (exports: object) => void)({})),
  );
  return Math.max(1, Math.min(...times) / USUAL_MS);
}
