package sqlitestore

import (
	"context"

	"github.com/livedesk/livedesk-go/livedesk"
)

const (
	sqlContact = `SELECT ` + contactColumns + ` FROM contacts WHERE workspace = ? AND id = ?`

	// A contact with its thread on a channel and the thread's conversation, in one statement.
	sqlLoadedAt = `SELECT ` + loadedColumns + sqlLoaded + ` WHERE c.workspace = ? AND c.address = ?`

	sqlLoadedOf = `SELECT ` + loadedColumns + sqlLoaded + ` WHERE c.workspace = ? AND c.id = ?`

	sqlLoaded = ` FROM contacts AS c
		LEFT JOIN threads AS t ON t.workspace = c.workspace AND t.channel = ? AND t.contact = c.id
		LEFT JOIN conversations AS v ON v.workspace = t.workspace AND v.id = t.conversation`

	sqlUpdateThread = `UPDATE threads SET conversation = ?, opted_out = ?, consent_since = ?, consent_source = ?,
		consent_keyword = ?, automatic = ?, version = version + 1
		WHERE workspace = ? AND channel = ? AND contact = ? AND version = ?`
)

// Threads implements [livedesk.ReadTx]. Each costs one read, or two where a conversation names it.
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

// Threads implements [livedesk.ReadTx].
func (t *tx) Threads(ctx context.Context, keys []livedesk.ThreadKey) ([]livedesk.LoadedThread, error) {
	out, err := t.reader.Threads(ctx, keys)
	for i := range out {
		t.noteConversation(out[i].Current)
		t.noteConversation(out[i].Asked)
	}
	return out, err
}

func (r *reader) thread(k livedesk.ThreadKey, out *livedesk.LoadedThread) (err error) {
	text, args := sqlLoadedAt, []any{k.Channel, k.Workspace, string(k.Address)}
	var asked *livedesk.Conversation
	if k.Conversation != "" {
		if asked, err = r.conversation(k.Workspace, k.Conversation); err != nil || asked == nil {
			return err
		}
		text, args = sqlLoadedOf, []any{asked.Channel, k.Workspace, asked.Contact}
	}
	l, _, err := one(r, scanLoaded, text, args...)
	if l.Thread.Contact != "" { // without a thread on the channel the contact doesn't count
		*out = l
	}
	out.Asked = asked
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
