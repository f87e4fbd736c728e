/** What `git push --porcelain` tells of the one ref that it was to push. */

/** What the remote said of it, where it refused it. */
export const refusalOf = (stdout: string): string | undefined => /^!\t[^\t]*\t(.+)$/m.exec(stdout)?.[1];

/** Whether it was refused because somebody else had moved the ref, before the push or during it. */
export const hasMoved = (refusal: string): boolean =>
  refusal.startsWith('[rejected]') || /cannot lock ref|failed to update ref|reference already exists/i.test(refusal);
