package sqlitestore

import (
	"context"

	"github.com/livedesk/livedesk-go/livedesk"
)

const (
	sqlContact = `SELECT ` + contactColumns + ` FROM contacts WHERE workspace = ? AND id = ?`

	sqlContactAt = `SELECT ` + contactColumns + ` FROM contacts WHERE workspace = ? AND address = ?`

	sqlThread = `SELECT ` + threadColumns + ` FROM threads WHERE workspace = ? AND channel = ? AND contact = ?`

	sqlUpdateThread = `UPDATE threads SET conversation = ?, opted_out = ?, consent_since = ?, consent_source = ?,
		consent_keyword = ?, automatic = ?, version = version + 1
		WHERE workspace = ? AND channel = ? AND contact = ? AND version = ?`
)

// Threads implements [livedesk.ReadTx]. Each costs up to four reads by key.
func (r *reader) Threads(ctx context.Context, keys []livedesk.ThreadKey) ([]livedesk.LoadedThread, error) {
	if err := r.usable(ctx); err != nil {
		return nil, err
	}
	out := make([]livedesk.LoadedThread, len(keys))
	for i, k := range keys {
		if err := r.thread(k, &out[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Threads implements [livedesk.ReadTx]. What TakeIn has read just now isn't read again.
func (t *tx) Threads(ctx context.Context, keys []livedesk.ThreadKey) ([]livedesk.LoadedThread, error) {
	if err := t.usable(ctx); err != nil {
		return nil, err
	}
	out := make([]livedesk.LoadedThread, len(keys))
	for i, k := range keys {
		if err := t.thread(k, &out[i]); err != nil {
			return nil, err
		}
		t.noteConversation(out[i].Current)
		t.noteConversation(out[i].Asked)
	}
	return out, nil
}

func (t *tx) thread(k livedesk.ThreadKey, out *livedesk.LoadedThread) (err error) {
	m := meeting{k.Workspace, k.Channel, k.Address}
	met, known := t.met[m]
	if !known || k.Conversation != "" {
		return t.reader.thread(k, out)
	}
	delete(t.met, m) // its maps are given away, to one caller only
	*out = met
	if out.Thread.Conversation != "" {
		out.Current, err = t.conversation(k.Workspace, out.Thread.Conversation)
	}
	return err
}

func (r *reader) thread(k livedesk.ThreadKey, out *livedesk.LoadedThread) (err error) {
	var contact livedesk.Contact
	var found bool
	channel := k.Channel
	if k.Conversation != "" {
		out.Asked, err = r.conversation(k.Workspace, k.Conversation)
		if err != nil || out.Asked == nil {
			return err
		}
		channel = out.Asked.Channel
		contact, found, err = one(r, scanContact, sqlContact, k.Workspace, out.Asked.Contact)
	} else {
		contact, found, err = one(r, scanContact, sqlContactAt, k.Workspace, string(k.Address))
	}
	if err != nil || !found {
		return err
	}
	out.Thread, found, err = one(r, scanThread, sqlThread, k.Workspace, channel, contact.ID)
	if err != nil || !found {
		return err
	}
	out.Contact = contact
	if out.Thread.Conversation != "" {
		out.Current, err = r.conversation(k.Workspace, out.Thread.Conversation)
	}
	return err
}

// Contacts implements [livedesk.ReadTx].
func (r *reader) Contacts(ctx context.Context, workspace string, ids []string) ([]livedesk.Contact, error) {
	if err := r.usable(ctx); err != nil {
		return nil, err
	}
	out := make([]livedesk.Contact, len(ids))
	for i, id := range ids {
		var err error
		if out[i], _, err = one(r, scanContact, sqlContact, workspace, id); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (t *tx) putThread(h *livedesk.Thread) error {
	if h.Version == 0 {
		return livedesk.ErrConflict // TakeIn makes them
	}
	return t.put(h.Version, "", sqlUpdateThread, []any{h.Conversation, h.Consent.OptedOut, maybeMicros(h.Consent.Since),
		h.Consent.Source, h.Consent.Keyword, h.Automatic}, h.Workspace, h.Channel, h.Contact)
}
