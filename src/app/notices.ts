/** Things that a person should know, as they come up. */
export interface Notices {
  say(notice: string): void;
  /** All so far, oldest first. */
  all(): string[];
  onNotice(listener: (notice: string) => void): () => void;
}

export function createNotices(): Notices {
  const said: string[] = [];
  const listeners = new Set<(notice: string) => void>();
  return {
    say(notice) {
      said.push(notice);
      for (const listener of listeners) listener(notice);
    },
    all: () => [...said],
    onNotice(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
