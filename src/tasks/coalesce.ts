/**
 * Calls `work`, one run at a time: any number of calls during a run are one more run after it, so that what each
 * caller has seen is seen by a run that began later. All of them hear how that ends.
 */
export function coalesce(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | null = null;
  let again = false;
  const run = async (): Promise<void> => {
    try {
      do {
        again = false;
        await work();
      } while (again);
    } finally {
      // In the same moment as the last look at `again`: no call comes between.
      running = null;
    }
  };
  return () => {
    again = true;
    return (running ??= run());
  };
}
