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

	sqlAllAgents = `SELECT ` + agents.list() + ` FROM {s}.agents AS t WHERE t.workspace = $1 ORDER BY t.id`

	// An agent's load is counted when it is asked for, from an index of the live conversations: it can't drift (I9).
	sqlLoads = `SELECT u.id, (` + load + `) FROM ` + arrays("u", 2, "id")

	sqlAllLoads = `SELECT c.assignee, count(*) FROM {s}.conversations AS c
		WHERE c.workspace = $1 AND c.assignee > '' AND c.state = 'open' AND c.live_key GROUP BY c.assignee`

	sqlInsertAgent = agents.insert()
	sqlUpdateAgent = agents.update()

	sqlDeleteAgents = `DELETE FROM {s}.agents WHERE workspace = $1 AND id = ANY($2::text[])`
)

// load is the load of agent u.
const load = `SELECT count(*) FROM {s}.conversations AS c
	WHERE c.workspace = $1 AND c.assignee = u.id AND c.state = 'open' AND c.live_key`

// loadedAgents is what was found of agents.
type loadedAgents struct {
	rows  map[string]livedesk.Agent
	loads map[string]int
}

func newLoadedAgents() *loadedAgents {
	return &loadedAgents{rows: map[string]livedesk.Agent{}, loads: map[string]int{}}
}

func (l *loadedAgents) scan(rows pgx.Rows) error {
	return scanAll(rows, &agents, func(a livedesk.Agent) { l.rows[a.ID] = a })
}

func (l *loadedAgents) count(rows pgx.Rows) error {
	var id string
	var n int
	return each(rows, []any{&id, &n}, func() { l.loads[id] = n })
}

// agent returns one with its load; zero when it doesn't exist.
func (l *loadedAgents) agent(id string) livedesk.Agent {
	a := l.rows[id]
	if a.ID != "" {
		a.Load = l.loads[id]
	}
	return a
}

// all returns those that exist, by id.
func (l *loadedAgents) all() []livedesk.Agent {
	out := make([]livedesk.Agent, 0, len(l.rows))
	for _, id := range slices.Sorted(maps.Keys(l.rows)) {
		out = append(out, l.agent(id))
	}
	return out
}

// Agents implements [livedesk.ReadTx]. It costs one round trip, and an index entry for each conversation in a Load.
func (t *tx) Agents(ctx context.Context, workspace string, ids []string) ([]livedesk.Agent, error) {
	l := newLoadedAgents()
	err := t.send(ctx, "load agents", func(b *pgx.Batch) {
		if ids == nil {
			b.Queue(t.s.sql(sqlAllAgents), workspace).Query(l.scan)
			b.Queue(t.s.sql(sqlAllLoads), workspace).Query(l.count)
		} else {
			b.Queue(t.s.sql(sqlAgents), workspace, ids).Query(l.scan)
			b.Queue(t.s.sql(sqlLoads), workspace, ids).Query(l.count)
		}
	})
	if err != nil {
		return nil, err
	}
	if ids == nil {
		return l.all(), nil
	}
	out := make([]livedesk.Agent, len(ids))
	for i, id := range ids {
		out[i] = l.agent(id)
	}
	return out, nil
}
