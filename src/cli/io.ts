import readline from 'node:readline/promises';
import type { App } from '../app/api.ts';
import type { ArgsOf, CommandName } from '../app/commands.ts';
import { painter, type Paint } from './render.ts';

/** The terminal as a command sees it. */
export interface Io {
  out(text: string): void;
  err(text: string): void;
  /** Begins the screen again, where there is one. */
  clear(): void;
  /** One JSON document, or one line of JSON Lines. */
  json(value: unknown, line?: boolean): void;
  readStdin(): Promise<string>;
  /** Asks on the terminal; false where nobody is there to answer. */
  confirm(question: string): Promise<boolean>;
  /** The task that this runs inside; null outside of one. */
  taskId: string | null;
  isTerminal: boolean;
  asJson: boolean;
  paint: Paint;
  /** Aborted by SIGINT or SIGTERM. */
  signal: AbortSignal;
}

/** A command under way: what it works with. */
export interface Session {
  app: App;
  io: Io;
}

/** The handlers of some commands; each resolves to the exit status. */
export type Handlers<N extends CommandName> = {
  readonly [K in N]: (session: Session, args: ArgsOf<K>) => Promise<number>;
};

/* eslint-disable no-control-regex -- control characters are what these look for */
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001a\u001c-\u001f\u007f-\u009f]|\u001b(?!\[[0-9;:]*m)/g;
/* eslint-enable no-control-regex */

/** A text without what would move, clear, rename or question a terminal: prompts, issues and logs are others' words. */
export const harmless = (text: string): string => text.replace(/\r+\n?/g, '\n').replace(CONTROL, '');

/** Into a pipe or a file it goes as it is. */
function lineFor(stream: { isTTY?: boolean }, text: string): string {
  const line = text.endsWith('\n') ? text : `${text}\n`;
  return stream.isTTY ? harmless(line) : line;
}

/**
 * Ends the work when nobody reads any more what it prints, as behind `| head`, or when that cannot be written. Notices
 * are no reason: a task does not stop because the log of its carrier is full.
 */
export function watchOutput(stop: AbortController): void {
  process.stdout.on('error', () => stop.abort());
  process.stderr.on('error', () => undefined);
}

/** Why what a command printed is not where it was to go; a reader who has gone needs no more. */
export function outputFailure(): Error | null {
  const error: NodeJS.ErrnoException | null = process.stdout.errored;
  return error?.code === 'EPIPE' ? null : error;
}

export function terminalIo(
  asJson: boolean,
  signal: AbortSignal,
  env: Readonly<Record<string, string | undefined>>,
): Io {
  const isTerminal = process.stdout.isTTY;
  return {
    out: (text) => void process.stdout.write(lineFor(process.stdout, text)),
    err: (text) => void process.stderr.write(lineFor(process.stderr, text)),
    clear: () => void (isTerminal && process.stdout.write('\u001b[H\u001b[2J')),
    json: (value, line) =>
      void process.stdout.write(`${line ? JSON.stringify(value) : JSON.stringify(value, null, 2)}\n`),
    async readStdin() {
      const chunks: Buffer[] = [];
      for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
      return Buffer.concat(chunks).toString('utf8');
    },
    async confirm(question) {
      if (!process.stdin.isTTY || !process.stderr.isTTY) return false;
      const lines = readline.createInterface({ input: process.stdin, output: process.stderr });
      try {
        return /^y(es)?$/i.test((await lines.question(`${question} [y/N] `, { signal })).trim());
      } finally {
        lines.close();
      }
    },
    taskId: env['AMPA_TASK_ID'] || null,
    isTerminal,
    asJson,
    paint: painter(isTerminal && !asJson && !env['NO_COLOR']),
    signal,
  };
}
