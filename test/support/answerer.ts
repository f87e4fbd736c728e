/**
 * A host with two surfaces that answer at the same moment: `node test/support/answerer.ts FOLDER NAME…`.
 * Each line of stdin is the id of a question; each answer's fate is a line of JSON on stdout.
 */
import readline from 'node:readline';
import { createApp } from '../../src/app/createApp.ts';
import { fileSettings } from '../../src/config/sources.ts';
import { AmpaError } from '../../src/errors.ts';

const [folder = '', ...names] = process.argv.slice(2);
const app = await createApp({
  folder,
  kind: 'daemon',
  env: process.env,
  settings: fileSettings,
  asks: false,
  carrier: { execPath: process.execPath, args: [], env: {} },
});

async function answer(id: string, by: string): Promise<void> {
  // Who wins decides what the agent hears.
  const response = by.length % 2 === 0 ? 'allow' : 'reject';
  const fate = await app.respond({ promptId: id, response, by }).then(
    (resumed) => ({ won: true, response: resumed.response, code: null, message: '' }),
    (error: unknown) => {
      if (!(error instanceof AmpaError)) throw error;
      return { won: false, response, code: error.code, message: error.message };
    },
  );
  process.stdout.write(`${JSON.stringify({ id, by, ...fate })}\n`);
}

process.stdout.write('ready\n');
const answers: Promise<unknown>[] = [];
for await (const id of readline.createInterface({ input: process.stdin }))
  for (const by of names) answers.push(answer(id, by));
await Promise.all(answers);
await app.close();
