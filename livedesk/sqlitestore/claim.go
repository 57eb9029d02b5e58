package sqlitestore

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"

	"github.com/livedesk/livedesk-go/livedesk"
)

const (
	// Texts of one rank that are due and first of their conversation, the longest due first.
	sqlReady = `SELECT m.workspace, m.channel, m.id FROM messages AS m INDEXED BY messages_outbox
		WHERE m.rank = ? AND m.due IS NOT NULL AND m.due <= ? AND ` + sqlFirst + ` ORDER BY m.due, m.id`

	// The same of one sender, behind a place.
	sqlReadyOfSender = `SELECT m.due, m.id FROM messages AS m INDEXED BY messages_sender
		WHERE m.workspace = ? AND m.channel = ? AND m.rank = ? AND m.due IS NOT NULL AND m.due <= ?
		AND ` + sqlFirst + ` ORDER BY m.due, m.id LIMIT ?`

	sqlFirst = `NOT EXISTS (SELECT 1 FROM messages AS e INDEXED BY messages_unfinished WHERE e.workspace = m.workspace
		AND e.conversation = m.conversation AND e.seq < m.seq AND e.due IS NOT NULL)`

	// The next sender that has anything in the outbox.
	sqlNextSender = `SELECT workspace, channel FROM messages INDEXED BY messages_sender
		WHERE (workspace, channel) > (?, ?) AND due IS NOT NULL ORDER BY workspace, channel LIMIT 1`

	sqlUnsent = `SELECT ` + messageColumns + ` FROM messages
		WHERE workspace = ? AND channel = ? AND contact = ? AND delivery IN ('queued', 'claimed') ORDER BY id`
)

// ranks is how many ranks there are, see [livedesk.Class.Rank].
const ranks = 4

// maxPassedOver is how many due texts of spent senders a claim walks over before it goes on sender by sender. A sender
// that is paused with a long backlog then costs one look and not a walk over all of it.
const maxPassedOver = 256

// claim is one claim being made up.
type claim struct {
	livedesk.Claim
	taken  map[livedesk.Sender]int
	chosen []rowKey
}

// left returns how many more texts of a sender may be taken.
func (c *claim) left(s livedesk.Sender) int {
	return min(c.Limit-len(c.chosen), c.Budget(s)-c.taken[s])
}

func (c *claim) take(s livedesk.Sender, id string) {
	c.taken[s]++
	c.chosen = append(c.chosen, rowKey{s.Workspace, id})
}

// Claim implements [livedesk.Tx]. It costs two reads for each text that is taken, an index step for each that is blocked by an
// earlier one of its conversation, and, when many of spent senders are in the way, a few for each sender with something
// in the outbox.
func (t *tx) Claim(ctx context.Context, q livedesk.Claim) ([]livedesk.DueText, error) {
	if q.Limit < 1 {
		return nil, errLimit
	}
	if err := t.usable(ctx); err != nil {
		return nil, err
	}
	c := &claim{Claim: q, taken: make(map[livedesk.Sender]int)}
	for rank := 0; rank < ranks && len(c.chosen) < q.Limit; rank++ {
		if err := t.chooseOfRank(c, rank); err != nil {
			return nil, fmt.Errorf("claim: %w", err)
		}
	}
	out := make([]livedesk.DueText, len(c.chosen))
	for i, k := range c.chosen {
		if err := t.dueText(k, &out[i]); err != nil {
			return nil, fmt.Errorf("claim message %s: %w", k.id, err)
		}
	}
	return out, nil
}

// dueText loads a text that was chosen, with whom it goes to.
func (t *tx) dueText(k rowKey, out *livedesk.DueText) (err error) {
	out.Message, _, err = one(&t.reader, scanMessage, sqlMessage, k.workspace, k.id)
	if err != nil {
		return err
	}
	t.noteMessage(&out.Message)
	l, _, err := one(&t.reader, scanLoaded, sqlLoadedOf, out.Message.Channel, k.workspace, out.Message.Contact)
	out.Contact, out.Thread = l.Contact, l.Thread
	return err
}

// chooseOfRank chooses texts of one rank, the longest due first.
func (t *tx) chooseOfRank(c *claim, rank int) error {
	before, taken := len(c.chosen), maps.Clone(c.taken)
	passed, crowded := 0, false
	err := t.some(func(rows *sql.Rows) (bool, error) {
		var s livedesk.Sender
		var id string
		if err := rows.Scan(&s.Workspace, &s.Channel, &id); err != nil {
			return false, err
		}
		if c.left(s) > 0 {
			c.take(s, id)
		} else if passed++; passed > maxPassedOver {
			crowded = true
			return false, nil
		}
		return len(c.chosen) < c.Limit, nil
	}, sqlReady, rank, micros(t.now))
	if err != nil || !crowded {
		return err
	}
	c.chosen, c.taken = c.chosen[:before], taken
	return t.chooseBySender(c, rank)
}

// ready is a text that a sender could have taken.
type ready struct {
	sender livedesk.Sender
	due    int64
	id     string
}

// chooseBySender makes the same choice as chooseOfRank by asking each sender that has budget for its first texts.
func (t *tx) chooseBySender(c *claim, rank int) error {
	var found []ready
	for s := (livedesk.Sender{}); ; {
		next, more, err := one(&t.reader, scanSender, sqlNextSender, s.Workspace, s.Channel)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		s = next
		if n := c.left(s); n > 0 {
			found, err = all(&t.reader, found, func(rows *sql.Rows) (r ready, err error) {
				r.sender = s
				return r, rows.Scan(&r.due, &r.id)
			}, sqlReadyOfSender, s.Workspace, s.Channel, rank, micros(t.now), n)
			if err != nil {
				return err
			}
		}
	}
	slices.SortFunc(found, func(a, b ready) int { return cmp.Or(cmp.Compare(a.due, b.due), cmp.Compare(a.id, b.id)) })
	for _, r := range found {
		if len(c.chosen) == c.Limit {
			break
		}
		c.take(r.sender, r.id)
	}
	return nil
}

func scanSender(r *sql.Rows) (s livedesk.Sender, err error) {
	return s, r.Scan(&s.Workspace, &s.Channel)
}

// cancel takes back what has not begun to leave.
func (t *tx) cancel(c livedesk.Cancel) error {
	found, err := all(&t.reader, nil, scanMessage, sqlUnsent, c.Workspace, c.Channel, c.Contact)
	if err != nil {
		return err
	}
	for i := range found {
		m := &found[i]
		t.noteMessage(m)
		read := m.Version
		m.Cancel(t.now, c.Reason)
		m.Version = read // putMessage raises it
		if err := t.putMessage(m); err != nil {
			return err
		}
	}
	return nil
}
