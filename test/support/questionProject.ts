/** A project whose agent speaks ACP and follows a script, for tests of its questions. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { App } from '../../src/app/api.ts';
import type { Prompt } from '../../src/conversations/prompt.ts';
import type { Task } from '../../src/tasks/task.ts';
import { createProject, type HostOptions, type Project } from './project.ts';
import { until } from './until.ts';

export interface Questions {
  project: Project;
  /** Environment of an agent that follows one section of the script for each prompt. */
  env(sections: string[], extra?: Record<string, string>): Record<string, string>;
  open(vars: Record<string, string>, host?: HostOptions): Promise<App>;
  /** What the agent was asked and told. */
  journal(): Record<string, unknown>[];
  /** The first open question that fits. */
  question(app: App, fits?: (prompt: Prompt) => boolean): Promise<Prompt>;
  /** Resolves when the task is not active any more. */
  ended(app: App, id: string): Promise<Task>;
}

export function createQuestions(name: string): Questions {
  const project = createProject(name);
  const state = path.join(project.box.dir, 'agent-state');
  return {
    project,
    env(sections, extra = {}) {
      const lines = (section: string): string =>
        section
          .split('\n')
          .map((line) => `AGENT:${line}`)
          .join('\n');
      return {
        AMPA_AGENT_COMMAND: `${process.execPath} ${path.resolve(import.meta.dirname, 'acpAgent.ts')}`,
        AMPA_AGENT_TYPE: 'acp',
        ACP_AGENT_SCRIPT: project.box.write(path.join(project.box.dir, 'script'), sections.map(lines).join('\n---\n')),
        ACP_AGENT_STATE: state,
        ...extra,
      };
    },
    open: (vars, host) => project.open(vars['AMPA_AGENT_COMMAND'], vars, host),
    journal: () =>
      readFileSync(path.join(state, 'journal.jsonl'), 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, unknown>),
    question: (app, fits = () => true) => until('a question is open', async () => (await app.prompts()).find(fits)),
    ended: (app, id) =>
      until('the task ends', async () => {
        const task = await app.find(id);
        return ['queued', 'running', 'retrying'].includes(task.status) ? null : task;
      }),
  };
}
