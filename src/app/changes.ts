import type { OpenPrompt } from '../conversations/prompt.ts';
import { describeError } from '../errors.ts';
import { coalesce } from '../tasks/coalesce.ts';
import type { Change } from './api.ts';
import type { EngineStore } from './engineStore.ts';

const ACTIVE = ['queued', 'running', 'retrying'] as const;

/** Tells what changed since the last look whenever some process has written. Returns the way to end that. */
export async function followChanges(
  it: EngineStore,
  openPrompts: () => Promise<OpenPrompt[]>,
  listener: (change: Change) => void,
  stop: AbortSignal,
  say: (notice: string) => void,
): Promise<() => void> {
  let rev = await it.board.revision();
  const shownOf = (prompts: readonly OpenPrompt[]): string =>
    prompts.map((prompt) => `${prompt.id} ${prompt.state}`).join();
  let asked = shownOf(await openPrompts());
  const read = coalesce(async () => {
    if (stop.aborted) return;
    try {
      const changed = await it.board.changedSince(rev);
      rev = changed.rev;
      const prompts = await openPrompts();
      it.watcher.setBusy(prompts.length > 0 || (await it.board.list({ statuses: ACTIVE, limit: 1 })).total > 0);
      // A script's question moves no task.
      const before = asked;
      asked = shownOf(prompts);
      if (changed.tasks.length > 0 || asked !== before) listener({ tasks: changed.tasks, prompts });
    } catch (error) {
      // The store may have been closed between two queries.
      if (!stop.aborted) say(`Changes could not be read: ${describeError(error)}`);
    }
  });
  const off = it.watcher.onChange(() => void read());
  await read();
  return off;
}

/**
 * Begins to watch without anybody waiting for it. The returned function ends it, also before it has begun; `ended`
 * tells `begin` so. `begin` resolves to its own way to end, or undefined where there is nothing to watch.
 */
export function watchSoon(
  begin: (ended: AbortSignal) => Promise<(() => void) | undefined>,
  onError: (error: unknown) => void,
): () => void {
  const end = new AbortController();
  begin(end.signal).then((off) => {
    if (end.signal.aborted) off?.();
    else end.signal.addEventListener('abort', () => off?.(), { once: true });
  }, onError);
  return () => end.abort();
}
