/**
 * Numbered migrations; the number of the last one applied is `PRAGMA user_version`. A landed
 * migration is never edited: the next change is the next entry.
 *
 * `rev` orders all visible changes, and `events` is their log: one row for each, whose id is the
 * revision. A trigger writes it in the same statement. A writer takes the next revision (`touched`);
 * one that forgets meets the primary key of `events`, so none can. It also sets `note`, a remark that
 * goes into that row. A host that saw revision n reads
 * what changed by `events.id > n`. Each row names the one before it of its task, so the history of a
 * task needs no index: appending costs one page. `shown` are the rows that say something to people.
 *
 * `tasks_active` is laid out for the claim: tasks that hold a slot, then the queue in its order, so
 * taking the next moves an entry within a page.
 */
export const MIGRATIONS: readonly string[] = [
  `
  create table hosts (
    id text primary key, kind text not null, pid integer not null, start_time text not null, boot_id text not null,
    pid_namespace text not null, machine text not null, asks integer not null, started_at text not null, beat_at integer not null
  );
  create table tasks (
    id text primary key, rev integer not null default 0, title text not null, repo text not null, remote text, base text, base_sha text,
    branch text not null, worktree text, worktree_ready integer not null, copied_files text not null, snapshot_sha text,
    setup_command text, copy_patterns text not null, thread_id text, agent text not null, agent_spec text not null,
    permissions text not null, checks text not null, limits text not null, request text not null, prompt text,
    status text not null, phase text, reason text, resume_phase text, reason_detail text, attempts integer not null, max_attempts integer not null,
    sent_at text, turn_failures integer not null, turn_interruptions integer not null, denied integer not null,
    head_sha text, pushed_sha text, checked_sha text, ci_run_id text, ci_url text, pr_number integer, pr_url text, merged_at text,
    summary text, cost_usd real, flags text not null, held_ms integer not null, created_by text not null,
    created_at text not null, updated_at text not null, abort_requested_at text, note text,
    owner text, token integer not null, lease_expires_at integer, slot integer not null
  );
  create index tasks_active on tasks (slot desc, id, status) where status = 'queued' or status = 'running' or status = 'retrying';
  create table attempts (
    task_id text not null references tasks (id), number integer not null, prompt text not null, started_at text not null, ended_at text,
    outcome text, summary text, error text, head_sha text, cost_usd real, input_tokens integer, output_tokens integer,
    primary key (task_id, number)
  );
  create table checks (
    task_id text not null references tasks (id), attempt integer not null, sha text not null, name text not null, provider text not null,
    state text not null, started_at text, ended_at text, url text, excerpt text, log_path text,
    primary key (task_id, attempt, sha, name)
  );
  create table messages (
    id integer primary key, task_id text not null references tasks (id), text text not null, created_at text not null, delivered_in integer
  );
  create index messages_open on messages (task_id) where delivered_in is null;
  create table events (
    id integer primary key, prev integer not null, shown integer not null, task_id text not null, at text not null, status text not null,
    phase text, reason text, attempt integer not null, note text
  );
  create table processes (
    task_id text not null references tasks (id), pid integer not null, start_time text not null, boot_id text not null,
    pid_namespace text not null, kind text not null, token integer not null, primary key (task_id, pid)
  );
  create table prompts (
    id text primary key, task_id text not null references tasks (id), kind text not null, summary text not null, detail text not null,
    choices text not null, state text not null, response text, answered_by text, created_at text not null, answered_at text
  );
  create index prompts_open on prompts (task_id) where state = 'waiting';

  create trigger tasks_insert after insert on tasks begin
    update tasks set rev = (select coalesce(max(id), 0) from events) + 1 where id = new.id;
  end;
  create trigger tasks_event after update of rev, updated_at, status, phase on tasks begin
    insert into events (id, prev, shown, task_id, at, status, phase, reason, attempt, note)
      values (new.rev, old.rev, old.rev = 0 or old.status is not new.status or old.phase is not new.phase or new.note is not null,
        new.id, new.updated_at, new.status, new.phase, new.reason, new.attempts, new.note);
  end;
  create trigger attempts_rev after insert on attempts begin
    update tasks set rev = (select max(id) from events) + 1, note = null where id = new.task_id;
  end;
  create trigger attempts_rev_update after update on attempts begin
    update tasks set rev = (select max(id) from events) + 1, note = null where id = new.task_id;
  end;
  create trigger checks_rev after insert on checks begin
    update tasks set rev = (select max(id) from events) + 1, note = null where id = new.task_id;
  end;
  create trigger checks_rev_update after update on checks begin
    update tasks set rev = (select max(id) from events) + 1, note = null where id = new.task_id;
  end;
  create trigger messages_rev after insert on messages begin
    update tasks set rev = (select max(id) from events) + 1, note = null where id = new.task_id;
  end;
  create trigger prompts_rev after insert on prompts begin
    update tasks set rev = (select max(id) from events) + 1, note = null where id = new.task_id;
  end;
  create trigger prompts_rev_update after update on prompts begin
    update tasks set rev = (select max(id) from events) + 1, note = null where id = new.task_id;
  end;
  `,
  `
  alter table tasks add column forge text not null default 'null';
  create table watches (
    task_id text primary key references tasks (id), repo text not null, sha text not null, pull_request integer, since integer not null,
    snapshot text, seen_at integer, error text, rerun integer not null
  );
  create index watches_repo on watches (repo);
  create table watchers (
    repo text primary key, owner text not null, lease_expires_at integer not null, next_at integer not null, allowance text not null
  );
  create table durations (repo text not null, workflow text not null, ms integer not null, primary key (repo, workflow));
  `,
  // Scheduled commands. `schedule_globals.rev` numbers their changes; a removed command leaves its row, without a
  // spec. A host's beat that comes long after the last one of any host leaves a gap: due times in it were nobody's.
  `
  create table schedule_commands (
    id text primary key, rev integer not null default 0, spec text, created_at integer not null, removed_at integer, note text,
    running text, last_start integer, last_run integer, served integer, last_duration real, last_exit_code integer,
    last_status text, last_task text, extra text not null
  );
  create index schedule_commands_rev on schedule_commands (rev);
  create table schedule_runs (
    id text primary key, command_id text not null references schedule_commands (id), spec text not null, status text not null,
    owner text not null, lease_expires_at integer not null, stop_requested integer not null, manual integer not null,
    machine text not null, due_at integer, started_at integer not null, ended_at integer, exit_code integer
  );
  create index schedule_runs_command on schedule_runs (command_id, started_at, id);
  create index schedule_runs_running on schedule_runs (id) where status = 'running';
  create table schedule_processes (
    run_id text not null references schedule_runs (id), pid integer not null, start_time text not null, boot_id text not null,
    pid_namespace text not null, primary key (run_id, pid)
  );
  create table schedule_globals (
    id integer primary key, rev integer not null, last_start integer, alive_at integer not null, dispatches text not null, extra text not null
  );
  insert into schedule_globals (id, rev, last_start, alive_at, dispatches, extra) values (1, 0, null, 0, '[]', '{}');
  create table schedule_gaps (begins integer not null, ends integer not null);
  create table schedule_imports (hash text primary key, file text not null, at integer not null);

  create trigger schedule_commands_insert after insert on schedule_commands begin
    update schedule_globals set rev = rev + 1;
    update schedule_commands set rev = (select rev from schedule_globals) where id = new.id;
  end;
  create trigger schedule_commands_update after update on schedule_commands when new.rev = old.rev begin
    update schedule_globals set rev = rev + 1;
    update schedule_commands set rev = (select rev from schedule_globals) where id = new.id;
  end;
  create trigger schedule_gaps_insert after insert on schedule_gaps begin
    update schedule_globals set rev = rev + 1;
  end;
  create trigger hosts_alive after update of beat_at on hosts when new.kind in ('vscode', 'daemon') begin
    insert into schedule_gaps select alive_at, new.beat_at from schedule_globals
      where new.beat_at - alive_at > 45000 and exists (select 1 from schedule_commands);
    update schedule_globals set alive_at = new.beat_at;
  end;
  create trigger hosts_alive_first after insert on hosts when new.kind in ('vscode', 'daemon') begin
    insert into schedule_gaps select alive_at, new.beat_at from schedule_globals
      where new.beat_at - alive_at > 45000 and exists (select 1 from schedule_commands);
    update schedule_globals set alive_at = new.beat_at;
  end;
  `,
  // What a workspace has one of (the local server, the gateway to Discord, the socket) goes by lease. Counters outlive
  // the host that counts. `outbox` is what is to be said; its key says it once.
  `
  create table leases (name text primary key, owner text not null, expires_at integer not null);
  create table counters (name text not null, labels text not null, value real not null, primary key (name, labels));
  create table outbox (id text primary key, key text not null unique, message text not null, created_at integer not null);
  `,
  // A turn ends with its task, whoever ends that and however: one left open would be taken up by the next round. The
  // change that ended the task tells of it, so it takes no revision of its own.
  `
  alter table tasks add column takeovers integer not null default 0;
  drop trigger attempts_rev_update;
  create trigger attempts_rev_update after update on attempts
    when (select status from tasks where id = new.task_id) in ('queued', 'running', 'retrying') begin
    update tasks set rev = (select max(id) from events) + 1, note = null where id = new.task_id;
  end;
  update attempts set ended_at = (select updated_at from tasks where id = task_id), outcome = 'interrupted'
    where ended_at is null and task_id in (select id from tasks where status not in ('queued', 'running', 'retrying'));
  create trigger attempts_end after insert on events
    when new.attempt > 0 and new.status not in ('queued', 'running', 'retrying') begin
    update attempts set ended_at = new.at, outcome = case new.reason when 'user' then 'cancelled' else 'interrupted' end
      where task_id = new.task_id and ended_at is null;
  end;
  `,
  // Webhooks: which deliveries have come, and when somebody was last told to look at a repository before its time.
  `
  create table webhooks (id text primary key, at integer not null);
  create index webhooks_at on webhooks (at);
  alter table watchers add column woken_at integer;
  `,
  // What is said outside the editor, on its way to each channel. Of tasks the log of changes itself tells the ends:
  // `told` is how far it has been read. `pristine` commands are defaults whose frequency nobody has edited.
  `
  alter table outbox add column fanned_at integer;
  create index outbox_open on outbox (created_at, id) where fanned_at is null;
  create table deliveries (
    id integer primary key, outbox_id text not null references outbox (id), channel text not null, state text not null,
    tries integer not null, next_at integer not null, repeat integer not null, owner text, token integer not null,
    lease_expires_at integer, error text, ended_at integer, created_at integer not null, unique (outbox_id, channel)
  );
  create index deliveries_open on deliveries (channel, id) where state = 'waiting' or state = 'sending';
  create table channels (
    name text primary key, state text not null, error text, hold_until integer not null, last_type text, last_remote_id text,
    last_at integer, buried integer not null, buried_at integer
  );
  create table told (id integer primary key, event integer not null);
  insert into told select 1, coalesce(max(id), 0) from events;
  alter table schedule_commands add column pristine integer not null default 0;
  `,
  // A question may be a script's, without a task; who holds its agent, who answers it, which rule did. `holder` is the
  // claim's owner and `token` its fencing token. `delivered`: the agent has the answer, not only the row.
  `
  drop trigger prompts_rev;
  drop trigger prompts_rev_update;
  drop index prompts_open;
  create table prompts_new (
    id text primary key, task_id text references tasks (id), session text not null, work_item text, asks text not null, kind text not null,
    summary text not null, detail text not null, prompt_text text not null, choices text not null, context text not null,
    recommendation text, metadata text not null, prompt_file text, state text not null, holder text, token integer not null,
    attempt integer not null, answer_id text, response text, answered_by text, answered_at text, delivered integer not null,
    mode text, rule text, created_at text not null, expires_at integer not null
  );
  insert into prompts_new select prompts.id, task_id, coalesce(tasks.thread_id, task_id), null, 'permission', kind, prompts.summary, detail,
    prompts.summary || char(10) || char(10) || detail, choices, '[]', null, '{}', null, state, null, 0, tasks.attempts, null, response, answered_by,
    answered_at, 1, null, null, prompts.created_at, cast(strftime('%s', prompts.created_at) as integer) * 1000 + 86400000
    from prompts join tasks on tasks.id = prompts.task_id;
  drop table prompts;
  alter table prompts_new rename to prompts;
  create index prompts_open on prompts (session) where state = 'waiting' or state = 'answering';
  create index prompts_task on prompts (task_id, attempt) where task_id is not null;
  create trigger prompts_rev after insert on prompts when new.task_id is not null begin
    update tasks set rev = (select max(id) from events) + 1, note = null where id = new.task_id;
  end;
  create trigger prompts_rev_update after update of state, context on prompts when new.task_id is not null begin
    update tasks set rev = (select max(id) from events) + 1, note = null where id = new.task_id;
  end;
  alter table tasks add column allowed text not null default '[]';
  `,
  // What the report reads: runs by their start.
  `
  create index schedule_runs_started on schedule_runs (started_at, id);
  `,
  // Whether a local check was red on a commit that tasks start from.
  `
  create table base_checks (
    repo text not null, sha text not null, command text not null, red integer not null, at integer not null,
    primary key (repo, sha, command)
  );
  `,
  // Each channel is told what is said by how far it has heard, whichever process knows of it; `seq` counts what is said.
  `
  alter table outbox add column seq integer not null default 0;
  update outbox set seq = rowid;
  create index outbox_seq on outbox (seq);
  create table said (id integer primary key, last integer not null);
  insert into said select 1, coalesce(max(seq), 0) from outbox;
  create trigger outbox_said after insert on outbox begin
    update said set last = last + 1;
    update outbox set seq = (select last from said) where id = new.id;
  end;
  alter table channels add column heard integer;
  update channels set heard = coalesce((select min(seq) - 1 from outbox where fanned_at is null), (select last from said));
  `,
  // What a task needs of its host, by a name that only has to be the same for the same; what it waits for, in words; and
  // what each host has said of such needs.
  `
  alter table tasks add column needs text not null default '';
  alter table tasks add column waits_for text;
  update tasks set needs = agent_spec || forge || checks;
  alter table hosts add column powers text not null default '{}';
  `,
  // How the loops of each host do: a beat comes from a timer, and goes on where they hang.
  `
  alter table hosts add column loops text not null default '[]';
  `,
  // Each attempt knows the commit that it came to. The change of the task tells of that: only the end of an attempt takes
  // a revision of its own.
  `
  drop trigger attempts_rev_update;
  create trigger attempts_rev_update after update of ended_at on attempts
    when (select status from tasks where id = new.task_id) in ('queued', 'running', 'retrying') begin
    update tasks set rev = (select max(id) from events) + 1, note = null where id = new.task_id;
  end;
  create trigger attempts_head after update of head_sha on tasks begin
    update attempts set head_sha = new.head_sha where task_id = new.id and number = new.attempts;
  end;
  `,
];
