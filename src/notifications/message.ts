/** What is said outside the editor, before any channel has given it its form. Plain values. */
import type { ChannelName } from './ports.ts';

export const MESSAGE_TYPES = [
  'heartbeat',
  'command',
  'startup',
  'error',
  'completion',
  'warning',
  'waiting_for_input',
  'doorbell',
  'other',
] as const;

export type MessageType = (typeof MESSAGE_TYPES)[number];

export type ButtonStyle = 'primary' | 'secondary' | 'success' | 'danger';

export interface Button {
  type: 'button';
  label: string;
  /** `prompt:<id>:<choice>`, `task:<id>:<action>` or `test_*`. */
  custom_id: string;
  /** Default `secondary`. */
  style?: ButtonStyle;
}

export interface Link {
  label: string;
  url: string;
}

export interface Message {
  type: MessageType;
  /** Absent: for every channel that takes its type. */
  only?: readonly ChannelName[];
  title: string | null;
  body: string | null;
  /** Said as `Name: value`, a line each. */
  fields?: readonly { name: string; value: string }[];
  /** What a command has printed; shown as code. */
  output?: string;
  components?: readonly Button[];
  /** The https one comes first: chat programs link nothing else. */
  links?: readonly Link[];
  /** For phones. */
  priority?: 'low' | 'default' | 'high';
  tags?: readonly string[];
}
