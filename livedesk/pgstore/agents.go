package pgstore

import (
	"context"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/livedesk/livedesk-go/livedesk"
)

var (
	sqlAgents = `SELECT ` + agents.list() + ` FROM {s}.agents AS t WHERE t.workspace = $1 AND t.id = ANY($2::text[]) ORDER BY t.id`

	sqlLockAgents = sqlAgents + ` FOR NO KEY UPDATE`

	sqlAllAgents = `SELECT ` + agents.list() + ` FROM {s}.agents AS t WHERE t.workspace = $1 ORDER BY t.id`

	sqlLockAllAgents = sqlAllAgents + ` FOR NO KEY UPDATE`

	// An agent's load is counted when it is asked for, from an index of the live conversations: it can't drift (I9). It
	// is a statement of its own, with a newer view than the one that waited for the agents: whoever assigns holds
	// their locks.
	sqlLoads = `SELECT u.id, (SELECT count(*) FROM {s}.conversations AS c
			WHERE c.workspace = $1 AND c.assignee = u.id AND c.state = 'open' AND c.live_key)
		FROM unnest($2::text[]) AS u(id)`

	sqlAllLoads = `SELECT c.assignee, count(*) FROM {s}.conversations AS c
		WHERE c.workspace = $1 AND c.assignee > '' AND c.state = 'open' AND c.live_key GROUP BY c.assignee`

	sqlInsertAgent = agents.insert()
	sqlUpdateAgent = agents.update()

	sqlDeleteAgents = `DELETE FROM {s}.agents WHERE workspace = $1 AND id = ANY($2::text[])`
)

// Agents implements [livedesk.ReadTx]. It costs one round trip, and an index entry for each conversation in a Load.
// Inside Update it makes sure that the agents whose queues were loaded are still members of these and of no others.
func (t *tx) Agents(ctx context.Context, workspace string, ids []string) ([]livedesk.Agent, error) {
	rows, loads := map[string]livedesk.Agent{}, map[string]int{}
	moved := false
	err := t.send(ctx, "load agents", func(b *pgx.Batch) {
		scan := func(rs pgx.Rows) error {
			return scanAll(rs, &agents, func(a livedesk.Agent) { rows[a.ID] = a })
		}
		count := func(rs pgx.Rows) error {
			var id string
			var n int
			return each(rs, []any{&id, &n}, func() { loads[id] = n })
		}
		if ids == nil {
			b.Queue(t.s.sql(t.pick(sqlAllAgents, sqlLockAllAgents)), workspace).Query(scan)
			b.Queue(t.s.sql(sqlAllLoads), workspace).Query(count)
		} else {
			b.Queue(t.s.sql(t.pick(sqlAgents, sqlLockAgents)), workspace, ids).Query(scan)
			b.Queue(t.s.sql(sqlLoads), workspace, ids).Query(count)
		}
		t.queueMoves(b, workspace, &moved)
	})
	if err != nil {
		return nil, err
	}
	if moved {
		t.failed = &failure{"pgstore: load agents: somebody joined or left a queue meanwhile", []error{livedesk.ErrSerialization}}
		return nil, t.failed
	}
	if ids == nil {
		ids = slices.Sorted(maps.Keys(rows))
	}
	out := make([]livedesk.Agent, len(ids))
	for i, id := range ids {
		if a, ok := rows[id]; ok {
			a.Load = loads[id]
			out[i] = a
		}
	}
	return out, nil
}
