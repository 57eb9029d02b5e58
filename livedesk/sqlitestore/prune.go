package sqlitestore

import (
	"context"
	"fmt"
	"time"

	"github.com/livedesk/livedesk-go/livedesk"
)

const (
	// Conversations that are old, the longest inactive first, without those that have an unfinished text.
	sqlOld = `SELECT v.rowid, v.id, v.channel, v.contact FROM conversations AS v INDEXED BY conversations_active
		WHERE v.workspace = ? AND v.state = 'resolved' AND v.active_at < ?
		AND NOT EXISTS (SELECT 1 FROM messages AS e INDEXED BY messages_unfinished
			WHERE e.workspace = v.workspace AND e.conversation = v.id AND e.unfinished IS NOT NULL)
		ORDER BY v.active_at, v.id LIMIT ?`

	sqlDropMessages = `DELETE FROM messages WHERE rowid IN (
		SELECT rowid FROM messages WHERE workspace = ? AND conversation = ? ORDER BY seq LIMIT ?)`

	sqlAnyMessage = `SELECT seq FROM messages WHERE workspace = ? AND conversation = ? LIMIT 1`

	sqlDropConversation = `DELETE FROM conversations WHERE rowid = ?`

	sqlLetGo = `UPDATE threads SET conversation = '', version = version + 1
		WHERE workspace = ? AND channel = ? AND contact = ? AND conversation = ?`

	sqlDropArrivals = `DELETE FROM arrivals WHERE (key, channel, workspace) IN (
		SELECT key, channel, workspace FROM arrivals INDEXED BY arrivals_day WHERE workspace = ? AND day < ? ORDER BY day LIMIT ?)`
)

// day is how old the keys of TakeIn are remembered to be.
func day(t time.Time) int64 { return t.Unix() / (24 * 60 * 60) }

// old is a conversation that may go.
type old struct {
	rowid                int64
	id, channel, contact string
}

func scanOld(c *cells) old { return old{c.number(), c.text(), c.text(), c.text()} }

// Prune implements [livedesk.Tx]. It costs a few statements for each conversation, an index step for each that unfinished texts
// keep, and one statement for the keys. The file keeps its size: what becomes free is used again.
func (t *tx) Prune(ctx context.Context, p livedesk.Prune) (out livedesk.Pruned, err error) {
	if p.Limit < 1 {
		return out, errLimit
	}
	err = t.change(ctx, func() error {
		if err := t.pruneContent(p, &out); err != nil {
			return fmt.Errorf("prune content: %w", err)
		}
		if p.KeysBefore.IsZero() {
			return nil
		}
		n, err := t.exec(sqlDropArrivals, p.Workspace, day(p.KeysBefore), p.Limit)
		if err != nil {
			return fmt.Errorf("prune keys: %w", err)
		}
		out.Keys = int(n)
		out.More = out.More || out.Keys == p.Limit
		return nil
	})
	return out, err
}

func (t *tx) pruneContent(p livedesk.Prune, out *livedesk.Pruned) error {
	if p.Before.IsZero() {
		return nil
	}
	found, err := all(&t.reader, nil, scanOld, sqlOld, p.Workspace, micros(p.Before), p.Limit+1)
	if err != nil {
		return err
	}
	for _, c := range found {
		left := p.Limit - out.Messages
		if out.Conversations == p.Limit || left == 0 {
			out.More = true
			return nil
		}
		n, err := t.exec(sqlDropMessages, p.Workspace, c.id, left)
		if err != nil {
			return err
		}
		out.Messages += int(n)
		if _, stay, err := one(&t.reader, scanNumber, sqlAnyMessage, p.Workspace, c.id); stay || err != nil {
			out.More = stay
			return err
		}
		if err := t.dropConversation(p.Workspace, c); err != nil {
			return err
		}
		out.Conversations++
	}
	return nil
}

// dropConversation removes a conversation that has no messages any more, and lets go of it in its thread.
func (t *tx) dropConversation(workspace string, c old) error {
	if _, err := t.exec(sqlDropConversation, c.rowid); err != nil {
		return err
	}
	_, err := t.exec(sqlLetGo, workspace, c.channel, c.contact, c.id)
	return err
}
