package livedesk

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// The budget of AI replies. Every turn that ended left exactly one entry with its key in the timeline: what was said, or what
// became of it. So the turns of the last hour are counted there, and the budget is exact in any hour without a state of its
// own; only until when it is used up is kept with the thread, for routing.

// budgetWindow is the time that the budget is for.
const budgetWindow = time.Hour

// maxBudgetPages bounds how much of one timeline is looked at: who wrote more than that in an hour is no person.
const maxBudgetPages = 10

// maxBudgetOthers is how many further conversations of the contact are looked at, the latest first.
const maxBudgetOthers = 50

const turnKeyPrefix = autoKeyPrefix + "ai:"

// turnKey is the key of the entry that a turn leaves.
func turnKey(seq int64) string { return fmt.Sprintf("%s%d", turnKeyPrefix, seq) }

// endsTurn reports whether an entry is the one that a turn left; later parts of a long answer aren't.
func endsTurn(m Message) bool {
	return strings.HasPrefix(m.Key, turnKeyPrefix) && !strings.Contains(m.Key, "\x1f")
}

// turnsTaken returns when the turns ended that AI agents took for a conversation's contact within the last hour, the oldest
// first, and whether there may be another one. list are the newest entries, as q selects them.
func (u *unit) turnsTaken(ctx context.Context, c *conv, q TimelineQuery, list []Message) (ends []time.Time, left bool, err error) {
	most := u.e.cfg.AIReplies
	if most < 0 {
		return nil, true, nil
	}
	since := u.now.Add(-budgetWindow)
	ends, through, err := u.turnsIn(ctx, q, list, since, most)
	if err != nil || !through {
		return nil, false, err
	}
	others, err := u.tx.Conversations(ctx, ConversationQuery{Workspace: q.Workspace, Contact: c.now.Contact, Limit: maxBudgetOthers})
	if err != nil {
		return nil, false, err
	}
	for _, o := range others {
		if o.ID == c.now.ID || !o.ActiveAt.After(since) {
			continue
		}
		q.Conversation = o.ID
		if list, err = u.tx.Timeline(ctx, q); err != nil {
			return nil, false, err
		}
		more, through, err := u.turnsIn(ctx, q, list, since, most)
		if err != nil || !through {
			return nil, false, err
		}
		ends = append(ends, more...)
	}
	slices.SortFunc(ends, time.Time.Compare)
	return ends, len(ends) < most, nil
}

// turnsIn returns when turns ended in one conversation, and whether it was looked at far enough.
func (u *unit) turnsIn(ctx context.Context, q TimelineQuery, list []Message, since time.Time, most int) (ends []time.Time, through bool, err error) {
	for range maxBudgetPages {
		for _, m := range slices.Backward(list) {
			if !m.At.After(since) {
				return ends, true, nil
			}
			if endsTurn(m) {
				ends = append(ends, m.At)
			}
		}
		if len(list) < q.Limit || len(ends) >= most {
			return ends, true, nil
		}
		q.Before, q.Limit = list[0].Seq, MaxLimit
		if list, err = u.tx.Timeline(ctx, q); err != nil {
			return nil, false, err
		}
	}
	return nil, false, nil
}

// ended sees to it that a turn left its key on one of the unit's entries, and notes until when the budget is used up if this
// was the last one that it had.
func (u *unit) ended(th *thread, t *turn) {
	key := turnKey(t.seq)
	if !slices.ContainsFunc(u.messages, func(m *Message) bool { return m.Key == key }) {
		u.messages[0].Key = key
	}
	if ends := append(t.spent, u.now); len(ends) == u.e.cfg.AIReplies {
		th.row.AINext, th.changed = ends[0].Add(budgetWindow), true
	}
}
