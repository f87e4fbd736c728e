import { isResident } from '../app/hosts.ts';
import type { Session } from './io.ts';

/** Says so where no window and no daemon would take on what was recorded. `otherwise`: another way than those. */
export async function sayIfNobodyWorks({ app, io }: Session, otherwise = ''): Promise<void> {
  const hosts = await app.hosts();
  if (hosts.some((host) => host.live && isResident(host))) return;
  const ways = ['open it in VS Code', 'run `ampa daemon --start-scheduler`', ...(otherwise ? [otherwise] : [])];
  io.err(`Nothing is working on this folder yet: ${ways.slice(0, -1).join(', ')}, or ${ways.at(-1)}.`);
}
