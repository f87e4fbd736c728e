import type { Channel, Post } from '../../notifications/ports.ts';
import { AnswerError, SendError } from '../../notifications/ports.ts';
import { slackMessage } from './blocks.ts';

export interface SlackDeps {
  /** Address of the incoming webhook, which is a secret. */
  url: string;
  post: Post;
}

/** What Slack says where a webhook will never work again. */
const GONE =
  /^(no_service|no_team|team_disabled|channel_not_found|channel_is_archived|invalid_token|action_prohibited)/;

/** A Slack incoming webhook: blocks, without buttons; Slack tells no id of what it took. */
export function createSlackWebhook({ url, post }: SlackDeps): Channel {
  return {
    name: 'slack',
    async send(message, { repeat, signal }) {
      if (message.type === 'heartbeat') return { sent: false, why: 'heartbeats are for Discord' };
      const body = slackMessage(message, repeat);
      if (body.text === '') throw new SendError('the message is empty', { permanent: true });
      try {
        await post(url, { body, signal });
      } catch (error) {
        // Some of these come with a status that others mean as a passing trouble, or as one of this message only.
        if (error instanceof AnswerError && GONE.test(error.answer))
          throw new AnswerError(error.status, error.answer, { stopped: true, cause: error });
        throw error;
      }
      return { sent: true, remoteId: null };
    },
  };
}
