/** What both pages use of the editor: its API, and actions that wait for their end. */
interface EditorApi {
  postMessage(message: unknown): void;
  getState(): unknown;
  setState(state: unknown): void;
}

/** The editor lets a page call this once. */
declare function acquireVsCodeApi(): EditorApi;

export const editorApi = (): EditorApi => acquireVsCodeApi();

export interface Actions<Action> {
  /** Resolves with what went wrong, for people, or null. */
  act(action: Action): Promise<string | null>;
  /** To be called with the host's `done`. An id that nobody waits for is ignored. */
  settle(message: { id: number; error: string | null }): void;
}

export function createActions<Action>(
  send: (message: { type: 'action'; id: number; action: Action }) => void,
): Actions<Action> {
  const waiting = new Map<number, (error: string | null) => void>();
  let lastId = 0;
  return {
    act(action) {
      const id = ++lastId;
      return new Promise((resolve) => {
        waiting.set(id, resolve);
        send({ type: 'action', id, action });
      });
    },
    settle({ id, error }) {
      waiting.get(id)?.(error);
      waiting.delete(id);
    },
  };
}
