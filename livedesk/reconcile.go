package livedesk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
)

// Reconciliation: texts whose outcome is unknown are looked for in the carrier's own list. The carrier is asked outside of
// any transaction, one list at a time per connection and process, and no oftener than a limit. A few texts are asked for by
// their recipients, as the contract of [sms.Lister] advises; many share one list of the connection. What was found goes the
// way of receipts, by our own id; the unique key on the carrier's id is the last guard that no id is taken twice.

const (
	fewTexts    = 3    // up to which each is asked for by its recipient
	sharedLimit = 1000 // entries of a list that many share
	ownLimit    = 200  // entries of a list of one recipient
	// freshList is how long a list that many share serves further texts, none of which was lost less than firstLook before.
	freshList = 10 * time.Second
	// listRate and listBurst bound how many lists of one connection a process asks for, per second.
	listRate, listBurst = 2, 10
	// rivalConversations and rivalTexts are how far back the texts to a recipient are looked through for those that may be
	// meant as well.
	rivalConversations, rivalTexts = 20, 200
)

// listings is what this process keeps of the lists of its connections.
type listings struct {
	mu sync.Mutex
	of map[objectKey]*listing
}

// listing is a connection's.
type listing struct {
	busy  chan struct{} // holds a token while somebody asks; it guards what follows
	limit *rate.Limiter
	taken time.Time // when the last list that many share was asked for, by the store's clock
	since time.Time
	list  []sms.Listed
	whole bool
}

func newListings() *listings { return &listings{of: map[objectKey]*listing{}} }

// enter waits for its turn to ask a connection's carrier.
func (l *listings) enter(ctx context.Context, conn *connectionInfo) (*listing, error) {
	key := objectKey{conn.workspace, conn.id}
	l.mu.Lock()
	one := l.of[key]
	if one == nil {
		one = &listing{busy: make(chan struct{}, 1), limit: rate.NewLimiter(listRate, listBurst)}
		l.of[key] = one
	}
	l.mu.Unlock()
	select {
	case one.busy <- struct{}{}:
		return one, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *listing) leave() { <-l.busy }

// fresh reports whether the last list serves for texts that began since.
func (l *listing) fresh(since, now time.Time) bool {
	if now.Sub(l.taken) > freshList {
		l.list = nil
	}
	return l.list != nil && !since.Before(l.since)
}

// list asks a carrier that can list. A panic of the adapter is an error.
func (e *Engine) list(ctx context.Context, conn *connectionInfo, q sms.ListQuery, limit time.Duration) (out []sms.Listed, err error) {
	defer func() {
		if r := recover(); r != nil {
			e.log.Error("provider panicked", slog.Any("panic", r), slog.String("connection", conn.id))
			err = errors.New("provider panicked")
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return conn.lister().List(ctx, q)
}

// search looks for texts of one connection at its carrier, and leaves in each look what it brought. now is the store's clock.
func (e *Engine) search(ctx context.Context, conn *connectionInfo, looks []*look, now time.Time) {
	ctx, cancel := context.WithTimeout(ctx, e.cfg.Lease/2) // well before anybody else does these jobs
	defer cancel()
	l, err := e.listings.enter(ctx, conn)
	if err != nil {
		for _, one := range looks {
			one.soon = true
		}
		return
	}
	defer l.leave()
	if len(looks) > fewTexts {
		if looks, err = e.searchTogether(ctx, conn, l, looks, now); err != nil {
			e.notListed(conn, looks, err)
			return
		}
	}
	for _, one := range looks {
		if !l.limit.AllowN(now, 1) {
			one.soon = true
			continue
		}
		if err := e.searchOne(ctx, conn, one); err != nil {
			e.notListed(conn, looks, err)
			return
		}
	}
}

// searchTogether looks for many texts in one list, and returns those that must be asked for by their recipient all the same:
// where the list is too long to be whole, and where nothing being found is to have consequences.
func (e *Engine) searchTogether(ctx context.Context, conn *connectionInfo, l *listing, looks []*look, now time.Time) (left []*look, err error) {
	since := slices.MinFunc(looks, func(a, b *look) int { return a.began().Compare(b.began()) }).began().Add(-absentMargin)
	if !l.fresh(since, now) {
		if !l.limit.AllowN(now, 1) {
			for _, one := range looks {
				one.soon = true
			}
			return nil, nil
		}
		q := sms.ListQuery{Direction: sms.DirectionOutbound, Since: since, Limit: sharedLimit}
		list, err := e.list(ctx, conn, q, e.cfg.Lease/2)
		if errors.Is(err, sms.ErrListTooLong) {
			return looks, nil
		}
		if err != nil {
			return looks, err
		}
		l.taken, l.since, l.list, l.whole = now, since, append([]sms.Listed{}, list...), len(list) < sharedLimit
	}
	for _, one := range looks {
		if err := e.judge(ctx, conn, one, l.list, l.whole); err != nil {
			return looks, err
		}
		if one.found == foundPart || one.found == foundNothing && e.cfg.RepeatAbsent && one.m.Class == ClassHuman {
			one.found = ""
			left = append(left, one)
		}
	}
	return left, nil
}

// searchOne looks for one text among those to its recipient.
func (e *Engine) searchOne(ctx context.Context, conn *connectionInfo, one *look) error {
	q := sms.ListQuery{
		Direction: sms.DirectionOutbound, From: one.ch.number, To: one.to, Since: one.began().Add(-absentMargin), Limit: ownLimit,
	}
	list, err := e.list(ctx, conn, q, e.cfg.Lease/2)
	switch {
	case errors.Is(err, sms.ErrListTooLong):
		one.found = foundPart
		return nil
	case err != nil:
		return err
	}
	return e.judge(ctx, conn, one, list, len(list) < ownLimit)
}

func (l *look) began() time.Time { return l.m.Delivery.loss().began }

// notListed notes that a carrier could not be asked for those of the texts that were not looked for yet: they wait on, for
// another look or their verdict.
func (e *Engine) notListed(conn *connectionInfo, looks []*look, err error) {
	after, _ := sms.RetryAfter(err)
	texts := 0
	for _, one := range looks {
		if one.found == "" {
			one.found, one.atLeast = notAsked, min(after, time.Hour)
			texts++
		}
	}
	e.log.LogAttrs(context.Background(), slog.LevelWarn, "unknown texts were not looked for: the carrier gave no list",
		slog.String("connection", conn.id), slog.Int("texts", texts), slog.Any("error", err))
}

// judge says whether a text is in a list, and merges what the list says if so.
func (e *Engine) judge(ctx context.Context, conn *connectionInfo, one *look, list []sms.Listed, whole bool) error {
	s := suspected(one.m)
	near := s.near(one.ch, one.to, list)
	owned, rivals := map[string]bool{}, []suspect(nil)
	if len(near) > 0 {
		// Read after the list was made: whoever may have what is in it is written down by now, with its id or as a rival.
		err := e.store.View(ctx, func(ctx context.Context, tx ReadTx) (err error) {
			if owned, err = e.owned(ctx, tx, one, near); err == nil {
				rivals, err = rivalsOf(ctx, tx, one)
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("read who else it could be: %w", err)
		}
	}
	var r *channel.Receipt
	if one.found, r = s.judge(near, owned, rivals, whole); one.found != foundIt {
		return nil
	}
	found := *r
	found.Ref = one.m.ID
	err := e.receipts.join(ctx, receipt{conn: conn, r: found, listed: true})
	if errors.Is(err, ErrExists) { // another text took that id meanwhile
		one.found, err = foundSeveral, nil
	}
	return err
}

// owned returns which of the carrier's ids other texts have, on any channel with the same sender.
func (e *Engine) owned(ctx context.Context, tx ReadTx, one *look, near []sms.Listed) (map[string]bool, error) {
	var keys []MessageKey
	for _, ch := range e.snap.load().channels {
		if ch.number != one.ch.number || ch.pool != one.ch.pool {
			continue
		}
		for _, l := range near {
			keys = append(keys, MessageKey{Workspace: ch.channel.Workspace, Channel: ch.channel.ID, ProviderID: l.Receipt.ID})
		}
	}
	msgs, err := tx.Messages(ctx, keys)
	owned := map[string]bool{}
	for i, m := range msgs {
		if m.ID != "" && m.ID != one.m.ID {
			owned[keys[i].ProviderID] = true
		}
	}
	return owned, err
}

// rivalsOf returns the other texts to the same contact whose carrier's id isn't known although they may have left.
func rivalsOf(ctx context.Context, tx ReadTx, one *look) (out []suspect, err error) {
	convs, err := tx.Conversations(ctx, ConversationQuery{
		Workspace: one.m.Workspace, Channel: one.m.Channel, Contact: one.m.Contact, Limit: rivalConversations,
	})
	if err != nil {
		return nil, err
	}
	for _, c := range convs {
		entries, err := tx.Timeline(ctx, TimelineQuery{Workspace: c.Workspace, Conversation: c.ID, Last: true, Limit: rivalTexts})
		if err != nil {
			return nil, err
		}
		for _, m := range entries {
			if m.ID != one.m.ID && m.mayHaveLeft() {
				out = append(out, suspected(m))
			}
		}
	}
	return out, nil
}

// mayHaveLeft reports a text that the carrier may have without our knowing its id.
func (m Message) mayHaveLeft() bool {
	if m.Delivery == nil || m.ProviderID != "" {
		return false
	}
	switch m.Delivery.State {
	case Posting, Unknown, Unconfirmed:
		return true
	}
	return m.Delivery.repeated() // also one that was taken back since
}
