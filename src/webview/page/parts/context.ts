/** What every part of the page may use without it being handed down. */
import { createContext } from 'preact';
import { useContext, useState } from 'preact/hooks';
import type { Action } from '../../protocol.ts';
import type { Host } from './host.ts';

export interface PageContext {
  host: Host;
  /** Carries an action out; what goes wrong is shown on the page. */
  act(action: Action): Promise<boolean>;
  /** Kinds of actions under way: their buttons wait. */
  busy: ReadonlySet<Action['kind']>;
  /** The host's clock, ms since the epoch. */
  now: number;
}

export const Context = createContext<PageContext | null>(null);

export function usePage(): PageContext {
  const context = useContext(Context);
  if (!context) throw new Error('outside of the page');
  return context;
}

/** Whether a part is open: as the person left it, else as `preset` says at the moment. */
export function useOpen(key: string, preset: boolean): [boolean, (open: boolean) => void] {
  const { host } = usePage();
  const [chosen, choose] = useState<boolean | undefined>(host.memory.open[key]);
  return [
    chosen ?? preset,
    (open) => {
      host.remember({ open: { ...host.memory.open, [key]: open } });
      choose(open);
    },
  ];
}
