package sqlitestore

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/livedesk/livedesk-go/livedesk"
)

const (
	sqlInsertContact = `INSERT INTO contacts (` + contactColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)`

	sqlUpdateContact = `UPDATE contacts SET address = ?, name = ?, external_id = ?, language = ?, zone = ?, country = ?,
		attributes = ?, labels = ?, created_at = ?, version = version + 1 WHERE workspace = ? AND id = ? AND version = ?`

	sqlMeetThread = `INSERT INTO threads (workspace, channel, contact, version) VALUES (?, ?, ?, 1)`

	sqlInsertArrival = `INSERT INTO arrivals (workspace, channel, key) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`
)

// TakeIn implements [livedesk.Tx]. A known contact costs two statements, a new one four.
func (t *tx) TakeIn(ctx context.Context, arrivals []livedesk.Arrival) ([]livedesk.Arrived, error) {
	out := make([]livedesk.Arrived, len(arrivals))
	err := t.change(ctx, func() error {
		for i := range arrivals {
			if err := t.takeIn(&arrivals[i], &out[i]); err != nil {
				return fmt.Errorf("take in: %w", err)
			}
			t.noteConversation(out[i].Current)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// takeIn sees to it that an arrival's contact and thread exist, and remembers its key.
func (t *tx) takeIn(a *livedesk.Arrival, out *livedesk.Arrived) error {
	l, known, err := one(&t.reader, scanLoaded, sqlLoadedAt, a.Channel, a.Workspace, string(a.Address))
	if err != nil {
		return err
	}
	if !known {
		l.Contact = a.NewContact(t.now)
		if err := t.putContact(&l.Contact); err != nil {
			return err
		}
		l.Contact.Version++
	}
	if l.Thread.Contact == "" {
		l.Thread = livedesk.Thread{Workspace: a.Workspace, Channel: a.Channel, Contact: l.Contact.ID, Version: 1}
		if _, err = t.exec(sqlMeetThread, a.Workspace, a.Channel, l.Contact.ID); err != nil {
			return err
		}
	}
	out.LoadedThread, out.New = l, !known
	if a.Key != "" {
		n, err := t.exec(sqlInsertArrival, a.Workspace, a.Channel, a.Key)
		if err != nil {
			return err
		}
		out.New = n == 1
	}
	return nil
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
