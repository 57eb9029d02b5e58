package pgstore

import (
	"cmp"
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/livedesk/livedesk-go/livedesk"
)

var (
	// The row is the lock, so there has to be one. It counts as absent until somebody writes it.
	sqlMakeQueues = `INSERT INTO {s}.queues (workspace, id, version)
		SELECT $1, u.id, 0 FROM ` + arrays("u", 2, "id") + ` ON CONFLICT DO NOTHING`

	sqlQueues = `SELECT ` + queues.list() + ` FROM {s}.queues AS t
		JOIN (
			SELECT u.id FROM ` + arrays("u", 2, "id") + `
			UNION
			SELECT m.queue FROM {s}.queue_agents AS m WHERE m.workspace = $1 AND m.agent = ANY($3::text[])
		) AS w ON t.workspace = $1 AND t.id = w.id
		ORDER BY t.id`

	sqlLockQueues = sqlQueues + ` FOR NO KEY UPDATE OF t`

	// Others are locked already, maybe out of order: so it isn't waited for.
	sqlLockMadeQueues = sqlLockQueues + ` NOWAIT`

	// The heads are asked for with a newer view than the one that waited for the queues.
	sqlHeads = `SELECT ` + conversations.list() + `
		FROM (` + queueIDs + `) AS w CROSS JOIN LATERAL (` + line + `) AS t`

	sqlLockHeads = `SELECT ` + conversations.list() + `
		FROM (` + queueIDs + `) AS w CROSS JOIN LATERAL (` + line + ` FOR NO KEY UPDATE SKIP LOCKED) AS t`

	// The agents in these queues, and some more.
	sqlRoster     = `SELECT ` + agents.list() + ` FROM (` + rosterIDs + `) AS u JOIN {s}.agents AS t ON t.workspace = $1 AND t.id = u.id ORDER BY t.id`
	sqlLockRoster = sqlRoster + ` FOR NO KEY UPDATE OF t`

	// What is counted, and who is where, in a statement of its own, with a newer view than those that waited for the queues
	// and the agents: whoever assigns holds their locks. How many wait counts as far as it matters.
	sqlTally = `SELECT '` + tallyLoad + `', u.id, (` + load + `) FROM (` + rosterIDs + `) AS u
		UNION ALL SELECT '` + tallyWaiting + `', w.id, (SELECT count(*) FROM (SELECT 1 FROM {s}.conversations AS c
			WHERE c.workspace = $1 AND c.queue = w.id AND c.queue IS NOT NULL
				AND c.channel <> ALL($6::text[]) AND c.channel || E'\n' || c.needs <> ALL($6::text[]) LIMIT $5) AS n)
		FROM (` + queueIDs + `) AS w WHERE $5 > 0
		UNION ALL (SELECT DISTINCT '` + tallyPlace + `', m.queue, 0::bigint FROM {s}.queue_agents AS m
			WHERE m.workspace = $1 AND m.agent = ANY($3::text[]))`

	sqlUpdateQueue = queues.update()

	// A lock that nobody wrote yet (version 0) makes room for the first version.
	sqlInsertQueue = counted(queues.insert()+` ON CONFLICT (workspace, id) DO UPDATE SET count = excluded.count,
		members = excluded.members, version = 1 WHERE t.version = 0`, len(queues.columns))

	sqlLeaveQueues = `DELETE FROM {s}.queue_agents AS m
		USING ` + arrays("q", 1, "workspace", "id") + `
		WHERE m.workspace = q.workspace AND m.queue = q.id AND NOT EXISTS (
			SELECT 1 FROM ` + arrays("u", 3, "workspace", "agent", "queue") + `
			WHERE u.workspace = m.workspace AND u.agent = m.agent AND u.queue = m.queue)`

	sqlJoinQueues = `INSERT INTO {s}.queue_agents (workspace, agent, queue)
		SELECT u.workspace, u.agent, u.queue FROM ` + arrays("u", 1, "workspace", "agent", "queue") + `
		ON CONFLICT DO NOTHING`

	// An agent who is deleted leaves every queue.
	sqlDropMembers = `UPDATE {s}.queues AS t SET version = t.version + 1, members = coalesce((
			SELECT jsonb_agg(e.member ORDER BY e.place) FROM jsonb_array_elements(t.members) WITH ORDINALITY AS e(member, place)
			WHERE e.member->>'agent' <> ALL($2::text[])), '[]'::jsonb)
		WHERE t.workspace = $1 AND t.id IN (
			SELECT m.queue FROM {s}.queue_agents AS m WHERE m.workspace = $1 AND m.agent = ANY($2::text[]))`

	sqlDropPlaces = `DELETE FROM {s}.queue_agents WHERE workspace = $1 AND agent = ANY($2::text[])`
)

// What a row of sqlTally is about.
const (
	tallyLoad    = "load"
	tallyWaiting = "waiting"
	tallyPlace   = "place" // a queue that one of the agents is a member of
)

var (
	queueIDs = `SELECT u.id FROM ` + arrays("u", 2, "id") + `
		UNION SELECT m.queue FROM {s}.queue_agents AS m WHERE m.workspace = $1 AND m.agent = ANY($3::text[])`

	rosterIDs = `SELECT unnest($4::text[]) AS id UNION SELECT a.agent FROM (` + queueIDs + `) AS w
		JOIN {s}.queue_agents AS a ON a.workspace = $1 AND a.queue = w.id`

	line = `SELECT c.* FROM {s}.conversations AS c WHERE c.workspace = $1 AND c.queue = w.id AND c.queue IS NOT NULL
		AND c.channel <> ALL($5::text[]) AND c.channel || E'\n' || c.needs <> ALL($5::text[]) ORDER BY c.priority DESC, c.queued_at, c.id LIMIT $4`
)

// lines is what one call of Queues found.
type lines struct {
	rows    []livedesk.Queue
	line    map[string][]livedesk.Conversation
	waiting map[string]int // by queue, counted up to heads and one
	agents  *loadedAgents
	places  []string // the queues of the agents that were asked for, now that these are locked
}

// Queues implements [livedesk.ReadTx]. It costs one round trip of four statements, a second one for queues that nobody
// asked for before, and an index entry for each conversation in a Load. Inside Update it makes sure that the agents whose
// queues were loaded are still members of these and of no others.
func (t *tx) Queues(ctx context.Context, q livedesk.QueueQuery) (livedesk.Roster, error) {
	ids := slices.Compact(slices.Sorted(slices.Values(q.IDs)))
	if len(ids)+len(q.Agents)+len(q.Loads) == 0 {
		return livedesk.Roster{}, ctx.Err()
	}
	l, err := t.lines(ctx, &q, ids, sqlLockQueues)
	if err == nil && t.write && !l.all(ids) {
		l, err = t.lines(ctx, &q, ids, sqlLockMadeQueues)
	}
	if err != nil {
		return livedesk.Roster{}, err
	}
	if t.write && l.moved() {
		t.failed = &failure{"pgstore: load queues: somebody joined a queue meanwhile", []error{livedesk.ErrSerialization}}
		return livedesk.Roster{}, t.failed
	}
	out := livedesk.Roster{Queues: l.queues(q.Workspace, ids), Agents: l.agents.all()}
	if t.write {
		t.remember(out.Queues)
	}
	return out, nil
}

// lines asks for queues with what belongs to them, once.
func (t *tx) lines(ctx context.Context, q *livedesk.QueueQuery, ids []string, lock string) (*lines, error) {
	l := &lines{line: map[string][]livedesk.Conversation{}, waiting: map[string]int{}, agents: newLoadedAgents()}
	loads, without := slices.Concat(q.Agents, q.Loads), make([]string, len(q.Without)) // a NULL would leave out all
	for i, a := range q.Without {
		without[i] = a.Key()
	}
	heads, most := int64(max(0, q.Heads)), int64(0)
	if heads > 0 {
		most = heads + 1
	}
	unwritten := t.unwritten // it is early: with Apply there is more to write into them
	t.unwritten = nil
	err := t.send(ctx, "load queues", func(b *pgx.Batch) {
		if lock == sqlLockMadeQueues {
			b.Queue(t.s.sql(sqlMakeQueues), q.Workspace, ids)
		}
		b.Queue(t.s.sql(t.pick(sqlQueues, lock)), q.Workspace, ids, q.Agents).Query(l.scanQueues)
		if heads > 0 {
			byIndex(b, t.s.sql(t.pick(sqlHeads, sqlLockHeads)), q.Workspace, ids, q.Agents, heads, without).Query(l.scanHeads)
		}
		b.Queue(t.s.sql(t.pick(sqlRoster, sqlLockRoster)), q.Workspace, ids, q.Agents, loads).Query(l.agents.scan)
		b.Queue(t.s.sql(sqlTally), q.Workspace, ids, q.Agents, loads, most, without).Query(l.scanTally)
	})
	t.unwritten = unwritten
	return l, err
}

// moved reports whether the agents that Queues was called for are in other queues, now that they are locked. Who became a
// member of another one meanwhile has a place there that this transaction would not offer, and somebody would wait beside
// it (I11).
func (l *lines) moved() bool { return !l.all(l.places) }

// all reports whether queues were found.
func (l *lines) all(ids []string) bool {
	for _, id := range ids {
		if !slices.ContainsFunc(l.rows, func(q livedesk.Queue) bool { return q.ID == id }) {
			return false
		}
	}
	return true
}

func (l *lines) scanQueues(rows pgx.Rows) error {
	return scanAll(rows, &queues, func(q livedesk.Queue) { l.rows = append(l.rows, q) })
}

func (l *lines) scanHeads(rows pgx.Rows) error {
	return scanAll(rows, &conversations, func(c livedesk.Conversation) { l.line[c.Queue] = append(l.line[c.Queue], c) })
}

func (l *lines) scanTally(rows pgx.Rows) error {
	var what, id string
	var n int
	return each(rows, []any{&what, &id, &n}, func() {
		switch what {
		case tallyLoad:
			l.agents.loads[id] = n
		case tallyWaiting:
			l.waiting[id] = n
		case tallyPlace:
			l.places = append(l.places, id)
		}
	})
}

// queues puts together what was found; an unknown one is empty.
func (l *lines) queues(workspace string, ids []string) []livedesk.Queue {
	for _, id := range ids {
		if !slices.ContainsFunc(l.rows, func(q livedesk.Queue) bool { return q.ID == id }) {
			l.rows = append(l.rows, livedesk.Queue{Workspace: workspace, ID: id})
		}
	}
	slices.SortFunc(l.rows, func(a, b livedesk.Queue) int { return cmp.Compare(a.ID, b.ID) })
	for i := range l.rows {
		q := &l.rows[i]
		q.Waiting = l.line[q.ID]
		slices.SortFunc(q.Waiting, func(a, b livedesk.Conversation) int {
			return cmp.Or(-cmp.Compare(a.Priority, b.Priority), a.QueuedAt.Compare(b.QueuedAt), cmp.Compare(a.ID, b.ID))
		})
		q.More = l.waiting[q.ID] > len(q.Waiting)
	}
	return l.rows
}

// remember keeps who is in the queues that are locked now, for Apply.
func (t *tx) remember(rows []livedesk.Queue) {
	if t.locked == nil {
		t.locked = make(map[rowKey][]livedesk.Member, len(rows))
	}
	for _, r := range rows {
		t.locked[rowKey{r.Workspace, r.ID}] = slices.Clone(r.Members)
	}
}
