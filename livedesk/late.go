package livedesk

import (
	"context"
	"time"

	"github.com/livedesk/livedesk-go/channel"
)

// A text that the carrier's list brought is late: the customer wrote it before things that the desk knows already. It is taken
// in like any other, at the end of the timeline, and its ProviderAt says when it was written; but
//
//   - the customer waits from the carrier's time on,
//   - nothing is greeted any more that is older than an automatic text may be (Config.ExpireAutomatic),
//   - STOP and START are weighed by the carrier's time: one that is older than what the ledger knows changes nothing. Clocks
//     may differ a little, and in doubt the customer stays opted out.

// listed marks an arrival that a list brought.
type listed struct {
	fresh bool  // it was not known; set by each try of the transaction
	err   error // why it could not be taken in
}

const (
	// keywordMargin is how much later than a late STOP a START must be to count as its end.
	keywordMargin = 10 * time.Second
	// lateEntries is how far back the timeline is looked through for one.
	lateEntries = 200
)

// written is when a late text was written, as far as the carrier's time makes sense; the others count as written now.
func (u *unit) written(a arrival) time.Time {
	if a.listed == nil || a.in.At.IsZero() || a.in.At.After(u.now) {
		return u.now
	}
	return micro(a.in.At)
}

// tooLate reports whether automatic answers to a text of that time are over.
func (u *unit) tooLate(at time.Time) bool {
	limit := u.e.cfg.ExpireAutomatic
	return limit >= 0 && u.now.Sub(at) >= limit
}

// outdated reports whether a late STOP or START is older than what is known of the customer's will.
func (u *unit) outdated(ctx context.Context, t *thread, a arrival, r reading) (bool, error) {
	if a.listed == nil {
		return false, nil
	}
	at, known := u.written(a), t.row.Consent
	switch meaning := r.means(t); {
	case meaning == channel.OptIn:
		return known.Since.After(at), nil
	case meaning != channel.OptOut || known.OptedOut || t.current == nil:
		return false, nil
	case known.Since.After(at.Add(keywordMargin)):
		return true, nil
	}
	return u.startedLater(ctx, t, at.Add(keywordMargin))
}

// startedLater reports whether the customer wrote START after a time. While opted in that is a text like any other, of which
// the ledger keeps nothing.
func (u *unit) startedLater(ctx context.Context, t *thread, at time.Time) (bool, error) {
	if t.current.was.ID == "" {
		return false, nil
	}
	entries, err := u.tx.Timeline(ctx, TimelineQuery{
		Workspace: t.row.Workspace, Conversation: t.current.now.ID, Last: true, Limit: lateEntries,
	})
	if err != nil {
		return false, err
	}
	for _, m := range entries {
		when := m.ProviderAt
		if when.IsZero() {
			when = m.At
		}
		if _, meaning := t.info.keywords.Match(m.Text); m.Kind == Incoming && meaning == channel.OptIn && when.After(at) {
			return true, nil
		}
	}
	return false, nil
}
