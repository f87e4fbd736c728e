import os from 'node:os';
import type { PROMPT_COMMANDS } from '../app/promptCommands.ts';
import { choiceLabel } from '../conversations/choices.ts';
import { payloadOf, type Prompt } from '../conversations/prompt.ts';
import { usageError } from '../errors.ts';
import type { Handlers, Session } from './io.ts';
import { indent, questionText } from './question.ts';
import { ago, columns } from './render.ts';

export const PROMPT_HANDLERS: Handlers<keyof typeof PROMPT_COMMANDS> = {
  async prompts({ app, io }) {
    const prompts = await app.prompts();
    if (io.asJson) io.json({ prompts: prompts.map(promptJson) });
    else if (prompts.length === 0) io.err('No question is waiting for an answer.');
    else io.out(prompts.map((prompt) => promptText(prompt, io.paint)).join('\n\n'));
    return 0;
  },

  async respond({ app, io }, { prompt, text }) {
    const by = `${os.userInfo().username} (command line)`;
    const open = await app.prompts();
    // A session is opaque text, and may look like an id.
    const named = !open.some((it) => it.id === prompt) && open.some((it) => it.session === prompt);
    const resumed = await app.respond({ ...(named ? { session: prompt } : { promptId: prompt }), response: text, by });
    if (io.asJson) io.json(resumed);
    else io.out(`Answered ${resumed.prompt_id}: ${resumed.response}`);
    return 0;
  },

  async ask({ app, io }, args) {
    if (args.choice?.some((choice) => choice.trim() === ''))
      throw usageError('a --choice is empty', 'Name an answer, or leave it out for one in words.');
    const prompt = await app.startConversation(args.session, args.text, {
      choices: args.choice ?? [],
      work_item: args.workItem ?? null,
      recommendation: args.recommend ?? null,
      task_id: io.taskId,
      ...(args.kind === undefined ? {} : { kind: args.kind }),
    });
    if (prompt.state === 'resumed') {
      io.err(`Answered by ${prompt.answered_by}.`);
    } else if (!args.wait) {
      if (io.asJson) io.json(promptJson(prompt));
      else io.out(prompt.id);
      return 0;
    } else if (!io.asJson) io.err(questionText(prompt));
    const resumed = await app.waitForAnswer(prompt.id, io.signal);
    if (io.asJson) io.json(resumed);
    else io.out(resumed.response);
    return 0;
  },
};

/** The payload as its file has it, with where that is. */
const promptJson = (prompt: Prompt): Record<string, unknown> => ({
  ...payloadOf(prompt, Number(/_(\d+)\.json$/.exec(prompt.prompt_file ?? '')?.[1] ?? Date.parse(prompt.created_at))),
  task_id: prompt.task_id,
  kind: prompt.kind,
  recommendation: prompt.recommendation,
  pending_prompt_file: prompt.prompt_file,
  expires_at: new Date(prompt.expires_at).toISOString(),
});

const answersOf = (prompt: Prompt): string =>
  prompt.choices.length === 0
    ? 'in words'
    : prompt.choices
        .map((choice) =>
          choiceLabel(prompt, choice) === choice ? choice : `${choice} (${choiceLabel(prompt, choice)})`,
        )
        .join(', ');

function promptText(prompt: Prompt, paint: Session['io']['paint']): string {
  const rows = [
    ['session', prompt.session],
    ['task', prompt.task_id ?? ''],
    ['work item', prompt.work_item ?? ''],
    ['asked', ago(prompt.created_at, Date.now())],
    ['answers', answersOf(prompt)],
    ['held by', prompt.automatic ? `${prompt.automatic.mode} (${prompt.automatic.rule})` : ''],
  ];
  const body = prompt.prompt_text === prompt.summary ? [] : [indent(prompt.prompt_text)];
  return [
    `${paint('bold', prompt.id)}  ${prompt.summary}`,
    ...body,
    ...prompt.context.filter((it) => it.role === 'assistant').map((it) => indent(it.content)),
    indent(
      columns(
        rows
          .filter(([, value]) => value)
          .map(([name, value]) => [{ text: name!, style: 'gray' as const }, { text: value! }]),
        paint,
      ),
    ),
  ].join('\n');
}

/** Says each question once on stderr, the ones that are open and those to come, so that nobody waits for what nobody knows of. */
export async function questionSayer(
  { app, io }: Session,
  wanted: (prompt: Prompt) => boolean,
): Promise<(prompts: readonly Prompt[]) => void> {
  const told = new Set<string>();
  const editor = (await app.hosts()).some((host) => host.live && host.asks);
  const say = (prompts: readonly Prompt[]): void => {
    for (const prompt of prompts) {
      if (prompt.state !== 'waiting' || told.has(prompt.id) || !wanted(prompt)) continue;
      told.add(prompt.id);
      io.err(`${questionText(prompt)}${editor ? '\n  or in the editor' : ''}`);
    }
  };
  say(await app.prompts());
  return say;
}
