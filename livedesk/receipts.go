package livedesk

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/livedesk/livedesk-go/channel"
)

// receipt is a delivery receipt that came over a connection, or what the carrier's list said instead of one.
type receipt struct {
	conn   *connectionInfo
	r      channel.Receipt
	listed bool
}

// message names the message of a receipt, as well as it can be told before it is looked for.
func (r receipt) message() string {
	return r.conn.workspace + "\x00" + cmp.Or(r.r.Ref, r.r.ID)
}

// receive merges a batch of receipts into the messages that they are about. Those of a channel that another process may
// have just added are merged once more is known of it.
func (e *Engine) receive(ctx context.Context, batch []receipt) (alone bool, err error) {
	strange, err := e.merge(ctx, batch)
	for err == nil && len(strange) > 0 {
		if strange, err = e.reconnect(ctx, strange); len(strange) > 0 {
			strange, err = e.merge(ctx, strange)
		}
	}
	return false, err
}

// reconnect looks at the configuration again, and returns the receipts whose connection is another one since. The others
// are ignored: they are about a channel that was removed.
func (e *Engine) reconnect(ctx context.Context, batch []receipt) (again []receipt, err error) {
	if err := e.snap.lookAgain(ctx); err != nil && !errors.Is(err, errTooManyMisses) {
		return nil, err
	}
	known := e.snap.load().byWebhook
	for _, b := range batch {
		if c := known[b.conn.key]; c != nil && c != b.conn {
			again = append(again, receipt{c, b.r, b.listed})
		}
	}
	e.ignored.Add(int64(len(batch) - len(again)))
	return again, nil
}

// merge merges a batch of receipts in one transaction, and returns those of channels that this process doesn't know.
func (e *Engine) merge(ctx context.Context, batch []receipt) (strange []receipt, err error) {
	teach, others, err := e.whoOptedOut(ctx, batch)
	if err != nil {
		return nil, err
	}
	var u *unit
	var found map[int]bool
	var heard map[Sender]bool // channels that had a receipt
	err = e.store.Update(ctx, func(ctx context.Context, tx Tx) error {
		u, found, heard, strange = newUnit(e, tx), make(map[int]bool, len(batch)), map[Sender]bool{}, nil
		if err := u.loadTaught(ctx, teach, others); err != nil {
			return err
		}
		keys, whose := receiptKeys(batch)
		msgs, err := u.loadMessages(ctx, keys)
		if err != nil {
			return err
		}
		for i, m := range msgs {
			switch b := batch[whose[i]]; {
			case m == nil:
			case b.conn.owns(m):
				found[whose[i]] = true
				if !b.listed {
					heard[Sender{m.Workspace, m.Channel}] = true
				}
				u.receive(m, b)
			case b.conn.mayOwn(m, u.snap):
				strange = append(strange, b)
			}
		}
		return u.finish(ctx)
	})
	if err != nil {
		return nil, err
	}
	e.ignored.Add(int64(len(batch) - len(found) - len(strange)))
	e.committed(u)
	e.receiptsCame(ctx, heard, u.now)
	return strange, nil
}

// whoOptedOut finds the threads of receipts that say so, before the transaction: threads are locked before messages. others
// are the further threads that it counts for.
func (e *Engine) whoOptedOut(ctx context.Context, batch []receipt) (teach []ThreadKey, others []taught, err error) {
	var about []receipt
	for _, b := range batch {
		if b.r.Reason == channel.ReasonOptOut {
			about = append(about, b)
		}
	}
	if len(about) == 0 {
		return nil, nil, nil
	}
	err = e.store.View(ctx, func(ctx context.Context, tx ReadTx) error {
		keys, whose := receiptKeys(about)
		msgs, err := tx.Messages(ctx, keys)
		for i, m := range msgs {
			if m.ID == "" || !about[whose[i]].conn.owns(&m) {
				continue
			}
			teach = append(teach, ThreadKey{Workspace: m.Workspace, Conversation: m.Conversation})
			if ch := e.snap.load().channels[objectKey{m.Workspace, m.Channel}]; ch != nil && ch.wide() {
				contacts, err := tx.Contacts(ctx, m.Workspace, []string{m.Contact})
				if err != nil {
					return err
				}
				others = append(others, taught{ch, contacts[0].Address})
			}
		}
		return err
	})
	return teach, others, err
}

// taught is whom a carrier says to have opted out of a channel for all channels.
type taught struct {
	channel *channelInfo
	address channel.Address
}

// loadTaught locks the threads of those who have opted out, on all channels where it counts.
func (u *unit) loadTaught(ctx context.Context, teach []ThreadKey, others []taught) error {
	var rows []Arrival
	for _, o := range others {
		if o.address != "" {
			rows = append(rows, arrivalFrom(o.channel, o.address, "", ""))
			rows = append(rows, u.siblings(o.channel, o.address)...)
		}
	}
	if len(rows) > 0 {
		if _, err := u.meet(ctx, rows); err != nil {
			return err
		}
	}
	_, _, err := u.load(ctx, teach)
	return err
}

// receiptKeys says where to look for the messages: by our own id where the carrier gave it back, else by the carrier's
// on every channel of the connection. whose tells the receipt of each key.
func receiptKeys(batch []receipt) (keys []MessageKey, whose []int) {
	for i, b := range batch {
		if b.r.Ref != "" {
			keys, whose = append(keys, MessageKey{Workspace: b.conn.workspace, ID: b.r.Ref}), append(whose, i)
			continue
		}
		for _, ch := range b.conn.channels {
			keys = append(keys, MessageKey{Workspace: b.conn.workspace, Channel: ch.channel.ID, ProviderID: b.r.ID})
			whose = append(whose, i)
		}
	}
	return keys, whose
}

// owns reports whether a message went out over the connection.
func (c *connectionInfo) owns(m *Message) bool {
	if m.Workspace != c.workspace || m.Delivery == nil {
		return false
	}
	for _, ch := range c.channels {
		if ch.channel.ID == m.Channel {
			return true
		}
	}
	return false
}

// mayOwn reports whether a message is of a channel that a snapshot doesn't have.
func (c *connectionInfo) mayOwn(m *Message, snap *snapshot) bool {
	return m.Workspace == c.workspace && m.Delivery != nil && snap.channels[objectKey{m.Workspace, m.Channel}] == nil
}

// receive merges one receipt.
func (u *unit) receive(m *Message, b receipt) {
	r := b.r
	if m.ProviderID == "" {
		m.ProviderID = r.ID
	}
	if b.listed {
		m.Delivery.find(u.now, r)
	} else {
		m.Delivery.receive(u.now, r)
	}
	u.deliver(m)
	if r.Reason == channel.ReasonOptOut {
		u.learnOptOut(m, ConsentByReceipt, r.Code)
	}
}

// loadMessages locks messages and returns a working copy for each key, nil where there is none; keys of the same message
// share it.
func (u *unit) loadMessages(ctx context.Context, keys []MessageKey) ([]*Message, error) {
	rows, err := u.tx.Messages(ctx, keys)
	if err != nil {
		return nil, err
	}
	u.begun()
	byID := map[objectKey]*Message{}
	out := make([]*Message, len(rows))
	for i := range rows {
		if rows[i].ID == "" {
			continue
		}
		key := objectKey{rows[i].Workspace, rows[i].ID}
		if byID[key] == nil {
			byID[key] = &rows[i]
		}
		out[i] = byID[key]
	}
	return out, nil
}

// deliver notes that a message's delivery changed.
func (u *unit) deliver(m *Message) {
	if !slices.Contains(u.deliveries, m) {
		u.deliveries = append(u.deliveries, m)
	}
}
