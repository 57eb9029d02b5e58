package livedesk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Channels whose carrier swallows texts: it accepts them, and no receipt ever comes (Bandwidth, when an application has no
// location). The first text of an hour that a channel without news has accepted leaves a job, which looks at it when its
// receipt is overdue. While receipts come, each process hears enough of them to leave none.

const (
	jobSilent = "silent" // see whether an accepted text had its receipt

	// silentEvery is for how long a receipt, or a job that waits, is news enough.
	silentEvery = time.Hour
	// silentConversations and silentTexts are how many others are looked at before a channel is called silent.
	silentConversations, silentTexts = 20, 50
)

// noReceipts is what is kept of a channel without receipts.
type noReceipts struct {
	Since  time.Time     `json:"since"`  // when the text was accepted that had none
	Within time.Duration `json:"within"` // in which it should have come
}

// warning says it in plain words.
func (s noReceipts) warning() string {
	return fmt.Sprintf("the carrier accepts texts, but within %s no receipt came for any: it may be losing them all. Check that "+
		"the number belongs to the application or service that sends, and that its status webhooks reach the desk", inHours(s.Within))
}

// warning says in plain words what looks wrong with a channel at now; empty where nothing does.
func (r healthRecord) warning(now time.Time) string {
	var all []string
	if r.Silent != nil {
		all = append(all, r.Silent.warning())
	}
	if !r.Flood.IsZero() && now.Sub(r.Flood) < floodEvery {
		all = append(all, floodWarning)
	}
	return strings.Join(all, "; ")
}

func inHours(d time.Duration) string {
	if d%time.Hour == 0 {
		return fmt.Sprintf("%d h", d/time.Hour)
	}
	return d.String()
}

// receiptNews is when this process last had news of a channel's receipts, by the store's clock.
type receiptNews struct {
	mu sync.Mutex
	of map[Sender]time.Time
}

func (r *receiptNews) note(s Sender, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.of == nil {
		r.of = map[Sender]time.Time{}
	}
	r.of[s] = now
}

func (r *receiptNews) none(s Sender, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return now.Sub(r.of[s]) >= silentEvery
}

// expectReceipt sees to it that somebody notices when an accepted text has no receipt. The job's key and time are those of
// the hour, so that no process puts off what another began to wait for.
func (u *unit) expectReceipt(m *Message) {
	ch := u.snap.channels[objectKey{m.Workspace, m.Channel}]
	if ch == nil || ch.conn == nil || ch.conn.traits.ReceiptWithin <= 0 || m.Delivery.State != Accepted ||
		!u.e.news.none(ch.sender(), u.now) {
		return
	}
	hour := u.now.Truncate(silentEvery)
	u.jobs = append(u.jobs, JobChange{Job: Job{
		Workspace: m.Workspace, Key: jobSilent + ":" + m.Channel + ":" + strconv.FormatInt(hour.Unix(), 36), Kind: jobSilent, Subject: m.ID,
		Due: hour.Add(silentEvery + ch.conn.traits.ReceiptWithin),
	}})
	u.expects = append(u.expects, ch.sender())
}

// receiptsCame takes notice of receipts that were merged: they end a channel's silence.
func (e *Engine) receiptsCame(ctx context.Context, of map[Sender]bool, now time.Time) {
	for s := range of {
		e.news.note(s, now)
		key := objectKey{s.Workspace, s.Channel}
		if e.healths.of(key).Silent == nil {
			continue
		}
		err := e.changeHealth(ctx, key, func(r *healthRecord, _ time.Time) bool {
			changed := r.Silent != nil
			r.Silent = nil
			return changed
		})
		if err != nil && !errors.Is(err, ErrNotFound) {
			e.logError("health of a channel was not stored", err, slog.String("channel", s.Channel))
		}
	}
}

// workSilent looks at the text that a job waits for, and tells of its channel's silence.
func (e *Engine) workSilent(ctx context.Context, j Job) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	var m Message
	var found noReceipts
	silent := false
	err := e.store.View(ctx, func(ctx context.Context, tx ReadTx) error {
		msgs, err := tx.Messages(ctx, []MessageKey{{Workspace: j.Workspace, ID: j.Subject}})
		if err != nil {
			return err
		}
		if m = msgs[0]; m.ID == "" || m.Delivery == nil || m.Delivery.State != Accepted || m.hadReceipt(time.Time{}) {
			return nil
		}
		if ch := e.snap.load().channels[objectKey{m.Workspace, m.Channel}]; ch != nil && ch.conn != nil {
			found = noReceipts{Since: m.acceptedAt(), Within: ch.conn.traits.ReceiptWithin}
			silent, err = silentSince(ctx, tx, m, found.Since)
		}
		return err
	})
	if err == nil && silent {
		err = e.changeHealth(ctx, objectKey{m.Workspace, m.Channel}, func(r *healthRecord, _ time.Time) bool {
			changed := r.Silent == nil
			if changed {
				r.Silent = &found
			}
			return changed
		})
	}
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	return e.update(ctx, func(ctx context.Context, tx Tx) error {
		return tx.Apply(ctx, Changes{Jobs: []JobChange{{Job: j, Done: true}}})
	})
}

// flagSilent flags the texts that are out of the carrier's time without a receipt.
func (e *Engine) flagSilent(list []Message, now time.Time) {
	snap := e.snap.load()
	for _, m := range list {
		if m.Delivery == nil || m.Delivery.State != Accepted {
			continue
		}
		ch := snap.channels[objectKey{m.Workspace, m.Channel}]
		if ch != nil && ch.conn != nil && ch.conn.traits.ReceiptWithin > 0 {
			m.Delivery.NoReceipt = now.Sub(m.acceptedAt()) > ch.conn.traits.ReceiptWithin && !m.hadReceipt(time.Time{})
		}
	}
}

// hadReceipt reports whether a receipt came for a text since.
func (m Message) hadReceipt(since time.Time) bool {
	if m.Delivery == nil {
		return false
	}
	for _, n := range m.Delivery.History {
		if n.Source == "receipt" && !n.At.Before(since) {
			return true
		}
	}
	return false
}

// acceptedAt is when the carrier took a text.
func (m Message) acceptedAt() time.Time {
	for _, n := range m.Delivery.History {
		if n.State == Accepted {
			return n.At
		}
	}
	return m.At
}

// silentSince reports whether none of the latest texts of a channel had a receipt since: one text alone may be bad luck.
func silentSince(ctx context.Context, tx ReadTx, m Message, since time.Time) (bool, error) {
	convs, err := tx.Conversations(ctx, ConversationQuery{Workspace: m.Workspace, Channel: m.Channel, Limit: silentConversations})
	if err != nil {
		return false, err
	}
	for _, c := range convs {
		entries, err := tx.Timeline(ctx, TimelineQuery{Workspace: c.Workspace, Conversation: c.ID, Last: true, Limit: silentTexts})
		if err != nil {
			return false, err
		}
		for _, e := range entries {
			if e.hadReceipt(since) {
				return false, nil
			}
		}
	}
	return true, nil
}
