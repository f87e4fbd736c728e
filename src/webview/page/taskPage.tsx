/** The page of one task. It draws what its host sends and asks the host for everything it does. */
import { render } from 'preact';
import { useEffect, useMemo, useReducer, useRef, useState } from 'preact/hooks';
import type { Action } from '../protocol.ts';
import { applyChanges, type State } from '../state.ts';
import './taskPage.css';
import { Attempts } from './parts/attempts.tsx';
import { Legend } from './parts/bars.tsx';
import { Composer } from './parts/composer.tsx';
import { Context, type PageContext } from './parts/context.ts';
import { Files } from './parts/files.tsx';
import { Header } from './parts/header.tsx';
import { connect, type Host } from './parts/host.ts';
import { Icon } from './parts/icon.tsx';
import { Lines } from './parts/lines.tsx';
import { Markdown } from './parts/markdown.tsx';
import { ErrorNotice, ReasonNotice } from './parts/notices.tsx';
import { Answers, PromptBox } from './parts/question.tsx';
import { Section } from './parts/section.tsx';
import { createWatching, WatchContext } from './parts/watch.ts';

/** Follows the host: snapshot, then numbered deltas; a missing number asks for a new snapshot. */
function useTask(host: Host) {
  const [state, setState] = useState<State | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  const watching = useMemo(() => createWatching((watch) => host.send({ type: 'watch', watch })), [host]);
  useEffect(() => {
    let current: State | null = null;
    let seq = 0;
    host.listen((message) => {
      setFailure(message.type === 'failed' ? message.error : null);
      if (message.type === 'failed') return;
      if (message.type === 'snapshot') {
        current = { page: message.page, streams: new Map() };
        seq = 0;
      } else if (current !== null) {
        if (message.seq <= seq) return;
        if (message.seq !== seq + 1) {
          current = null;
          host.send({ type: 'ready', watch: watching.now() });
          return;
        }
        seq = message.seq;
        current = applyChanges(current, message.changes);
      }
      // While a snapshot is on its way, the page stays as it is.
      if (current !== null) setState(current);
    });
    host.send({ type: 'ready', watch: watching.now() });
  }, [host, watching]);
  const retry = (): void => host.send({ type: 'ready', watch: watching.now() });
  return { state, failure, retry, watching };
}

/** The host's clock, ms since the epoch, moving every second while something runs. */
function useNow(state: State | null): number {
  const [, tick] = useReducer((count: number) => count + 1, 0);
  const offset = useMemo(() => (state ? state.page.now - Date.now() : 0), [state?.page.now]);
  const moving = state !== null && (state.page.task.runningSince !== null || state.page.task.prompts.length > 0);
  useEffect(() => {
    if (!moving) return;
    const timer = setInterval(tick, 1000, undefined);
    return () => clearInterval(timer);
  }, [moving]);
  return Date.now() + offset;
}

/** After a reload the page stands where it stood, once its content is there. */
function useScroll(host: Host, ready: boolean): void {
  const restored = useRef(false);
  useEffect(() => {
    if (!ready || restored.current) return;
    restored.current = true;
    window.scrollTo(0, host.memory.scroll);
    window.addEventListener('scroll', () => host.remember({ scroll: window.scrollY }), { passive: true });
  }, [host, ready]);
}

function App({ host }: { host: Host }) {
  const { state, failure, retry, watching } = useTask(host);
  const now = useNow(state);
  const [busy, setBusy] = useState<ReadonlySet<Action['kind']>>(new Set());
  const [error, setError] = useState<string | null>(null);
  useScroll(host, state !== null);

  const act = async (action: Action): Promise<boolean> => {
    setError(null);
    setBusy((old) => new Set([...old, action.kind]));
    const failure = await host.act(action);
    setBusy((old) => new Set([...old].filter((it) => it !== action.kind)));
    setError(failure);
    return failure === null;
  };
  const context: PageContext = { host, act, busy, now };

  // Links in what the agent wrote, and all others: the page itself never goes anywhere.
  const onClick = (event: MouseEvent): void => {
    const link = event.target instanceof Element ? event.target.closest('a') : null;
    if (!link) return;
    event.preventDefault();
    if (/^https?:/i.test(link.href)) void act({ kind: 'openExternal', url: link.href });
  };

  if (state === null) {
    if (failure === null) return <p class="loading quiet">Loading the task…</p>;
    return (
      <main class="page">
        <ErrorNotice text={failure} button="Try Again" onClick={retry} />
      </main>
    );
  }
  const { task, attempts, files } = state.page;
  return (
    <Context.Provider value={context}>
      <WatchContext.Provider value={watching}>
        <main class="page" onClick={onClick} onAuxClick={onClick}>
          <Header task={task} files={files} />
          <p class="unseen" role="status">
            {`${task.label}. ${task.reason?.sentence ?? task.activity ?? ''}`}
          </p>
          {failure === null ? null : <ErrorNotice text={failure} button="Try Again" onClick={retry} />}
          {error === null ? null : <ErrorNotice text={error} button="Dismiss" onClick={() => setError(null)} />}
          {task.prompts.map((prompt) => (
            <PromptBox key={prompt.id} prompt={prompt} />
          ))}
          {task.reason ? <ReasonNotice reason={task.reason} tone={task.tone} /> : null}
          {task.flags.length > 0 ? (
            <section class="notice tone-attention" aria-label="Look at this in review">
              <Icon name="warning" tone="attention" />
              <div class="notice-body">
                <p class="sentence">Look at this in review</p>
                <ul class="flags">
                  {task.flags.map((flag) => (
                    <li key={flag}>{flag}</li>
                  ))}
                </ul>
              </div>
            </section>
          ) : null}
          <Section id="request" level={2} title="Request" preset>
            <pre class="plain request">{task.request}</pre>
          </Section>
          {task.summary ? (
            <Section id="summary" level={2} title="Agent's summary" preset>
              <Markdown text={task.summary} />
            </Section>
          ) : null}
          {task.answers.length > 0 ? (
            <Section
              id="answers"
              level={2}
              title="Questions answered"
              preset={task.answers.some((it) => it.rule !== null)}
              aside={<span class="count">{task.answers.length}</span>}
            >
              <Answers answers={task.answers} />
            </Section>
          ) : null}
          {attempts.length > 0 ? (
            <section class="section level-2">
              <h2 class="plain-heading">
                Attempts
                <Legend attempts={attempts} />
              </h2>
              <Attempts state={state} />
            </section>
          ) : null}
          {files.state !== 'unknown' || task.runningSince !== null ? (
            <Section
              id="files"
              level={2}
              title="Files changed"
              preset
              aside={
                files.state === 'known' && files.total > 0 ? (
                  <>
                    <span class="count">{files.total.toLocaleString('en')}</span>
                    <Lines lines={files.lines} />
                  </>
                ) : null
              }
            >
              <Files files={files} hasWorktree={task.hasWorktree} />
            </Section>
          ) : null}
        </main>
        {task.composer ? <Composer composer={task.composer} waiting={task.waiting} /> : null}
      </WatchContext.Provider>
    </Context.Provider>
  );
}

const root = document.getElementById('root');
const { task, folder } = root?.dataset ?? {};
if (!root || !task || !folder) throw new Error('the page says not which task it shows');
render(<App host={connect(task, folder)} />, root);
