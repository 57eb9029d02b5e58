package sqlitestore

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
)

const (
	sqlInsertContact = `INSERT INTO contacts (` + contactColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)`

	sqlUpdateContact = `UPDATE contacts SET address = ?, name = ?, external_id = ?, language = ?, zone = ?, country = ?,
		attributes = ?, labels = ?, created_at = ?, version = version + 1 WHERE workspace = ? AND id = ? AND version = ?`

	sqlMeetThread = `INSERT INTO threads (workspace, channel, contact, version) VALUES (?, ?, ?, 1)`

	sqlInsertArrival = `INSERT INTO arrivals (workspace, channel, key) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`
)

// meeting is an address on a channel.
type meeting struct {
	workspace, channel string
	address            channel.Address
}

// TakeIn implements [livedesk.Tx]. A known contact costs two statements, a new one four.
func (t *tx) TakeIn(ctx context.Context, arrivals []livedesk.Arrival) ([]bool, error) {
	fresh := make([]bool, len(arrivals))
	err := t.atomically(ctx, func() error {
		for i := range arrivals {
			a := &arrivals[i]
			made, err := t.meet(a)
			if err != nil {
				return fmt.Errorf("take in contact %s: %w", a.Contact.ID, err)
			}
			if a.Key == "" {
				fresh[i] = made
				continue
			}
			n, err := t.exec(sqlInsertArrival, a.Workspace, a.Channel, a.Key)
			if err != nil {
				return fmt.Errorf("take in contact %s: %w", a.Contact.ID, err)
			}
			fresh[i] = n == 1
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return fresh, nil
}

// meet sees to it that an arrival's contact and thread exist, and reports whether it made the contact. What it reads is
// kept for Threads, which comes next and asks for the same.
func (t *tx) meet(a *livedesk.Arrival) (made bool, err error) {
	m := meeting{a.Workspace, a.Channel, a.Contact.Address}
	if _, done := t.met[m]; done {
		return false, nil
	}
	l, known, err := one(&t.reader, scanLoaded, sqlLoadedAt, a.Channel, a.Workspace, string(a.Contact.Address))
	if err != nil {
		return false, err
	}
	if !known {
		l.Contact = a.Contact
		l.Contact.Workspace, l.Contact.Version = a.Workspace, 0
		if err := t.putContact(&l.Contact); err != nil {
			return false, err
		}
	}
	if l.Thread.Contact == "" {
		_, err = t.exec(sqlMeetThread, a.Workspace, a.Channel, l.Contact.ID)
		return !known, err
	}
	if t.met == nil {
		t.met = make(map[meeting]livedesk.LoadedThread, 4)
	}
	t.met[m] = l
	return false, nil
}

func scanID(r *sql.Rows) (id string, err error) { return id, r.Scan(&id) }

func (t *tx) putContact(c *livedesk.Contact) error {
	values := []any{c.Workspace, c.ID, string(c.Address), c.Name, c.ExternalID, c.Language, c.Zone, c.Country,
		dict(c.Attributes), array(c.Labels), micros(c.CreatedAt)}
	if c.Version != 0 {
		values = values[2:]
	}
	return t.put(c.Version, sqlInsertContact, sqlUpdateContact, values, c.Workspace, c.ID)
}
