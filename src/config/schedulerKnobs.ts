/** The knobs of scheduled commands. */
export const SCHEDULER_KNOBS = {
  schedulerStore: {
    env: 'AMPA_SCHEDULER_STORE',
    type: 'string',
    default: '',
    description:
      'Store of the original scheduler, imported once. Empty: .worklog/ampa/scheduler_store.json, or the one in the configuration folder of the user.',
  },
  schedulerMinIntervalSeconds: {
    env: 'AMPA_SCHEDULER_GLOBAL_MIN_INTERVAL_SECONDS',
    type: 'number',
    default: 60,
    min: 0,
    max: 86400,
    safe: true,
    description: 'Seconds between two starts of scheduled commands, whichever they are; 0 for none.',
  },
  schedulerPriorityWeight: {
    env: 'AMPA_SCHEDULER_PRIORITY_WEIGHT',
    type: 'number',
    default: 0.1,
    min: -100,
    max: 100,
    safe: true,
    description: "What one point of a scheduled command's priority adds to its lateness; 0.1 is a tenth.",
  },
  schedulerPollSeconds: {
    env: 'AMPA_SCHEDULER_POLL_INTERVAL_SECONDS',
    type: 'number',
    default: 5,
    min: 1,
    max: 3600,
    safe: true,
    description:
      'Seconds until the scheduler looks again at what nobody announces: a language model that is down, a run whose host may have died. It wakes for due times by itself.',
  },
  schedulerMaxRunHistory: {
    env: 'AMPA_SCHEDULER_MAX_RUN_HISTORY',
    type: 'number',
    default: 50,
    min: 1,
    max: 10000,
    integer: true,
    safe: true,
    description:
      'Newest runs of each scheduled command that are remembered; of older ones as many failures, for a week.',
  },
  commandTimeoutSeconds: {
    env: 'AMPA_CMD_TIMEOUT_SECONDS',
    type: 'number',
    default: 3600,
    min: 1,
    max: 604800,
    safe: true,
    description: 'Seconds that a run of a scheduled command may take, unless the command says otherwise.',
  },
  runScheduler: {
    env: 'AMPA_RUN_SCHEDULER',
    type: 'boolean',
    default: false,
    description: '`ampa daemon` without flags works until a signal instead of sending one heartbeat.',
  },
  llmHealthcheckUrl: {
    env: 'AMPA_LLM_HEALTHCHECK_URL',
    type: 'string',
    default: '',
    description:
      'Address that tells whether the language model is up, for scheduled commands that need it: any answer below 500. Empty: it counts as up.',
  },
} as const;
