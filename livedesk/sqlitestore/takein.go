package sqlitestore

import (
	"context"
	"fmt"

	"github.com/livedesk/livedesk-go/livedesk"
)

const (
	sqlInsertContact = `INSERT INTO contacts (workspace, id, address, name, external_id, language, zone, country, attributes,
		labels, created_at, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)`

	sqlUpdateContact = `UPDATE contacts SET address = ?, name = ?, external_id = ?, language = ?, zone = ?, country = ?,
		attributes = ?, labels = ?, created_at = ?, version = version + 1 WHERE workspace = ? AND id = ? AND version = ?`

	sqlMeetThread = `INSERT INTO threads (workspace, channel, contact, version) VALUES (?, ?, ?, 1)`

	sqlInsertArrival = `INSERT INTO arrivals (workspace, channel, key, day) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`
)

// TakeIn implements [livedesk.Tx]. It costs one read for each channel, and a statement for each key, each new contact and
// each new thread.
func (t *tx) TakeIn(ctx context.Context, arrivals []livedesk.Arrival) ([]livedesk.Arrived, error) {
	out := make([]livedesk.Arrived, len(arrivals))
	err := t.change(ctx, func() error {
		known, err := t.known(arrivals)
		if err != nil {
			return err
		}
		met := map[rowKey]bool{} // addresses whose contact or thread this call made
		for i := range arrivals {
			if out[i], err = t.takeIn(&arrivals[i], known[i], met); err != nil {
				return fmt.Errorf("take in arrival %d: %w", i, err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// known loads what there is of each arrival's contact, thread and conversation.
func (t *tx) known(arrivals []livedesk.Arrival) ([]livedesk.LoadedThread, error) {
	out, keys := make([]livedesk.LoadedThread, len(arrivals)), batches{}
	for i, a := range arrivals {
		keys.add(scope{a.Workspace, a.Channel}, string(a.Address), i)
	}
	for s, b := range keys {
		err := lookUp(&t.reader, b, t.scanLoaded, func(i int, l livedesk.LoadedThread) { out[i] = l }, sqlLoadedAt, s.workspace, s.within)
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// takeIn sees to it that an arrival's contact and thread exist, and remembers its key.
func (t *tx) takeIn(a *livedesk.Arrival, l livedesk.LoadedThread, met map[rowKey]bool) (livedesk.Arrived, error) {
	who := rowKey{a.Workspace, string(a.Address)}
	if l.Thread.Contact == "" && met[who] { // by an arrival before it
		again, err := t.known([]livedesk.Arrival{*a})
		if err != nil {
			return livedesk.Arrived{}, err
		}
		l = again[0]
	}
	out := livedesk.Arrived{New: l.Contact.ID == "", LoadedThread: l}
	if l.Thread.Contact == "" {
		met[who] = true
		if err := t.meet(a, &out.LoadedThread); err != nil {
			return out, err
		}
	}
	if a.Key == "" {
		return out, nil
	}
	n, err := t.exec(sqlInsertArrival, a.Workspace, a.Channel, a.Key, day(t.now))
	out.New = n == 1
	return out, err
}

// meet makes a thread, and its contact where there is none.
func (t *tx) meet(a *livedesk.Arrival, l *livedesk.LoadedThread) error {
	if l.Contact.ID == "" {
		l.Contact = a.NewContact(t.now)
		if err := t.putContact(&l.Contact); err != nil {
			return err
		}
		l.Contact.Version++
	}
	l.Thread = livedesk.Thread{Workspace: a.Workspace, Channel: a.Channel, Contact: l.Contact.ID, Version: 1}
	_, err := t.exec(sqlMeetThread, a.Workspace, a.Channel, l.Contact.ID)
	return err
}

func (t *tx) putContact(c *livedesk.Contact) error {
	values := []any{c.Workspace, c.ID, string(c.Address), c.Name, c.ExternalID, c.Language, c.Zone, c.Country,
		dict(c.Attributes), array(c.Labels), micros(c.CreatedAt)}
	if c.Version != 0 {
		values = values[2:]
	}
	return t.put(c.Version, sqlInsertContact, sqlUpdateContact, values, c.Workspace, c.ID)
}
