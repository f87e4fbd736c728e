import { ALWAYS } from '../conversations/choices.ts';
import { noSuchPrompt } from '../conversations/prompt.ts';
import { usageError } from '../errors.ts';
import type { App } from './api.ts';
import type { setUpConversations } from './conversationSetup.ts';
import type { EngineStore } from './engineStore.ts';

export interface QuestionDeps {
  talk: ReturnType<typeof setUpConversations>;
  exists(): boolean;
  existing(): Promise<EngineStore> | undefined;
  writable(): Promise<EngineStore>;
}

type Questions = Pick<
  App,
  'prompts' | 'respond' | 'startConversation' | 'waitForAnswer' | 'alwaysAllow' | 'fallbackRules'
>;

/** What people and scripts do with questions. */
export function createQuestions({ talk, exists, existing, writable }: QuestionDeps): Questions {
  const questions: Questions = {
    async prompts() {
      const it = await existing();
      return it ? talk.of(it).open() : [];
    },
    async respond(answer) {
      if (!exists()) throw noSuchPrompt();
      return talk.of(await writable()).respond(answer);
    },
    startConversation: async (session, prompt, details) =>
      talk.of(await writable()).start(session, prompt, details ?? {}),
    async waitForAnswer(promptId, signal) {
      if (!exists()) throw noSuchPrompt();
      return talk.of(await writable()).wait(promptId, signal);
    },
    async alwaysAllow(promptId, by) {
      const open = (await questions.prompts()).find((it) => it.id === promptId);
      if (open && !open.choices.includes(ALWAYS))
        throw usageError('this cannot always be allowed', 'Only an exact command can; allow it once instead.');
      return questions.respond({ promptId, response: ALWAYS, by });
    },
    fallbackRules: talk.rules,
  };
  return questions;
}
