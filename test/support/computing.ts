/** What work costs, apart from what else the machine does. */

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
