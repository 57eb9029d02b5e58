package memstore

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/livedesk/livedesk-go/livedesk"
)

// errLimit is the answer to a page or a claim of a size that the contract excludes.
var errLimit = errors.New("memstore: limit is out of range")

// last is behind every key: no key begins with a byte that UTF-8 doesn't have.
const last = "\xff"

// readyKey is the place of a text among those of its sender: rank, due, id.
func readyKey(m *livedesk.Message) string {
	return key(m.Workspace, m.Channel) + strconv.Itoa(m.Class.Rank()) + instant(m.Delivery.Due) + m.ID
}

// senderQueue is what one sender has ready, with the next text to take.
type senderQueue struct {
	prefix string
	next   string // key in ready
	text   *livedesk.Message
	left   int // how many may still be taken
}

// senderHeap has the sender whose next text is the most urgent in front.
type senderHeap []*senderQueue

func (h senderHeap) Len() int { return len(h) }
func (h senderHeap) Less(i, j int) bool {
	return h[i].next[len(h[i].prefix):] < h[j].next[len(h[j].prefix):]
}
func (h senderHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *senderHeap) Push(x any)   { *h = append(*h, x.(*senderQueue)) }
func (h *senderHeap) Pop() any {
	n := len(*h) - 1
	q := (*h)[n]
	*h = (*h)[:n]
	return q
}

// Claim implements [livedesk.Tx]. It costs O((s + n) log m) for n texts of s senders that have any, among m.
func (t *tx) Claim(ctx context.Context, c livedesk.Claim) ([]livedesk.DueText, error) {
	if err := t.usable(ctx); err != nil {
		return nil, err
	}
	if c.Limit < 1 {
		return nil, errLimit
	}
	var out []livedesk.DueText
	for _, m := range t.choose(c) {
		out = append(out, t.dueText(m))
	}
	return out, nil
}

func (v *view) dueText(m *livedesk.Message) livedesk.DueText {
	out := livedesk.DueText{Message: m.Clone()}
	if c, found := v.state.contacts.get(key(m.Workspace, m.Contact)); found {
		out.Contact = c.Clone()
	}
	if th, found := v.state.threads.get(key(m.Workspace, m.Channel, m.Contact)); found {
		out.Thread = th.Clone()
	}
	return out
}

// choose returns what a claim takes, the most urgent first.
func (t *tx) choose(c livedesk.Claim) []*livedesk.Message {
	var out []*livedesk.Message
	queues := t.senders(c)
	heap.Init(&queues)
	for len(queues) > 0 && len(out) < c.Limit {
		q := queues[0]
		out = append(out, q.text)
		q.left--
		if q.left > 0 && t.advance(q, q.next+nul) {
			heap.Fix(&queues, 0)
		} else {
			heap.Pop(&queues)
		}
	}
	return out
}

// senders returns every sender that may take part, at its first text that is due.
func (t *tx) senders(c livedesk.Claim) senderHeap {
	var queues senderHeap
	for from := ""; ; {
		_, at, found := t.state.ready.first(from, last)
		if !found {
			return queues
		}
		m, _ := t.state.messages.get(at)
		q := &senderQueue{prefix: key(m.Workspace, m.Channel), left: c.Budget(livedesk.Sender{Workspace: m.Workspace, Channel: m.Channel})}
		if q.left > 0 && t.advance(q, q.prefix) {
			queues = append(queues, q)
		}
		from = end(q.prefix)
	}
}

// advance moves q to the first text from a place on that is due, and reports whether there is one.
func (t *tx) advance(q *senderQueue, from string) bool {
	for {
		next, at, found := t.state.ready.first(from, end(q.prefix))
		if !found {
			return false
		}
		m, _ := t.state.messages.get(at)
		if !m.Delivery.Due.After(t.now) {
			q.next, q.text = next, m
			return true
		}
		// All that follow in this rank are due later still.
		from = q.prefix + strconv.Itoa(m.Class.Rank()+1)
	}
}

// Senders implements [livedesk.Tx].
func (t *tx) Senders(ctx context.Context, keys []livedesk.Sender) ([]livedesk.Budget, error) {
	if err := t.usable(ctx); err != nil {
		return nil, err
	}
	out := make([]livedesk.Budget, len(keys))
	for i, k := range keys {
		out[i].Sender = k
		if b, found := t.state.budgets.get(key(k.Workspace, k.Channel)); found {
			out[i] = b.Clone()
		}
	}
	return out, nil
}

// applyCancels takes back what has not begun to leave.
func (t *tx) applyCancels(c *livedesk.Changes) error {
	for _, cancel := range c.Cancels {
		thread := key(cancel.Workspace, cancel.Channel, cancel.Contact)
		for cur := t.state.revocable.seek(thread, end(thread)); ; {
			_, id, found := cur.next()
			if !found {
				break
			}
			m, _ := t.state.messages.get(key(cancel.Workspace, id))
			row := m.Clone()
			row.Cancel(t.now, cancel.Reason)
			if err := t.state.putMessage(m, &row); err != nil {
				return fmt.Errorf("cancel message %s: %w", id, err)
			}
		}
	}
	return nil
}

// ClaimJobs implements [livedesk.Tx]. It costs O(limit log n).
func (t *tx) ClaimJobs(ctx context.Context, limit int, lease time.Duration) ([]livedesk.Job, error) {
	if limit < 1 {
		return nil, errLimit
	}
	var out []livedesk.Job
	err := t.atomically(ctx, func() error {
		cur := t.state.due.seek("", instant(t.now.Add(time.Microsecond)))
		for len(out) < limit {
			_, at, found := cur.next()
			if !found {
				return nil
			}
			old, _ := t.state.jobs.get(at)
			row := *old
			row.Lease(t.now, lease, t.state.nextFence())
			t.state.putJob(old, &row)
			out = append(out, row)
		}
		return nil
	})
	return out, err
}

func (s *state) nextFence() int64 {
	s.fences++
	return s.fences
}

// applyJobs puts, moves and ends jobs. Done with Fence 0 removes whatever is there.
func (t *tx) applyJobs(c *livedesk.Changes) error {
	for _, change := range c.Jobs {
		old, found := t.state.jobs.get(key(change.Workspace, change.Key))
		var stored livedesk.Job
		if found {
			stored = *old
		}
		switch row, stands := change.Over(stored, t.state.nextFence()); {
		case stands:
			t.state.putJob(old, &row)
		case found:
			t.state.putJob(old, nil)
		}
	}
	return nil
}
