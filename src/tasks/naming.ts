/** Names that are derived from a prompt or an id. */

const MAX_TITLE = 72;

/** The first line of the request, cut at a word. */
export function titleOf(request: string): string {
  const line = (request.split('\n').find((l) => l.trim() !== '') ?? 'Task')
    .replace(/^[#>*\s-]+/, '')
    .trim()
    .replace(/\s+/g, ' ');
  if (line.length <= MAX_TITLE) return line || 'Task';
  const cut = line.slice(0, MAX_TITLE - 1);
  return `${cut.slice(0, Math.max(cut.lastIndexOf(' '), 40)).trimEnd()}…`;
}

/** Lower-case words of a title, safe in a branch and in a path on every system. */
export function slugOf(title: string): string {
  const words = title
    .replace(/ß/g, 'ss')
    .normalize('NFKD')
    .replace(/[\u0300-\u036f]/g, '')
    .toLowerCase()
    .match(/[a-z0-9]+/g);
  let slug = '';
  for (const word of words ?? []) {
    if (slug.length + word.length > 40) break;
    slug += (slug ? '-' : '') + word;
  }
  return slug || words?.[0]?.slice(0, 40) || 'task';
}

/** Slug and the last, random characters of the ULID: its first ones are the time and would collide. */
const uniqueSlug = (title: string, id: string): string => `${slugOf(title)}-${id.slice(-6).toLowerCase()}`;

export const branchOf = (title: string, id: string): string => `amp/${uniqueSlug(title, id)}`;
