package sqlitestore

import (
	"context"

	"github.com/livedesk/livedesk-go/livedesk"
)

const (
	sqlBudget = `SELECT next, version FROM budgets WHERE workspace = ? AND channel = ?`

	sqlInsertBudget = `INSERT INTO budgets (next, workspace, channel, version) VALUES (?, ?, ?, 1)`

	sqlUpdateBudget = `UPDATE budgets SET next = ?, version = version + 1 WHERE workspace = ? AND channel = ? AND version = ?`
)

// Senders implements [livedesk.Tx]. Each costs one read.
func (t *tx) Senders(ctx context.Context, keys []livedesk.Sender) ([]livedesk.Budget, error) {
	if err := t.usable(ctx); err != nil {
		return nil, err
	}
	out := make([]livedesk.Budget, len(keys))
	for i, k := range keys {
		b, _, err := one(&t.reader, scanBudget, sqlBudget, k.Workspace, k.Channel)
		if err != nil {
			return nil, err
		}
		b.Sender = k
		out[i] = b
	}
	return out, nil
}

func scanBudget(c *cells) livedesk.Budget {
	return livedesk.Budget{Next: c.instant(), Version: c.number()}
}

func (t *tx) putBudget(b *livedesk.Budget) error {
	values := []any{maybeMicros(b.Next)}
	if b.Version == 0 {
		values = append(values, b.Workspace, b.Channel)
	}
	return t.put(b.Version, sqlInsertBudget, sqlUpdateBudget, values, b.Workspace, b.Channel)
}
