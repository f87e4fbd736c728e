/** What is said from a folder without a store: sent at once, recorded nowhere. */
import { describeError } from '../errors.ts';
import type { Message } from '../notifications/message.ts';
import { SendError, type Channel, type ChannelName, type Told } from '../notifications/ports.ts';
import { afterFailure, type RetryPolicy } from '../notifications/retry.ts';
import type { Clock } from '../tasks/ports.ts';

export interface DirectDeps {
  clock: Clock;
  /** Those that this process can serve by itself. */
  channels: readonly Channel[];
  policy: RetryPolicy;
  newId(): string;
  /** Masks what nothing may show. */
  hide(text: string): string;
}

/** A try may take so long, ms. */
const SEND_MS = 30_000;

/**
 * Sends a message to each of the named channels and tells what came of it; what failed is tried again for
 * `patienceMs`, and then given up, since nobody here would bring it out later.
 */
export function sendDirectly(
  deps: DirectDeps,
  message: Message,
  to: readonly ChannelName[],
  { patienceMs, signal }: { patienceMs: number; signal?: AbortSignal },
): Promise<Told[]> {
  const { clock } = deps;
  const end = clock.now() + patienceMs;
  const key = `message:${deps.newId()}`;

  async function sendTo(name: ChannelName): Promise<Told> {
    const channel = deps.channels.find((it) => it.name === name);
    if (!channel) return { channel: name, outcome: 'failed', detail: 'it needs AMPA to be running in this folder' };
    let repeat = false;
    for (let tries = 1; ; tries++) {
      const late = new AbortController();
      const cancel = clock.after(SEND_MS, () => late.abort());
      try {
        const limit = AbortSignal.any([late.signal, ...(signal ? [signal] : [])]);
        const sent = await channel.send(message, { key, repeat, last: null, signal: limit });
        return { channel: name, outcome: sent.sent ? 'sent' : 'skipped', detail: sent.sent ? null : sent.why };
      } catch (error) {
        const known = error instanceof SendError ? error : null;
        repeat ||= known?.unsure ?? true;
        const { permanent, retryAfterMs } = known ?? { permanent: true, retryAfterMs: null };
        const verdict = afterFailure(deps.policy, { tries, permanent, retryAfterMs }, Math.random());
        if (signal?.aborted || !verdict.again || clock.now() + verdict.inMs > end)
          return { channel: name, outcome: 'failed', detail: deps.hide(describeError(error)) };
        await clock.sleep(verdict.inMs, signal);
      } finally {
        cancel();
      }
    }
  }
  return Promise.all(to.map(sendTo));
}
