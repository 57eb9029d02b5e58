package livedesk

import (
	"context"
	"fmt"
	"time"
)

// Outgoing texts that have something left to do, found through their conversations: the stores have no verb for them but
// the claim's, which is about those that may go. It is for rare occasions, and reads no more than it must: conversations by
// latest activity, down to the oldest text that is looked for.

const (
	walkPage     = 50  // conversations of one read
	walkTimeline = 200 // entries of one
)

// textWalk says where to look. One of channel, contact and conversation is given, and all that are must hold.
type textWalk struct {
	workspace, channel, contact, conversation string
	// floor is when the oldest text that is looked for was stored; zero for no limit.
	floor time.Time
	// active leaves out conversations in which nothing happened since; zero for none.
	active time.Time
	most   int // conversations; 0 means no limit
}

// each calls fn with the unfinished outgoing texts of conversations, a page at a time, the newest activity first, until fn
// wants no more.
func (e *Engine) walkTexts(ctx context.Context, w textWalk, fn func(texts []Message) (more bool, err error)) error {
	var after *Mark
	for seen := 0; ; {
		var texts []Message
		n := 0
		err := e.store.View(ctx, func(ctx context.Context, tx ReadTx) error {
			convs, err := tx.Conversations(ctx, w.query(after))
			if err != nil {
				return err
			}
			n, texts = len(convs), nil
			for _, c := range convs {
				after = &Mark{At: c.ActiveAt, ID: c.ID}
				if c.ID == "" || c.ActiveAt.Before(w.floor) || c.ActiveAt.Before(w.active) {
					n = 0 // the others are older still
					return nil
				}
				if texts, err = w.unfinished(ctx, tx, c, texts); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("look for texts: %w", err)
		}
		if len(texts) > 0 {
			if more, err := fn(texts); err != nil || !more {
				return err
			}
		}
		if seen += n; n < walkPage || w.most > 0 && seen >= w.most || w.conversation != "" {
			return nil
		}
	}
}

func (w textWalk) query(after *Mark) ConversationQuery {
	q := ConversationQuery{Workspace: w.workspace, Channel: w.channel, Contact: w.contact, After: after, Limit: walkPage}
	if w.conversation != "" {
		q.IDs = []string{w.conversation}
	}
	return q
}

// unfinished appends the unfinished outgoing texts of a conversation.
func (w textWalk) unfinished(ctx context.Context, tx ReadTx, c Conversation, texts []Message) ([]Message, error) {
	for before := int64(0); ; {
		page, err := tx.Timeline(ctx, TimelineQuery{
			Workspace: c.Workspace, Conversation: c.ID, Before: before, Last: true, Limit: walkTimeline,
		})
		if err != nil {
			return nil, err
		}
		for _, m := range page {
			if m.Kind == Outgoing && m.Delivery.Unfinished() {
				texts = append(texts, m)
			}
		}
		if len(page) < walkTimeline || page[0].At.Before(w.floor) {
			return texts, nil
		}
		before = page[0].Seq
	}
}
