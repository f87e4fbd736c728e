/**
 * A host with surfaces that answer at the same moment: `node test/support/answerer.ts FOLDER SURFACE…`.
 * Each line of stdin is the id of a question; each answer's fate is a line of JSON on stdout.
 */
import os from 'node:os';
import readline from 'node:readline';
import { createApp } from '../../src/app/createApp.ts';
import { PROMPT_HANDLERS } from '../../src/cli/prompts.ts';
import { painter } from '../../src/cli/render.ts';
import { fileSettings } from '../../src/config/sources.ts';
import { AmpaError, describeError } from '../../src/errors.ts';
import { handleClick } from '../../src/notifications/clicks.ts';
import { ask } from './localServer.ts';
import { CLI } from './project.ts';
import { until } from './until.ts';

/** What a surface was told: null where its answer was the first. */
type Told = string | null;
interface Surface {
  by: string;
  /** Who wins decides what the agent hears. */
  response: 'allow' | 'reject';
  answer(id: string, response: string): Promise<Told>;
}

const [folder = '', ...names] = process.argv.slice(2);
const app = await createApp({
  folder,
  kind: 'daemon',
  env: process.env,
  settings: fileSettings,
  asks: false,
  carrier: { execPath: process.execPath, args: [CLI], env: {} },
});
const told = (error: unknown): string => {
  if (!(error instanceof AmpaError) || error.code !== 'invalid_state') throw error;
  return describeError(error);
};
const SURFACES: Record<string, Surface> = {
  editor: {
    by: 'Ada (VS Code)',
    response: 'allow',
    answer: (promptId, response) => app.respond({ promptId, response, by: 'Ada (VS Code)' }).then(() => null, told),
  },
  discord: {
    by: 'bob (Discord)',
    response: 'reject',
    answer: (id, response) =>
      new Promise((resolve, reject) => {
        const click = {
          ...{ customId: `prompt:${id}:${response}`, label: response, user: { id: '7', name: 'bob', roles: [] } },
          at: Date.now(),
          acknowledge: async () => true,
          tell: async (text: string) => resolve(text),
          announce: async () => resolve(null),
          closeButtons: async () => undefined,
        };
        const deps = { hasTask: async () => false, taskActions: {}, allowedIds: () => ['7'], onError: reject };
        void handleClick({ ...deps, respond: app.respond, hasPrompt: async () => true }, click);
      }),
  },
  http: {
    by: 'HTTP',
    response: 'allow',
    async answer(prompt_id, response) {
      const { url, token } = (await app.server())!;
      const answered = await ask(url, '/respond', { method: 'POST', token, body: { prompt_id, response } });
      if (answered.status === 200) return null;
      if (answered.status !== 409) throw new Error(answered.text);
      return answered.json<{ error: { message: string } }>().error.message;
    },
  },
  cli: {
    by: `${os.userInfo().username} (command line)`,
    response: 'reject',
    answer(prompt, text) {
      const { signal } = new AbortController();
      const io = {
        ...{ out() {}, err() {}, clear() {}, json() {}, asJson: true, isTerminal: false, taskId: null, signal },
      };
      const terminal = {
        ...io,
        readStdin: async () => '',
        confirm: async () => false,
        paint: painter(false),
      };
      return PROMPT_HANDLERS.respond({ app, io: terminal }, { prompt, text }).then(() => null, told);
    },
  },
};

async function answer(id: string, surface: Surface): Promise<void> {
  const { by, response } = surface;
  const message = await surface.answer(id, response);
  process.stdout.write(`${JSON.stringify({ id, by, response, won: message === null, message: message ?? '' })}\n`);
}

if (names.includes('http')) {
  await app.startEngine({ schedule: false });
  await until('the server is there', async () => (await app.server()) !== null);
}
process.stdout.write('ready\n');
const answers: Promise<unknown>[] = [];
for await (const id of readline.createInterface({ input: process.stdin }))
  for (const name of names) answers.push(answer(id, SURFACES[name]!));
await Promise.all(answers);
await app.close();
