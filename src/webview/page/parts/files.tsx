import type { FilesView } from '../../model.ts';
import type { ChangedFile } from '../../../tasks/ports.ts';
import { usePage } from './context.ts';
import { Icon, type IconName } from './icon.tsx';
import { Lines } from './lines.tsx';

const STATES: Record<ChangedFile['status'], { icon: IconName; label: string }> = {
  added: { icon: 'diff-added', label: 'added' },
  modified: { icon: 'diff-modified', label: 'modified' },
  deleted: { icon: 'diff-removed', label: 'deleted' },
  renamed: { icon: 'diff-renamed', label: 'renamed' },
};

/** What the branch changes against its base; a click shows a file's diff. */
export function Files({ files, hasWorktree }: { files: FilesView; hasWorktree: boolean }) {
  switch (files.state) {
    case 'unknown':
      return <p class="quiet">Nothing has been committed yet.</p>;
    case 'failed':
      return (
        <p class="note">
          <Icon name="error" tone="bad" />
          <span>{files.error}</span>
        </p>
      );
    case 'known':
      if (files.total === 0) return <p class="quiet">The branch has no changes.</p>;
      return (
        <>
          <ul class="files">
            {files.files.map((file) => (
              <FileRow key={file.path} file={file} hasWorktree={hasWorktree} />
            ))}
          </ul>
          {files.total > files.files.length ? (
            <p class="quiet">
              and {(files.total - files.files.length).toLocaleString('en')} more; Diff shows all of them.
            </p>
          ) : null}
        </>
      );
  }
}

function FileRow({ file, hasWorktree }: { file: ChangedFile; hasWorktree: boolean }) {
  const { act } = usePage();
  const slash = file.path.lastIndexOf('/');
  const { icon, label } = STATES[file.status];
  return (
    <li class="file">
      <button
        type="button"
        class="row"
        onClick={() => void act({ kind: 'diff', path: file.path })}
        title={`${file.path}, ${label}`}
      >
        <Icon name={icon} tone={file.status} />
        <span class="file-name">{file.path.slice(slash + 1)}</span>
        <span class="file-folder">{slash < 0 ? '' : file.path.slice(0, slash)}</span>
        {file.lines ? <Lines lines={file.lines} /> : null}
        <span class="file-state">{file.oldPath && file.status === 'renamed' ? `from ${file.oldPath}` : label}</span>
      </button>
      {hasWorktree && file.status !== 'deleted' ? (
        <button
          type="button"
          class="icon-button"
          title="Open it in the worktree"
          aria-label={`Open ${file.path} in the worktree`}
          onClick={() => void act({ kind: 'openFile', path: file.path })}
        >
          <Icon name="go-to-file" />
        </button>
      ) : null}
    </li>
  );
}
