/** Times that several rooms rely on, each said once. All in ms. */

/** An agent that is cancelled over its protocol has this long before its processes are ended. */
export const CANCEL_GRACE_MS = 3_000;
/** Between SIGTERM and SIGKILL. */
export const TERM_GRACE_MS = 5_000;
/** How long a cancelled phase may take to wind down: the agent's own cancel, then the end of its processes. */
export const WIND_DOWN_MS = CANCEL_GRACE_MS + TERM_GRACE_MS;
/** How long a live carrier may take to stop: a phase that did not wind down in time, and its processes ended under it. */
export const STOP_MS = 2 * WIND_DOWN_MS;

/** How often whoever holds a claim or a lease says that it goes on. */
export const BEAT_MS = 5_000;
/** How long a claim or a lease holds without a word: three beats. */
export const LEASE_MS = 3 * BEAT_MS;
/** The longest single wait: a timer of Node runs for about 24 days at most, and fires at once beyond that. */
export const LONGEST_SLEEP_MS = 12 * 3600_000;

/** How often a host says that it lives. */
export const HOST_BEAT_MS = 15_000;
/** A host whose beat is older is gone. The triggers of the schedule's gaps count by the same. */
export const HOST_GONE_MS = 3 * HOST_BEAT_MS;
