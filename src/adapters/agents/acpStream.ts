/** The pipe of an ACP agent as the SDK's stream of messages. */
import type { AnyMessage, Stream } from '@agentclientprotocol/sdk';
import { createLineSplitter } from './lines.ts';
import { field } from './turn.ts';

export interface AcpPipe {
  stream: Stream;
  /** stdout of the agent. Throws `MessageTooLong`. */
  push(chunk: Uint8Array): void;
  /** The agent has ended: what is outstanding is rejected. */
  close(): void;
}

export interface AcpPipeListeners {
  write(text: string): void;
  /** A line that is no message: some agents print remarks on stdout. */
  onNoise(line: string): void;
  /** Every message as it came, before the SDK has dropped the fields that it does not know. */
  onMessage(message: unknown): void;
}

export function createAcpPipe({ write, onNoise, onMessage }: AcpPipeListeners): AcpPipe {
  let controller: ReadableStreamDefaultController<AnyMessage> | null = null;
  const readable = new ReadableStream<AnyMessage>({
    start: (started) => {
      controller = started;
    },
    cancel: () => {
      controller = null;
    },
  });
  const writable = new WritableStream<AnyMessage>({ write: (message) => write(`${JSON.stringify(message)}\n`) });
  const lines = createLineSplitter((line) => {
    let message: unknown;
    try {
      message = JSON.parse(line);
    } catch {
      return onNoise(line);
    }
    if (!isMessage(message)) return onNoise(line);
    onMessage(message);
    controller?.enqueue(message);
  });
  return {
    stream: { readable, writable },
    push: (chunk) => lines.push(chunk),
    close: () => {
      lines.flush();
      controller?.close();
      controller = null;
    },
  };
}

const isMessage = (value: unknown): value is AnyMessage => field(value, 'jsonrpc') === '2.0';
