package sqlitestore

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/livedesk/livedesk-go/livedesk"
)

const (
	// Texts of one rank that are due and first of their conversation, the longest due first.
	sqlReady = `SELECT m.workspace, m.channel, m.due, m.id, m.rowid FROM messages AS m INDEXED BY messages_outbox
		WHERE m.rank = ? AND m.due IS NOT NULL AND m.due <= ? AND ` + sqlFirst + ` ORDER BY m.due, m.id`

	// The same of one sender.
	sqlReadyOfSender = `SELECT m.workspace, m.channel, m.due, m.id, m.rowid FROM messages AS m INDEXED BY messages_sender
		WHERE m.workspace = ? AND m.channel = ? AND m.rank = ? AND m.due IS NOT NULL AND m.due <= ?
		AND ` + sqlFirst + ` ORDER BY m.due, m.id LIMIT ?`

	sqlFirst = `NOT EXISTS (SELECT 1 FROM messages AS e INDEXED BY messages_unfinished WHERE e.workspace = m.workspace
		AND e.conversation = m.conversation AND e.seq < m.seq AND e.unfinished IS NOT NULL AND e.due IS NOT NULL)`

	// The next sender that has anything in the outbox.
	sqlNextSender = `SELECT workspace, channel FROM messages INDEXED BY messages_sender
		WHERE (workspace, channel) > (?, ?) AND due IS NOT NULL ORDER BY workspace, channel LIMIT 1`

	// Texts by their rowids, with whom they go to.
	sqlDueTexts = `SELECT k.key, ` + messageColumns + `, ` + contactColumns + `, ` + threadColumns + ` FROM json_each(?) AS k
		CROSS JOIN messages AS m ON m.rowid = k.value
		LEFT JOIN contacts AS c ON c.workspace = m.workspace AND c.id = m.contact
		LEFT JOIN threads AS t ON t.workspace = m.workspace AND t.channel = m.channel AND t.contact = m.contact`

	sqlUnsent = `SELECT ` + messageColumns + ` FROM conversations AS v
		CROSS JOIN messages AS m INDEXED BY messages_unfinished ON m.workspace = v.workspace AND m.conversation = v.id
		WHERE v.workspace = ? AND v.channel = ? AND v.contact = ? AND m.unfinished IS NOT NULL
		AND m.channel = v.channel AND m.contact = v.contact AND m.delivery IN ('queued', 'claimed')`
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
	chosen []int64 // rowids
	passed int     // texts of spent senders that were walked over
}

// ready is a text that may be taken.
type ready struct {
	livedesk.Sender
	due   int64
	id    string
	rowid int64
}

func scanReady(c *cells) ready { return ready{scanSender(c), c.number(), c.text(), c.number()} }

func scanSender(c *cells) livedesk.Sender {
	return livedesk.Sender{Workspace: c.text(), Channel: c.text()}
}

// left returns how many more texts of a sender may be taken.
func (c *claim) left(s livedesk.Sender) int {
	return min(c.Limit-len(c.chosen), c.Budget(s)-c.taken[s])
}

func (c *claim) take(r ready) {
	c.taken[r.Sender]++
	c.chosen = append(c.chosen, r.rowid)
}

// Claim implements [livedesk.Tx]. It costs one read for all texts that are taken, an index step for each that is blocked by an
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
	if len(c.chosen) == 0 {
		return nil, nil
	}
	out := make([]livedesk.DueText, len(c.chosen))
	err := t.some(func(c *cells) bool {
		place := c.int()
		out[place] = t.scanDueText(c)
		return true
	}, sqlDueTexts, encode(c.chosen))
	if err != nil {
		return nil, fmt.Errorf("claim: %w", err)
	}
	return out, nil
}

// chooseOfRank chooses texts of one rank, the longest due first.
func (t *tx) chooseOfRank(c *claim, rank int) error {
	before, taken := len(c.chosen), maps.Clone(c.taken)
	limit, crowded := c.passed+maxPassedOver, false
	err := t.some(func(row *cells) bool {
		r := scanReady(row)
		if c.left(r.Sender) > 0 {
			c.take(r)
		} else if c.passed++; c.passed > limit {
			crowded = true
		}
		return !crowded && len(c.chosen) < c.Limit
	}, sqlReady, rank, micros(t.now))
	if err != nil || !crowded {
		return err
	}
	c.chosen, c.taken = c.chosen[:before], taken
	return t.chooseBySender(c, rank)
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
			found, err = all(&t.reader, found, scanReady, sqlReadyOfSender, s.Workspace, s.Channel, rank, micros(t.now), n)
			if err != nil {
				return err
			}
		}
	}
	slices.SortFunc(found, func(a, b ready) int { return cmp.Or(cmp.Compare(a.due, b.due), cmp.Compare(a.id, b.id)) })
	for _, r := range found[:min(len(found), c.Limit-len(c.chosen))] {
		c.take(r)
	}
	return nil
}

// cancel takes back what has not begun to leave. It costs an index step for each conversation that the thread ever had.
func (t *tx) cancel(c livedesk.Cancel) error {
	found, err := all(&t.reader, nil, t.scanMessage, sqlUnsent, c.Workspace, c.Channel, c.Contact)
	if err != nil {
		return err
	}
	for i := range found {
		m := &found[i]
		read := m.Version
		m.Cancel(t.now, c.Reason)
		m.Version = read // putMessage raises it
		if err := t.putMessage(m); err != nil {
			return err
		}
	}
	return nil
}
