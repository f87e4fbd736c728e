import type { Respond } from '../conversations/ports.ts';
import { AmpaError, notFound } from '../errors.ts';
import type { TaskBoard } from '../tasks/board.ts';

/**
 * Answers the permission requests that the board knows, by the id of the prompt. A response is one of
 * the prompt's choices, or `allow` or `reject`.
 */
export const answerOnBoard =
  (board: TaskBoard, changed: () => void): Respond =>
  async ({ promptId, session, response, by }) => {
    const open = await board.openPrompts();
    const mine =
      session === undefined ? open.filter(({ id }) => id === promptId) : open.filter((it) => it.task_id === session);
    if (mine.length > 1) {
      const ids = mine.map(({ id }) => id).join(', ');
      throw new AmpaError('invalid_state', `several questions are open: ${ids}`, 'Answer one by its prompt_id.');
    }
    const [prompt] = mine;
    if (!prompt) throw notFound('open question', promptId ?? session ?? '', '');
    const word = response.trim().toLowerCase();
    if (word !== 'allow' && word !== 'reject')
      throw new AmpaError('usage', `the answer is ${JSON.stringify(response)}, not allow or reject`);
    if (!(await board.answerPrompt(prompt.id, word, by)))
      throw new AmpaError('invalid_state', 'the question has just been answered by somebody else');
    changed();
    return {
      status: 'resumed',
      session: prompt.task_id,
      prompt_id: prompt.id,
      prompt_file: null,
      prompt_text: prompt.detail || prompt.summary,
      choices: prompt.choices,
      context: [],
      response: word,
    };
  };
