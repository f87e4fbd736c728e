import type { ComponentChildren } from 'preact';
import { useMemo } from 'preact/hooks';
import type { Conversation as Words, Step } from '../../steps.ts';
import { Icon, type IconName } from './icon.tsx';
import { Markdown } from './markdown.tsx';
import { useWatch } from './watch.ts';

interface ConversationProps {
  attempt: number;
  conversation: Words | null;
  /** The agent may say more. */
  active: boolean;
}

/** What the agent said and did, oldest first. A prompt at the beginning is shown with the attempt itself. */
export function Conversation({ attempt, conversation, active }: ConversationProps) {
  useWatch('conversations', attempt);
  if (conversation === null) return null;
  const from = conversation.steps.findIndex((it) => it.kind !== 'prompt');
  const steps = from < 0 ? [] : conversation.steps.slice(from);
  if (steps.length === 0) return null;
  return (
    <div class="conversation" role="log" aria-live="off" aria-label={`Conversation of attempt ${attempt}`}>
      {conversation.cut ? <p class="quiet">Earlier steps are not shown here; the log has all of them.</p> : null}
      {steps.map((step, i) => (
        <StepRow key={step.id} step={step} latest={active && i === steps.length - 1} />
      ))}
    </div>
  );
}

/** A step is drawn again only when it has changed: a long conversation grows at its end. */
function StepRow({ step, latest }: { step: Step; latest: boolean }) {
  return useMemo(() => <StepView step={step} latest={latest} />, [step, latest]);
}

function StepView({ step, latest }: { step: Step; latest: boolean }) {
  switch (step.kind) {
    case 'text':
      return (
        <div class="step said">
          <Markdown text={step.text} />
        </div>
      );
    case 'note':
      return (
        <p class="step note">
          <Icon name="shield" />
          <span>{step.text}</span>
        </p>
      );
    case 'thought':
      return <Folded icon="lightbulb" title="Thought" preview={step.text} body={<p class="thought">{step.text}</p>} />;
    case 'prompt':
      return (
        <Folded icon="comment" title="Prompt" preview={step.text} body={<pre class="plain boxed">{step.text}</pre>} />
      );
    case 'tools':
      return <Tools calls={step.calls} latest={latest} />;
  }
}

function Tools({ calls, latest }: { calls: readonly string[]; latest: boolean }) {
  const last = calls.at(-1) ?? '';
  if (calls.length === 1 && isShort(last)) {
    return (
      <p class="step tool">
        <Icon name="tools" />
        <code>{last}</code>
      </p>
    );
  }
  const list = (
    <ul class="calls">
      {calls.map((call, i) => (
        <li key={i}>
          <code>{call}</code>
        </li>
      ))}
    </ul>
  );
  const title = calls.length === 1 ? 'Tool call' : `${calls.length} tool calls`;
  return (
    <Folded icon="tools" title={title} preview={latest || calls.length === 1 ? last : (calls[0] ?? '')} body={list} />
  );
}

const isShort = (call: string): boolean => call.length <= 120 && !call.includes('\n');

interface FoldedProps {
  icon: IconName;
  title: string;
  /** Its first line stands beside the title. */
  preview: string;
  body: ComponentChildren;
}

const Folded = ({ icon, title, preview, body }: FoldedProps) => (
  <details class="step folded">
    <summary>
      <Icon name="chevron-right" />
      <Icon name={icon} />
      <span class="folded-title">{title}</span>
      <span class="preview" aria-hidden="true">
        {preview.trimStart().slice(0, 200).split('\n', 1)[0]}
      </span>
    </summary>
    <div class="folded-body">{body}</div>
  </details>
);
