/** The task page's side of the wire, and what the page remembers. */
import { createActions, editorApi, type Actions } from './editorApi.ts';
import { isHostMessage, type Action, type HostMessage, type PageMessage } from '../../protocol.ts';

/** Kept by the editor over hiding and reloading; `taskId` and `folder` bring the page back after a restart. */
export interface Memory {
  taskId: string;
  folder: string;
  /** Parts that a person opened or closed, by their key. */
  open: Record<string, boolean>;
  draft: string;
  scroll: number;
}

export interface Host extends Pick<Actions<Action>, 'act'> {
  send(message: PageMessage): void;
  memory: Memory;
  remember(change: Partial<Memory>): void;
  listen(listener: (message: Exclude<HostMessage, { type: 'done' }>) => void): void;
}

export function connect(taskId: string, folder: string): Host {
  const api = editorApi();
  const { act, settle } = createActions<Action>((message) => api.postMessage(message));
  const listeners: ((message: Exclude<HostMessage, { type: 'done' }>) => void)[] = [];
  let saving: number | undefined;

  const host: Host = {
    send: (message) => api.postMessage(message),
    act,
    memory: { ...restore(api.getState()), taskId, folder },
    remember(change) {
      Object.assign(host.memory, change);
      if (change.scroll === undefined) return api.setState(host.memory);
      // Scrolling changes it all the time.
      saving ??= window.setTimeout(() => {
        saving = undefined;
        api.setState(host.memory);
      }, 200);
    },
    listen: (listener) => void listeners.push(listener),
  };
  api.setState(host.memory);
  window.addEventListener('pagehide', () => api.setState(host.memory));
  window.addEventListener('message', (event: MessageEvent<unknown>) => {
    const message = event.data;
    if (!isHostMessage(message)) return;
    if (message.type === 'done') settle(message);
    else for (const listener of listeners) listener(message);
  });
  return host;
}

function restore(state: unknown): Omit<Memory, 'taskId' | 'folder'> {
  const it = (typeof state === 'object' && state !== null ? state : {}) as Partial<Record<keyof Memory, unknown>>;
  const open = typeof it.open === 'object' && it.open !== null ? it.open : {};
  return {
    open: Object.fromEntries(
      Object.entries(open).filter((entry): entry is [string, boolean] => typeof entry[1] === 'boolean'),
    ),
    draft: typeof it.draft === 'string' ? it.draft : '',
    scroll: typeof it.scroll === 'number' ? it.scroll : 0,
  };
}
