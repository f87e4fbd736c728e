/** "+12 −3"; what is not there is not said. */
export function Lines({ lines: { added, deleted } }: { lines: { added: number; deleted: number } }) {
  return (
    <span class="lines number">
      {added > 0 ? (
        <span class="lines-added">
          +{added.toLocaleString('en')}
          <span class="unseen"> lines added</span>
        </span>
      ) : null}
      {deleted > 0 ? (
        <span class="lines-deleted">
          −{deleted.toLocaleString('en')}
          <span class="unseen"> lines deleted</span>
        </span>
      ) : null}
    </span>
  );
}
