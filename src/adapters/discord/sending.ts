/** What the bot says in its channel. */
import { createHash } from 'node:crypto';
import type { APIChannel, APIMessage, ButtonStyle as DiscordStyle } from 'discord.js';
import { BUTTONS_PER_ROW, offered, validateButtons } from '../../notifications/buttons.ts';
import { QUIET_MS } from '../../notifications/heartbeat.ts';
import type { Button, Message } from '../../notifications/message.ts';
import { MESSAGE_CHARACTERS, renderText } from '../../notifications/render.ts';
import { isUnsent, SendError, type SendOptions, type Sent } from '../../notifications/ports.ts';
import type { Clock } from '../../tasks/ports.ts';
import type { DiscordJs } from './load.ts';
import { messageOf, type Session } from './session.ts';

const UNKNOWN_MESSAGE = 10008;

export interface SendingDeps {
  session: Session;
  channelId: string;
  allowedIds(): readonly string[];
  clock: Clock;
}

interface Payload {
  content: string;
  /** Text from agents pings nobody. */
  allowed_mentions: { parse: [] };
  components?: { type: number; components: object[] }[];
}

/** Sends, or edits the last heartbeat in place. Rejects with a `SendError`. */
export async function sendMessage(deps: SendingDeps, message: Message, options: SendOptions): Promise<Sent> {
  const { channelId } = deps;
  const { rest, discord } = deps.session;
  const body = payloadOf(deps, message, options.repeat);
  try {
    if (message.type === 'heartbeat') {
      const place = await placeOfHeartbeat(deps, options);
      if (place === 'quiet') return { sent: false, why: 'another message was sent within the last 5 minutes' };
      if (place !== 'new' && (await edit(deps, place, body, options.signal))) return { sent: true, remoteId: place };
    }
    const said = (await rest.post(discord.Routes.channelMessages(channelId), {
      body: { ...body, nonce: nonceOf(options.key), enforce_nonce: true },
      signal: options.signal,
    })) as APIMessage;
    return { sent: true, remoteId: said.id };
  } catch (error) {
    if (error instanceof discord.DiscordAPIError && error.status === 401) deps.session.revoked();
    throw asSendError(discord, error, options.signal);
  }
}

/**
 * Where a heartbeat goes: the id of our last one where that is the channel's last message; `quiet` where
 * the channel's last message, by anybody, is younger than five minutes; else `new`. The channel knows
 * its last message even if that is deleted since; its id tells the time.
 */
async function placeOfHeartbeat(deps: SendingDeps, options: SendOptions): Promise<string> {
  const { rest, discord } = deps.session;
  const channel = (await rest.get(discord.Routes.channel(deps.channelId), { signal: options.signal })) as APIChannel;
  const last = 'last_message_id' in channel ? channel.last_message_id : null;
  if (!last) return 'new';
  if (options.last?.type === 'heartbeat' && options.last.remoteId === last) return last;
  return deps.clock.now() - discord.SnowflakeUtil.timestampFrom(last) < QUIET_MS ? 'quiet' : 'new';
}

/** False: it is deleted. */
async function edit(deps: SendingDeps, id: string, body: Payload, signal: AbortSignal): Promise<boolean> {
  const { rest, discord } = deps.session;
  try {
    await rest.patch(discord.Routes.channelMessage(deps.channelId, id), { body, signal });
    return true;
  } catch (error) {
    if (error instanceof discord.DiscordAPIError && error.code === UNKNOWN_MESSAGE) return false;
    throw error;
  }
}

/** Throws a permanent `SendError` for what Discord would refuse. */
function payloadOf(deps: SendingDeps, message: Message, repeat: boolean): Payload {
  const validated = validateButtons(message.components);
  if (!validated.ok) throw new SendError(`its buttons are not valid: ${validated.why}`, { permanent: true });
  const { buttons, note } = offered(validated.buttons, deps.allowedIds());
  const tail = note === null ? '' : `\n\n${note}`;
  const content = `${renderText(message, { repeat, max: MESSAGE_CHARACTERS - tail.length })}${tail}`;
  if (content.trim() === '') throw new SendError('it is empty', { permanent: true });
  if (content.length > MESSAGE_CHARACTERS)
    throw new SendError(`it has ${content.length} characters, and Discord takes ${MESSAGE_CHARACTERS}`, {
      permanent: true,
    });
  const payload: Payload = { content, allowed_mentions: { parse: [] } };
  return buttons.length === 0 ? payload : { ...payload, components: rowsOf(deps.session.discord, buttons) };
}

function rowsOf(discord: DiscordJs, buttons: readonly Button[]): { type: number; components: object[] }[] {
  const { ButtonStyle, ComponentType } = discord;
  const styles: Record<NonNullable<Button['style']>, DiscordStyle> = {
    primary: ButtonStyle.Primary,
    secondary: ButtonStyle.Secondary,
    success: ButtonStyle.Success,
    danger: ButtonStyle.Danger,
  };
  const given = buttons.map(({ label, custom_id, style = 'secondary' }) => ({
    type: ComponentType.Button,
    style: styles[style],
    label,
    custom_id,
  }));
  return Array.from({ length: Math.ceil(given.length / BUTTONS_PER_ROW) }, (_, row) => ({
    type: ComponentType.ActionRow,
    components: given.slice(row * BUTTONS_PER_ROW, (row + 1) * BUTTONS_PER_ROW),
  }));
}

/** At most 25 characters: Discord takes no more. */
const nonceOf = (key: string): string => createHash('sha256').update(key).digest('base64url').slice(0, 25);

function asSendError(discord: DiscordJs, error: unknown, signal: AbortSignal): SendError {
  if (error instanceof discord.RateLimitError)
    return new SendError('too many messages', { retryAfterMs: Math.max(error.retryAfter, error.sublimitTimeout) });
  if (error instanceof discord.DiscordAPIError) {
    const { status } = error;
    // The token, the channel or the permission to write there is gone.
    const stopped = [401, 403, 404].includes(status);
    return new SendError(`HTTP ${status}: ${error.message}`, { stopped, permanent: status < 500 });
  }
  // A gateway that gave up waiting does not know whether the service behind it took the message.
  if (error instanceof discord.HTTPError)
    return new SendError(`HTTP ${error.status}`, { unsure: error.status === 504 });
  if (signal.aborted) return new SendError('sending was stopped', { unsure: true });
  if (error instanceof Error && error.name === 'AbortError')
    return new SendError('no answer in time', { unsure: true });
  const cause = error instanceof Error ? (error.cause as { code?: unknown } | undefined) : undefined;
  return new SendError(messageOf(error), { unsure: !isUnsent(cause?.code), cause: error });
}
