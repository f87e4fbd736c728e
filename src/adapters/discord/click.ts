import type { ButtonInteraction } from 'discord.js';
import { labelOf } from '../../notifications/buttons.ts';
import { literal } from '../../notifications/literal.ts';
import { cutLiteral, MESSAGE_CHARACTERS } from '../../notifications/render.ts';
import type { Click } from '../../notifications/clicks.ts';
import type { DiscordJs } from './load.ts';

const ALREADY_ACKNOWLEDGED = 40060;

/** A click on a button, as the notifications see it. */
export function clickOf(discord: DiscordJs, it: ButtonInteraction, now: number): Click {
  const component = it.component as { label?: string | null } | null;
  // The label of a button is the agent's, and the name of a person is theirs.
  const text = (content: string) => ({
    content: cutLiteral(literal(content), MESSAGE_CHARACTERS),
    allowedMentions: { parse: [] },
  });
  return {
    customId: it.customId,
    label: component?.label ?? labelOf(it.customId),
    user: { id: it.user.id, name: it.user.tag, roles: rolesOf(it) },
    at: now,
    async acknowledge() {
      try {
        await it.deferUpdate();
        return true;
      } catch (error) {
        if (error instanceof discord.DiscordAPIError && error.code === ALREADY_ACKNOWLEDGED) return false;
        throw error;
      }
    },
    async tell(content) {
      await it.followUp({ ...text(content), flags: discord.MessageFlags.Ephemeral });
    },
    async announce(content) {
      await it.followUp(text(content));
    },
    async closeButtons() {
      await it.editReply({ components: [] });
    },
  };
}

/** The ids as they came: the library's own list has only roles that it knows of, and without intents it knows none. */
function rolesOf({ member }: ButtonInteraction): readonly string[] {
  if (!member) return [];
  return Array.isArray(member.roles) ? member.roles : (member as unknown as { _roles: readonly string[] })._roles;
}
