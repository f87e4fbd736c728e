/** The Tasks tree. Which rows there are is decided in tasksModel.ts, what they say in taskRows.ts. */
import * as vscode from 'vscode';
import type { TaskDetail } from '../tasks/board.ts';
import { hasDiff } from '../tasks/abilities.ts';
import type { Folders } from './folders.ts';
import type { Overview } from './overview.ts';
import {
  attemptRow,
  checkRow,
  dayRow,
  diffRow,
  groupRow,
  logRow,
  moreRow,
  questionRow,
  taskRow,
  wishOf,
  type Row,
} from './taskRows.ts';
import { dayOf, elementId, page, PAGE, parseElement, type Element } from './tasksModel.ts';
import type { Unread } from './unread.ts';

export interface TasksTree extends vscode.Disposable {
  readonly provider: vscode.TreeDataProvider<string>;
  readonly view: vscode.TreeView<string>;
  /** One more page of a group or day. */
  showMore(parent: string): void;
  /** Selects a task's row, opening the view. */
  reveal(id: string): Promise<void>;
}

const STATES = {
  none: vscode.TreeItemCollapsibleState.None,
  collapsed: vscode.TreeItemCollapsibleState.Collapsed,
  expanded: vscode.TreeItemCollapsibleState.Expanded,
};

export function createTasksTree(
  folders: Folders,
  overview: Overview,
  unread: Unread,
  onError: (error: unknown) => void,
): TasksTree {
  const changed = new vscode.EventEmitter<string[] | undefined>();
  const shown = new Map<string, number>();
  /** Attempts and checks of tasks whose rows are open, as last read. */
  const details = new Map<string, TaskDetail>();

  const rowOf = (element: Element): Row | undefined => {
    switch (element.kind) {
      case 'group':
        return groupRow(element.group, overview.layout().counts.get(elementId(element)) ?? 0);
      case 'day': {
        const now = new Date();
        const yesterday = dayOf(new Date(now.getFullYear(), now.getMonth(), now.getDate() - 1));
        return dayRow(element.day, overview.layout().counts.get(elementId(element)) ?? 0, dayOf(now), yesterday);
      }
      case 'more':
        return moreRow(
          (overview.layout().children.get(element.parent)?.length ?? 0) - (shown.get(element.parent) ?? PAGE),
        );
      case 'prompt': {
        const asked = overview.question(element.prompt);
        return asked && questionRow(asked.prompt, folders.all().length > 1 ? asked.folder.name : null);
      }
      case 'task': {
        const task = overview.task(element.task);
        const folder = folders.all().length > 1 ? (folders.of(element.task)?.name ?? null) : null;
        const [question] = overview.questions(element.task);
        return task && taskRow(task, question ? wishOf(question) : null, folder);
      }
      case 'attempt': {
        const detail = details.get(element.task);
        const attempt = detail?.attempts.find((it) => it.number === element.attempt);
        const last = attempt === detail?.attempts.at(-1);
        return detail && attempt && attemptRow(attempt, detail.task, last, Date.now());
      }
      case 'check': {
        const check = details
          .get(element.task)
          ?.checks.findLast((it) => it.attempt === element.attempt && it.name === element.name);
        return check && checkRow(check);
      }
      case 'log':
        return logRow();
      case 'diff':
        return diffRow();
    }
  };

  const childrenOf = async (element: Element): Promise<readonly string[]> => {
    if (element.kind === 'group' || element.kind === 'day') {
      const id = elementId(element);
      return page(overview.layout(), id, shown.get(id));
    }
    if (element.kind === 'task') {
      const folder = folders.of(element.task);
      if (!folder) return [];
      const detail = await (await folder.app()).show(element.task);
      details.set(element.task, detail);
      return detail.attempts.map((it) => elementId({ kind: 'attempt', task: element.task, attempt: it.number }));
    }
    if (element.kind !== 'attempt') return [];
    const { task: id, attempt } = element;
    const detail = details.get(id);
    if (!detail) return [];
    const names = new Set(detail.checks.filter((it) => it.attempt === attempt).map((it) => it.name));
    const last = detail.attempts.at(-1)?.number === attempt;
    return [
      ...[...names].map((name) => elementId({ kind: 'check', task: id, attempt, name })),
      elementId({ kind: 'log', task: id, attempt }),
      ...(last && hasDiff(detail.task) ? [elementId({ kind: 'diff', task: id })] : []),
    ];
  };

  const parentOf = (element: Element): string | undefined => {
    if (element.kind === 'attempt') return elementId({ kind: 'task', task: element.task });
    if (element.kind === 'check' || element.kind === 'log') return elementId({ ...element, kind: 'attempt' });
    if (element.kind === 'diff') {
      const attempt = details.get(element.task)?.attempts.at(-1)?.number;
      return attempt === undefined ? undefined : elementId({ kind: 'attempt', task: element.task, attempt });
    }
    const parent = overview.layout().parents.get(elementId(element));
    return parent === '' ? undefined : parent;
  };

  const provider: vscode.TreeDataProvider<string> = {
    onDidChangeTreeData: changed.event,
    getTreeItem(id) {
      const element = parseElement(id);
      const row = element && rowOf(element);
      // Between a change and the redraw a row may be asked for that is gone.
      return row ? itemOf(id, row) : new vscode.TreeItem('');
    },
    async getChildren(id) {
      if (id === undefined) return [...(overview.layout().children.get('') ?? [])];
      const element = parseElement(id);
      try {
        return element ? [...(await childrenOf(element))] : [];
      } catch (error) {
        onError(error);
        return [];
      }
    },
    getParent(id) {
      const element = parseElement(id);
      return element && parentOf(element);
    },
  };
  const view = vscode.window.createTreeView('ampa.tasks', { treeDataProvider: provider, showCollapseAll: true });
  const drawBadge = (): void => {
    const value = unread.ids().size;
    view.badge = value === 0 ? undefined : { value, tooltip: value === 1 ? '1 needs you' : `${value} need you` };
  };
  const subscriptions = [
    changed,
    view,
    overview.onDidChange(({ rows }) => {
      if (rows === 'root') changed.fire(undefined);
      else if (rows.length > 0) changed.fire(rows);
    }),
    unread.onDidChange(drawBadge),
  ];
  drawBadge();
  return {
    provider,
    view,
    showMore(parent) {
      shown.set(parent, (shown.get(parent) ?? PAGE) + PAGE);
      changed.fire([parent]);
    },
    async reveal(id) {
      const row = elementId({ kind: 'task', task: id });
      if (overview.layout().parents.has(row)) await view.reveal(row, { select: true, focus: false });
    },
    dispose() {
      for (const subscription of subscriptions) subscription.dispose();
    },
  };
}

function itemOf(id: string, row: Row): vscode.TreeItem {
  const item = new vscode.TreeItem(row.label, STATES[row.collapsible]);
  item.id = id;
  item.description = row.description;
  item.contextValue = row.tokens.join(' ');
  if (row.icon)
    item.iconPath = new vscode.ThemeIcon(
      row.icon.id,
      row.icon.color === undefined ? undefined : new vscode.ThemeColor(row.icon.color),
    );
  if (row.tooltip) item.tooltip = new vscode.MarkdownString(row.tooltip);
  if (row.command) item.command = { command: row.command, title: row.label, arguments: [id] };
  item.accessibilityInformation = { label: row.spoken ?? [row.label, row.description].filter(Boolean).join(', ') };
  return item;
}
