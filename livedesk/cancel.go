package livedesk

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/livedesk/livedesk-go/channel"
)

// QueuedQuery selects texts that have not begun to leave. The fields that are given must all hold; at least one of Channel,
// Contact and Conversation is required.
type QueuedQuery struct {
	Channel      string  `json:"channel,omitempty"`
	Contact      string  `json:"contact,omitempty"` // the contact's id
	Conversation string  `json:"conversation,omitempty"`
	Classes      []Class `json:"classes,omitempty"` // empty means all
	// Before selects texts that were stored before; zero means before the call. What is stored while it works is left.
	Before time.Time `json:"before,omitzero"`
}

const (
	// cancelSlice is how many texts one transaction takes back.
	cancelSlice = 200
	// cancelPasses bounds how often conversations are looked through again that became active meanwhile.
	cancelPasses = 5
)

// CancelQueued takes back the queued texts that q selects, for the person on call: a campaign that went wrong, a channel
// that stood still for a day. They become [Canceled] with [channel.ReasonCanceled]; each conversation's timeline says who did
// it. What has begun to leave, or waits for its verdict, stays. It works in slices, a transaction for at most 200
// texts, and returns how many texts it took back, also beside an error; it may be called again. A paused channel
// ([Desk.PauseChannel]) keeps more from leaving meanwhile.
//
// It reads the conversations in which something happened since the oldest queued text, each with its newest entries: where
// the Store can't say which that is ([MeasuredStore]), since the oldest that isn't expired, and without an expiry all that q
// selects. Errors: [ErrNotFound] for a conversation, a [ValidationError].
func (d *Desk) CancelQueued(ctx context.Context, q QueuedQuery, by Actor) (int, error) {
	if err := q.check(); err != nil {
		return 0, fmt.Errorf("cancel queued: %w", err)
	}
	n, err := d.cancelQueued(ctx, q, by)
	if err != nil {
		return n, fmt.Errorf("cancel queued: %w", err)
	}
	return n, nil
}

func (q QueuedQuery) check() error {
	if q.Channel == "" && q.Contact == "" && q.Conversation == "" {
		return invalid("channel", "is required where neither contact nor conversation is given")
	}
	for i, c := range q.Classes {
		if !slices.Contains([]Class{ClassConfirmation, ClassHuman, ClassAI, ClassAutomatic}, c) {
			return invalid(fmt.Sprintf("classes[%d]", i), "is not a class")
		}
	}
	return nil
}

func (q QueuedQuery) selects(m Message) bool {
	return m.Delivery.revocable() && (q.Channel == "" || q.Channel == m.Channel) && (q.Contact == "" || q.Contact == m.Contact) &&
		(q.Conversation == "" || q.Conversation == m.Conversation) &&
		(len(q.Classes) == 0 || slices.Contains(q.Classes, m.Class)) && m.At.Before(q.Before)
}

func (d *Desk) cancelQueued(ctx context.Context, q QueuedQuery, by Actor) (canceled int, err error) {
	var now time.Time
	err = d.view(ctx, func(_ context.Context, tx ReadTx) error { now = tx.Now(); return nil })
	if err != nil {
		return 0, err
	}
	if q.Before.IsZero() || q.Before.After(now) {
		q.Before = now.Add(time.Microsecond)
	}
	if q.Conversation != "" {
		if _, err := d.Conversation(ctx, q.Conversation); err != nil {
			return 0, err
		}
	}
	floor, found, err := d.oldestQueued(ctx, q.Channel, now)
	if err != nil || !found {
		return 0, err
	}
	w := textWalk{workspace: d.workspace, channel: q.Channel, contact: q.Contact, conversation: q.Conversation, floor: floor}
	for pass := range cancelPasses {
		before := canceled
		err := d.e.walkTexts(ctx, w, func(texts []Message) (bool, error) {
			texts = slices.DeleteFunc(texts, func(m Message) bool { return !q.selects(m) })
			for slice := range slices.Chunk(texts, cancelSlice) {
				n, err := d.cancelTexts(ctx, slice, q, by)
				if canceled += n; err != nil {
					return false, err
				}
			}
			return true, nil
		})
		if err != nil || q.Conversation != "" || pass > 0 && canceled == before {
			return canceled, err
		}
		w.active = now // those that came to the front meanwhile were passed over
	}
	return canceled, nil
}

// oldestQueued returns when the oldest queued text was stored, of one channel or of all, or a time before; found is false
// where there is none, and the time is zero where nobody can tell.
func (d *Desk) oldestQueued(ctx context.Context, channelID string, now time.Time) (floor time.Time, found bool, err error) {
	s, ok := d.e.store.(MeasuredStore)
	if !ok {
		return d.e.cfg.oldestUnexpired(now), true, nil
	}
	channels := []string{channelID}
	if channelID == "" {
		// Texts of a channel that was removed are canceled by whoever claims them.
		infos, err := d.infos(ctx)
		if err != nil {
			return time.Time{}, false, err
		}
		channels = nil
		for _, info := range infos {
			channels = append(channels, info.channel.ID)
		}
	}
	for _, id := range channels {
		n, err := s.CountTexts(ctx, d.workspace, id)
		if err != nil {
			return time.Time{}, false, err
		}
		if n.Queued > 0 && (!found || n.Oldest.Before(floor)) {
			floor, found = n.Oldest, true
		}
	}
	return floor, found, nil
}

// oldestUnexpired is when a text was stored at the earliest that may still be sent; zero for any time.
func (c Config) oldestUnexpired(now time.Time) time.Time {
	if c.ExpireHuman < 0 || c.ExpireAI < 0 || c.ExpireAutomatic < 0 {
		return time.Time{}
	}
	return now.Add(-max(c.ExpireHuman, c.ExpireAI, c.ExpireAutomatic))
}

// cancelTexts takes texts back that are still queued, in one transaction.
func (d *Desk) cancelTexts(ctx context.Context, texts []Message, q QueuedQuery, by Actor) (canceled int, err error) {
	if len(texts) == 0 {
		return 0, nil
	}
	err = d.act(ctx, "take texts back", func(ctx context.Context, u *unit) error {
		canceled = 0
		keys, threads := make([]MessageKey, len(texts)), []ThreadKey(nil)
		for i, m := range texts {
			keys[i] = MessageKey{Workspace: m.Workspace, ID: m.ID}
			if i == 0 || texts[i-1].Conversation != m.Conversation {
				threads = append(threads, ThreadKey{Workspace: m.Workspace, Conversation: m.Conversation})
			}
		}
		_, convs, err := u.load(ctx, threads)
		if err != nil {
			return err
		}
		msgs, err := u.loadMessages(ctx, keys)
		if err != nil {
			return err
		}
		count := map[string]int{}
		for _, m := range msgs {
			if m != nil && q.selects(*m) {
				m.Delivery.cancel(u.now, channel.ReasonCanceled)
				u.deliver(m)
				count[m.Conversation]++
				canceled++
			}
		}
		for _, c := range convs {
			if c != nil && count[c.now.ID] > 0 {
				u.activity(c, by, Activity{What: "canceled", Cause: fmt.Sprintf("queued texts: %d", count[c.now.ID])})
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return canceled, nil
}
