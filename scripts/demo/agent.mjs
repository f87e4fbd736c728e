#!/usr/bin/env node
/**
 * The demo agent: a scripted program, no model and no account. It takes the place of a coding agent
 * in the sample repository and does what agents do: reads a prompt on stdin, edits files, exits.
 *
 * - Its first change teaches `total` discounts and forgets the rounding, so that a test breaks.
 * - A prompt that shows the failing test gets the rounding back.
 * - Any other prompt is noted in NOTES.md.
 *
 * DEMO_PAUSE_MS (1200) is the pause between its steps, so that a person can watch.
 */
import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const SOURCE = 'src/total.mjs';
const TEST = 'test/total.test.mjs';
const pause = Number(process.env.DEMO_PAUSE_MS ?? 1200);

const BROKEN = `/** The price of a list of items, in euros, less a discount in percent. */
export function total(items, discount = 0) {
  const sum = items.reduce((all, item) => all + item.price * item.count, 0);
  return sum * (1 - discount / 100);
}
`;
const MENDED = BROKEN.replace('return sum * (1 - discount / 100);', 'return Math.round(sum * (100 - discount)) / 100;');
const NEW_TEST = `
test('a discount is taken off the total', () => {
  assert.equal(total([{ price: 10, count: 2 }], 25), 15);
});
`;

async function say(line) {
  process.stdout.write(`demo: ${line}\n`);
  await sleep(pause);
}

async function readStdin() {
  let text = '';
  for await (const chunk of process.stdin.setEncoding('utf8')) text += chunk;
  return text;
}

const prompt = await readStdin();
const title = prompt.trim().split('\n')[0] ?? '';
await say(`I am a script that plays an agent. I was asked: ${title.slice(0, 100)}`);

if (/a total is in whole cents|ERR_ASSERTION|AssertionError/.test(prompt)) {
  await say('the prompt shows a failing test: "a total is in whole cents"');
  await say(`reading ${SOURCE}: the total is no longer rounded, I lost that`);
  fs.writeFileSync(SOURCE, MENDED);
  await say(`edited ${SOURCE}: rounded to cents again`);
} else if (fs.readFileSync(SOURCE, 'utf8').includes('discount')) {
  fs.appendFileSync('NOTES.md', `- ${title}\n`);
  await say('nothing of this is in my script; I wrote it into NOTES.md');
} else {
  await say(`reading ${SOURCE}`);
  fs.writeFileSync(SOURCE, BROKEN);
  await say(`edited ${SOURCE}: total takes a discount`);
  fs.appendFileSync(TEST, NEW_TEST);
  await say(`edited ${TEST}: one more test; I did not run the others`);
}
await say('done');
