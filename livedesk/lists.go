package livedesk

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"iter"
	"time"
)

// Cursor is a place in a list, to go on from. It is opaque, and only good for the list that it came from. The empty
// Cursor is the beginning, and, as Next of a [Page], the end.
type Cursor string

// Page is a part of a list.
type Page[T any] struct {
	Items []T    `json:"items"`
	Next  Cursor `json:"next,omitempty"` // empty when there are no more
}

// DefaultLimit is the size of a page where none is asked for; MaxLimit is the largest.
const (
	DefaultLimit = 50
	MaxLimit     = 1000
)

// cursorVersion leads every cursor.
const cursorVersion = 1

type cursorData struct {
	V     int    `json:"v"`
	Order Order  `json:"o,omitempty"`
	At    int64  `json:"t"` // microseconds
	ID    string `json:"id"`
}

func makeCursor(o Order, at time.Time, id string) Cursor {
	b, _ := json.Marshal(cursorData{cursorVersion, o, at.UnixMicro(), id}) // of plain fields: never fails
	return Cursor(base64.RawURLEncoding.EncodeToString(b))
}

func (c Cursor) mark(o Order) (*Mark, error) {
	if c == "" {
		return nil, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(string(c))
	var d cursorData
	if err != nil || len(b) > 512 || json.Unmarshal(b, &d) != nil || d.V != cursorVersion || d.Order != o || d.ID == "" {
		return nil, invalid("cursor", "is not one of this list")
	}
	return &Mark{At: time.UnixMicro(d.At).UTC(), ID: d.ID}, nil
}

func pageLimit(n int) (int, error) {
	switch {
	case n == 0:
		return DefaultLimit, nil
	case n < 0 || n > MaxLimit:
		return 0, invalid("limit", "must be between 1 and 1000")
	}
	return n, nil
}

// List selects conversations. Empty fields select all; given ones must all hold. The workspace is the desk's.
type List struct {
	States     []State `json:"states,omitempty"`
	Channel    string  `json:"channel,omitempty"`
	Contact    string  `json:"contact,omitempty"`
	Assignee   string  `json:"assignee,omitempty"`
	Unassigned bool    `json:"unassigned,omitempty"`
	Unread     bool    `json:"unread,omitempty"`
	Order      Order   `json:"order,omitempty"`
	After      Cursor  `json:"after,omitempty"`
	Limit      int     `json:"limit,omitempty"` // zero means 50; at most 1000
}

// Conversations returns one page of a list. Each page is a read of its own: what moves in between may be missed or
// seen twice.
func (d *Desk) Conversations(ctx context.Context, l List) (Page[Conversation], error) {
	limit, err := pageLimit(l.Limit)
	if err != nil {
		return Page[Conversation]{}, err
	}
	if l.Order != LatestActivity && l.Order != LongestWaiting {
		return Page[Conversation]{}, invalid("order", "is not an order")
	}
	mark, err := l.After.mark(l.Order)
	if err != nil {
		return Page[Conversation]{}, err
	}
	var items []Conversation
	err = d.view(ctx, func(ctx context.Context, tx ReadTx) error {
		items, err = tx.Conversations(ctx, ConversationQuery{
			Workspace: d.workspace, States: l.States, Channel: l.Channel, Contact: l.Contact, Assignee: l.Assignee,
			Unassigned: l.Unassigned, Unread: l.Unread, Order: l.Order, After: mark, Limit: min(limit+1, MaxLimit),
		})
		return err
	})
	if err != nil {
		return Page[Conversation]{}, fmt.Errorf("list conversations: %w", err)
	}
	p := Page[Conversation]{Items: items}
	if full := min(limit, MaxLimit-1); len(items) > full { // one more was asked for, to know whether there is a next page
		p.Items = items[:full]
		last := p.Items[full-1]
		at := last.ActiveAt
		if l.Order == LongestWaiting {
			at = last.WaitingSince
		}
		p.Next = makeCursor(l.Order, at, last.ID)
	}
	return p, nil
}

// AllConversations yields a whole list, page after page, from l.After on. An error is yielded once, last.
func (d *Desk) AllConversations(ctx context.Context, l List) iter.Seq2[Conversation, error] {
	return func(yield func(Conversation, error) bool) {
		for {
			p, err := d.Conversations(ctx, l)
			if err != nil {
				yield(Conversation{}, err)
				return
			}
			for _, c := range p.Items {
				if !yield(c, nil) {
					return
				}
			}
			if l.After = p.Next; p.Next == "" {
				return
			}
		}
	}
}

// Conversation returns one conversation.
func (d *Desk) Conversation(ctx context.Context, id string) (Conversation, error) {
	var list []Conversation
	err := d.view(ctx, func(ctx context.Context, tx ReadTx) error {
		var err error
		list, err = tx.Conversations(ctx, ConversationQuery{Workspace: d.workspace, IDs: []string{id}, Limit: 1})
		return err
	})
	if err != nil {
		return Conversation{}, err
	}
	if len(list) == 0 || list[0].ID == "" {
		return Conversation{}, fmt.Errorf("conversation %s: %w", id, ErrNotFound)
	}
	return list[0], nil
}

// Counts counts live conversations for an inbox's badges. Workspace is the desk's.
func (d *Desk) Counts(ctx context.Context, q CountQuery) (n Counts, err error) {
	q.Workspace = d.workspace
	err = d.view(ctx, func(ctx context.Context, tx ReadTx) error {
		n, err = tx.Counts(ctx, q)
		return err
	})
	return n, err
}

// Messages yields the timeline of a conversation from the entry behind after on (0 is the beginning), the oldest first:
// texts, notes and activities. Each page of 200 is a read of its own. An error is yielded once, last. A conversation that
// there isn't has none.
func (d *Desk) Messages(ctx context.Context, conversation string, after int64) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		const page = 200
		for {
			list, err := d.timeline(ctx, TimelineQuery{Conversation: conversation, After: after, Limit: page})
			if err != nil {
				yield(Message{}, err)
				return
			}
			for _, m := range list {
				if !yield(m, nil) {
					return
				}
				after = m.Seq
			}
			if len(list) < page {
				return
			}
		}
	}
}

// Latest returns the newest entries of a conversation's timeline before an entry (0 means all), the oldest first; limit
// is 1 to 1000, zero means 50. A conversation that there isn't has none.
func (d *Desk) Latest(ctx context.Context, conversation string, before int64, limit int) ([]Message, error) {
	limit, err := pageLimit(limit)
	if err != nil {
		return nil, err
	}
	return d.timeline(ctx, TimelineQuery{Conversation: conversation, Before: before, Last: true, Limit: limit})
}

func (d *Desk) timeline(ctx context.Context, q TimelineQuery) (list []Message, err error) {
	q.Workspace = d.workspace
	err = d.view(ctx, func(ctx context.Context, tx ReadTx) error {
		if list, err = tx.Timeline(ctx, q); err == nil {
			d.e.flagSilent(list, tx.Now())
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("timeline of %s: %w", q.Conversation, err)
	}
	return list, nil
}

// Message returns one entry of a timeline.
func (d *Desk) Message(ctx context.Context, id string) (Message, error) {
	var list []Message
	err := d.view(ctx, func(ctx context.Context, tx ReadTx) error {
		var err error
		if list, err = tx.Messages(ctx, []MessageKey{{Workspace: d.workspace, ID: id}}); err == nil {
			d.e.flagSilent(list, tx.Now())
		}
		return err
	})
	if err != nil {
		return Message{}, err
	}
	if len(list) == 0 || list[0].ID == "" {
		return Message{}, fmt.Errorf("message %s: %w", id, ErrNotFound)
	}
	return list[0], nil
}

// Contact returns one contact.
func (d *Desk) Contact(ctx context.Context, id string) (Contact, error) {
	var list []Contact
	err := d.view(ctx, func(ctx context.Context, tx ReadTx) error {
		var err error
		list, err = tx.Contacts(ctx, d.workspace, []string{id})
		return err
	})
	if err != nil {
		return Contact{}, err
	}
	if len(list) == 0 || list[0].ID == "" {
		return Contact{}, fmt.Errorf("contact %s: %w", id, ErrNotFound)
	}
	return list[0], nil
}
