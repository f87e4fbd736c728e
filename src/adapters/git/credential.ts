import type { GitCredential } from './network.ts';

/** A credential helper: whatever address the call was led to, only https and the host of the token get an answer. */
const HELPER = [
  '!f() { test "$1" = get || return 0; p=; h=;',
  'while IFS= read -r l && test -n "$l"; do case "$l" in protocol=*) p="${l#*=}";; host=*) h="${l#*=}";; esac; done;',
  'test "$p" = https && test "$h" = "$AMPA_GIT_HOST" || return 0;',
  'printf \'username=%s\\npassword=%s\\n\' "$AMPA_GIT_USERNAME" "$AMPA_GIT_PASSWORD"; }; f',
].join(' ');

/** A token for one repository, for one call over https: it reaches git by the environment of that call alone. */
export const tokenCredential = (
  host: string,
  path: string,
  { username, password }: { username: string; password: string },
): GitCredential => ({
  url: `https://${host}${path}`,
  helper: HELPER,
  env: { AMPA_GIT_HOST: host, AMPA_GIT_USERNAME: username, AMPA_GIT_PASSWORD: password },
});
