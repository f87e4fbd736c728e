import readline from 'node:readline/promises';
import type { App } from '../app/api.ts';
import type { ArgsOf, CommandName } from '../app/commands.ts';
import { painter, type Paint } from './render.ts';

/** The terminal as a command sees it. */
export interface Io {
  out(text: string): void;
  err(text: string): void;
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

export function terminalIo(
  asJson: boolean,
  signal: AbortSignal,
  env: Readonly<Record<string, string | undefined>>,
): Io {
  const isTerminal = process.stdout.isTTY;
  return {
    out: (text) => void process.stdout.write(text.endsWith('\n') ? text : `${text}\n`),
    err: (text) => void process.stderr.write(text.endsWith('\n') ? text : `${text}\n`),
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
