/** Runs one command line and resolves to its exit status. */
export async function main(args: readonly string[]): Promise<number> {
  process.stderr.write(`ampa: unknown command ${JSON.stringify(args[0] ?? '')}\n`);
  return 2;
}
