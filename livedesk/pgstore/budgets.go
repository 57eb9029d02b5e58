package pgstore

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/livedesk/livedesk-go/livedesk"
)

var budgets = table[livedesk.Budget]{
	name: "budgets", keys: 2, version: func(b *livedesk.Budget) *int64 { return &b.Version },
	columns: []column[livedesk.Budget]{
		text("workspace", func(b *livedesk.Budget) *string { return &b.Workspace }),
		text("channel", func(b *livedesk.Budget) *string { return &b.Channel }),
		maybeMoment("next", func(b *livedesk.Budget) *time.Time { return &b.Next }),
	},
}

var (
	// The row is the lock, so there has to be one. It counts as absent until somebody writes it.
	sqlMakeBudgets = `INSERT INTO {s}.budgets (workspace, channel, version)
		SELECT u.workspace, u.channel, 0 FROM ` + arrays("u", 1, "workspace", "channel") + `
		ORDER BY u.workspace, u.channel ON CONFLICT DO NOTHING`

	sqlBudgets = `SELECT ` + budgets.list() + ` FROM ` + arrays("u", 1, "workspace", "channel") + `
		JOIN {s}.budgets AS t ON t.workspace = u.workspace AND t.channel = u.channel
		ORDER BY t.workspace, t.channel FOR NO KEY UPDATE OF t`

	sqlUpdateBudget = budgets.update()

	sqlInsertBudget = counted(budgets.insert()+` ON CONFLICT (workspace, channel) DO UPDATE SET next = excluded.next,
		version = 1 WHERE t.version = 0`, len(budgets.columns))
)

// Senders implements [livedesk.Tx]. It costs one round trip of two statements, whatever the number of keys.
func (t *tx) Senders(ctx context.Context, keys []livedesk.Sender) ([]livedesk.Budget, error) {
	out := make([]livedesk.Budget, len(keys))
	if len(keys) == 0 {
		return out, ctx.Err()
	}
	found := make(map[livedesk.Sender]livedesk.Budget, len(keys))
	workspaces, channels := make([]string, len(keys)), make([]string, len(keys))
	for i, k := range keys {
		workspaces[i], channels[i] = k.Workspace, k.Channel
	}
	err := t.send(ctx, "load budgets", func(b *pgx.Batch) {
		b.Queue(t.s.sql(sqlMakeBudgets), workspaces, channels)
		b.Queue(t.s.sql(sqlBudgets), workspaces, channels).Query(func(rows pgx.Rows) error {
			return scanAll(rows, &budgets, func(b livedesk.Budget) { found[b.Sender] = b })
		})
	})
	if err != nil {
		return nil, err
	}
	for i, k := range keys {
		out[i] = found[k]
		out[i].Sender = k
	}
	return out, nil
}
