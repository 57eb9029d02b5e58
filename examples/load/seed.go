package main

import (
	"context"
	"fmt"
	"time"

	"github.com/livedesk/livedesk-go/livedesk"
)

// batch is how many rows one transaction of a preparation writes, about.
const batch = 500

// crowd are customers from..to-1.
type crowd struct{ from, to uint64 }

func (c crowd) size() int { return int(c.to - c.from) }

// meet returns customers whom nobody has met yet.
func (b *bench) meet(n int) crowd {
	to := b.people.Add(uint64(n))
	return crowd{to - uint64(n), to}
}

// parts cuts a crowd into pieces whose rows fit into a transaction.
func (c crowd) parts(rowsEach int) (out []crowd) {
	step := uint64(max(batch/rowsEach, 1))
	for from := c.from; from < c.to; from += step {
		out = append(out, crowd{from, min(from+step, c.to)})
	}
	return out
}

// settle gives every customer of a crowd an open conversation that waits for somebody, with some messages in it. It writes
// rows as the engine would, without deciding anything, because a desk of millions of messages has to be there quickly.
func (b *bench) settle(ctx context.Context, l *line, c crowd, messages int) error {
	for _, part := range c.parts(messages + 2) {
		err := b.eachThread(ctx, l, part, func(now time.Time, t livedesk.LoadedThread, all *livedesk.Changes) {
			conv := livedesk.Conversation{
				Workspace: t.Thread.Workspace, ID: b.ids.row(now, b.rows.Add(1)), Channel: l.channel.ID, Contact: t.Contact.ID,
				Address: t.Contact.Address, State: livedesk.Open, Cycle: 1, CreatedAt: now, ActiveAt: now, WaitingSince: now,
				Queue: livedesk.ChannelQueue(l.channel.ID), QueuedAt: now, Unread: messages, LastSeq: int64(messages),
			}
			for i := range messages {
				all.Messages = append(all.Messages, b.entry(now, conv, int64(i+1), livedesk.Message{
					Kind: livedesk.Incoming, By: livedesk.Actor{Kind: livedesk.ActorCustomer}, Text: words[i%len(words)],
					ProviderID: b.ids.sid(b.sids.Add(1)),
				}))
			}
			t.Thread.Conversation = conv.ID
			all.Conversations, all.Threads = append(all.Conversations, conv), append(all.Threads, t.Thread)
		})
		if err != nil {
			return fmt.Errorf("prepare conversations: %w", err)
		}
	}
	return nil
}

// sendable appends outgoing texts to the conversation of every customer of a crowd, numbered from 1, and returns them.
func (b *bench) sendable(ctx context.Context, l *line, c crowd, each int, shape func(now time.Time, m *livedesk.Message)) ([]livedesk.Message, error) {
	var out []livedesk.Message
	for _, part := range c.parts(each + 1) {
		var made []livedesk.Message
		err := b.eachThread(ctx, l, part, func(now time.Time, t livedesk.LoadedThread, all *livedesk.Changes) {
			conv := *t.Current
			for i := range each {
				m := b.entry(now, conv, conv.LastSeq+1, livedesk.Message{
					Kind: livedesk.Outgoing, Class: livedesk.ClassHuman, By: livedesk.Actor{Kind: livedesk.ActorHost}, Text: numbered(i + 1),
					Delivery: &livedesk.Delivery{State: livedesk.Queued, Due: now, Expires: now.Add(24 * time.Hour), Segments: 1},
				})
				shape(now, &m)
				conv.LastSeq++
				all.Messages = append(all.Messages, m)
			}
			all.Conversations = append(all.Conversations, conv)
			made = all.Messages
		})
		if err != nil {
			return nil, fmt.Errorf("prepare texts: %w", err)
		}
		out = append(out, made...)
	}
	return out, nil
}

// entry fills in what belongs to a conversation.
func (b *bench) entry(now time.Time, c livedesk.Conversation, seq int64, m livedesk.Message) livedesk.Message {
	m.Workspace, m.ID, m.Conversation = c.Workspace, b.ids.row(now, b.rows.Add(1)), c.ID
	m.Channel, m.Contact, m.Seq, m.At = c.Channel, c.Contact, seq, now
	return m
}

// eachThread makes the threads of a crowd, locks them, and writes what fn makes of each, in one transaction.
func (b *bench) eachThread(ctx context.Context, l *line, c crowd, fn func(now time.Time, t livedesk.LoadedThread, all *livedesk.Changes)) error {
	return b.db.store.Update(ctx, func(ctx context.Context, tx livedesk.Tx) error {
		var arrivals []livedesk.Arrival
		for n := c.from; n < c.to; n++ {
			arrivals = append(arrivals, livedesk.Arrival{Workspace: b.workspace(), Channel: l.channel.ID, Address: address(n)})
		}
		threads, err := tx.TakeIn(ctx, arrivals)
		if err != nil {
			return err
		}
		now := tx.Now()
		var all livedesk.Changes
		for _, t := range threads {
			fn(now, t.LoadedThread, &all)
		}
		return tx.Apply(ctx, all)
	})
}
