/** What a click on a button does: it is acknowledged, decides if it may, and hears what became of it. */
import type { Respond } from '../conversations/ports.ts';
import { AmpaError, describeError } from '../errors.ts';
import { HOW_TO_ALLOW, mayDecide, routeOf, selectedText, type Route } from './buttons.ts';

/** One click, as the channel saw it. */
export interface Click {
  customId: string;
  /** Of the button. */
  label: string;
  /** `name` is for people. */
  user: { id: string; name: string; roles: readonly string[] };
  /** ms since the epoch. */
  at: number;
  /** Owed within 3 s. False: another workspace that shares the bot was before us. Rejects when it came too late. */
  acknowledge(): Promise<boolean>;
  /** Says something to whoever clicked, and to nobody else. */
  tell(text: string): Promise<void>;
  /** Says something in the channel. */
  announce(text: string): Promise<void>;
  /** Takes the buttons off the message. */
  closeButtons(): Promise<void>;
}

export interface ClickDeps {
  /** Whether a question, open or not, is one of this workspace. */
  hasPrompt(id: string): Promise<boolean>;
  hasTask(id: string): Promise<boolean>;
  respond: Respond;
  /** What may be done to a task, by the name in its button; rejects with an `AmpaError` when it cannot be done. */
  taskActions: Readonly<Record<string, (taskId: string) => Promise<unknown>>>;
  /** Ids of the users and roles who may decide. */
  allowedIds(): readonly string[];
  onError(error: unknown): void;
}

/** Answers that no later click can change. */
const DECIDED: readonly string[] = ['invalid_state', 'timed_out', 'not_found'];

/** Never rejects. What is not this workspace's own is left to whose it is, unacknowledged. */
export async function handleClick(deps: ClickDeps, click: Click): Promise<void> {
  try {
    const route = routeOf(click.customId);
    const decide = route === null ? null : await decisionOf(deps, click, route);
    if (decide === null || !(await click.acknowledge())) return;
    if (route?.to !== 'test') {
      if (deps.allowedIds().length === 0) return await click.tell(HOW_TO_ALLOW);
      if (!mayDecide(deps.allowedIds(), click.user)) return await click.tell('You may not decide this here.');
      try {
        await decide();
      } catch (error) {
        return await refuse(deps, click, error);
      }
    }
    // It is decided; that people hear of it must not hang on whether the buttons can be taken off.
    if (route?.to !== 'test') await click.closeButtons().catch(deps.onError);
    await click.announce(selectedText(click.label, click.user.name, click.at));
  } catch (error) {
    deps.onError(error);
  }
}

/** What the click decides; null where it is for another workspace. */
async function decisionOf(deps: ClickDeps, click: Click, route: Route): Promise<(() => Promise<unknown>) | null> {
  if (route.to === 'test') return () => Promise.resolve();
  if (route.to === 'task') {
    const act = Object.hasOwn(deps.taskActions, route.action) ? deps.taskActions[route.action] : undefined;
    return act && (await deps.hasTask(route.id)) ? () => act(route.id) : null;
  }
  if (!(await deps.hasPrompt(route.id))) return null;
  const by = `${click.user.name} (Discord)`;
  return () => deps.respond({ promptId: route.id, response: route.choice, by });
}

async function refuse(deps: ClickDeps, click: Click, error: unknown): Promise<void> {
  if (!(error instanceof AmpaError)) {
    deps.onError(error);
    return click.tell('It failed; AMPA shows why where it runs.');
  }
  if (DECIDED.includes(error.code)) await click.closeButtons().catch(deps.onError);
  await click.tell(describeError(error));
}
