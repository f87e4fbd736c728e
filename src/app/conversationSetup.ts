/** Where questions of a workspace are shown, and where the rules for them lie. */
import fs from 'node:fs';
import path from 'node:path';
import { readFallbackFiles, type FallbackPlace } from '../adapters/files/fallbackFiles.ts';
import { createPromptFiles } from '../adapters/files/promptFiles.ts';
import type { ConfigValues } from '../config/knobs.ts';
import { problemsOf, type FallbackFile } from '../conversations/fallback.ts';
import type { PromptFiles } from '../conversations/ports.ts';
import type { Clock } from '../tasks/ports.ts';
import { redact } from '../tasks/redact.ts';
import type { DoctorCheck } from './api.ts';
import { createConversations, type Conversations } from './conversations.ts';
import type { EngineStore } from './engineStore.ts';
import type { Workspace } from './state.ts';

export interface SetupDeps {
  workspace: Workspace;
  config(): ConfigValues;
  clock: Clock;
  newId(): string;
  /** The remote's address of the repository in a folder; null where there is none. */
  remoteUrl(dir: string): Promise<string | null>;
  isTracked(file: string): Promise<boolean>;
  /** The link that opens a task. */
  linkOf(taskId: string): string;
  /** Values that nothing may show. */
  secrets: readonly string[];
  say(notice: string): void;
}

export interface ConversationSetup {
  /** The same for the same store. */
  of(it: EngineStore): Conversations;
  /** The file of rules that is the user's to edit, there or not, and what is wrong with the ones there are. */
  rules(): Promise<{ file: string; warnings: string[] }>;
  /** What is wrong with the rules, as findings. */
  doctor(): Promise<DoctorCheck[]>;
  files(): PromptFiles;
}

export function setUpConversations(deps: SetupDeps): ConversationSetup {
  const { workspace, config, say } = deps;
  const known = new WeakMap<EngineStore, Conversations>();
  let files: { dir: string; it: PromptFiles } | undefined;
  const said = new Set<string>();

  const dir = (): string =>
    path.resolve(workspace.root, config().toolOutputDir || path.join(workspace.stateDir, 'prompts'));
  const promptFiles = (): PromptFiles => {
    if (files?.dir !== dir()) files = { dir: dir(), it: createPromptFiles(dir()) };
    return files.it;
  };
  const places = (): FallbackPlace[] => {
    const named = config().fallbackConfigFile;
    const own = path.join(workspace.stateDir, 'fallback_config.json');
    const legacy = path.join(dir(), 'ampa_fallback_config.json');
    const shown = (file: string): string => path.relative(workspace.root, file) || file;
    return [
      ...(named ? [{ file: path.resolve(workspace.root, named), name: named, required: true }] : []),
      { file: own, name: shown(own), required: false },
      { file: legacy, name: shown(legacy), required: false },
    ];
  };
  /** A link leads to text that is as much the repository's as its target. */
  const isTracked = async (file: string): Promise<boolean> =>
    (await deps.isTracked(file)) || (await deps.isTracked(await fs.promises.realpath(file)));
  const rules = (): Promise<FallbackFile[]> => readFallbackFiles(places(), isTracked);

  async function describeRules(): Promise<{ file: string; warnings: string[] }> {
    const found = await rules();
    const used = found.find((file) => !file.tracked)?.name;
    const all = places();
    const warnings = problemsOf(config().fallbackMode, found);
    return { file: (all.find((place) => place.name === used) ?? all[0]!).file, warnings };
  }

  return {
    of(it) {
      let conversations = known.get(it);
      if (!conversations) {
        conversations = createConversations({
          it,
          clock: deps.clock,
          newId: deps.newId,
          files: promptFiles,
          timeoutMs: () => config().resumeTimeoutSeconds * 1000,
          fallbackMode: () => config().fallbackMode,
          rules,
          remoteOf: (task) => deps.remoteUrl(task?.repo ?? workspace.root),
          linkOf: deps.linkOf,
          mask: (text) => redact(text, deps.secrets),
          // The same warning with every question would hide the others.
          say: (notice) => {
            if (said.has(notice)) return;
            said.add(notice);
            say(notice);
          },
        });
        known.set(it, conversations);
      }
      return conversations;
    },
    rules: describeRules,
    async doctor() {
      const { warnings } = await describeRules();
      return warnings.map((detail) => ({
        name: 'fallback rules',
        ok: false,
        detail,
        fix: 'Fix the rule; until then such questions wait for a person.',
      }));
    },
    files: promptFiles,
  };
}
