package sqlitestore

import (
	"context"

	"github.com/livedesk/livedesk-go/livedesk"
)

const (
	sqlContacts = `SELECT k.key, ` + contactColumns + ` FROM json_each(?) AS k
		CROSS JOIN contacts AS c ON c.workspace = ? AND c.id = k.value`

	// Contacts with their thread on a channel and the thread's conversation: by address, or by id.
	sqlLoadedAt = `SELECT k.key, ` + loadedColumns + ` FROM json_each(?) AS k
		CROSS JOIN contacts AS c ON c.workspace = ? AND c.address = k.value ` + sqlLoaded

	sqlLoadedOf = `SELECT k.key, ` + loadedColumns + ` FROM json_each(?) AS k
		CROSS JOIN contacts AS c ON c.workspace = ? AND c.id = k.value ` + sqlLoaded

	sqlLoaded = `LEFT JOIN threads AS t ON t.workspace = c.workspace AND t.channel = ? AND t.contact = c.id
		LEFT JOIN conversations AS v ON v.workspace = t.workspace AND v.id = t.conversation`

	// The ledger of a workspace, of a channel or of a contact.
	sqlConsents = `SELECT ` + threadColumns + ` FROM threads AS t WHERE t.workspace = ? AND (t.channel, t.contact) > (?, ?)
		AND t.consent_since IS NOT NULL ORDER BY t.channel, t.contact LIMIT ?`

	sqlConsentsOfChannel = `SELECT ` + threadColumns + ` FROM threads AS t WHERE t.workspace = ? AND t.channel = ?
		AND t.contact > ? AND t.consent_since IS NOT NULL ORDER BY t.contact LIMIT ?`

	sqlConsentsOfContact = `SELECT ` + threadColumns + ` FROM threads AS t WHERE t.workspace = ?1 AND t.contact = ?2
		AND (?3 = '' OR t.channel = ?3) AND (t.channel, t.contact) > (?4, ?5) AND t.consent_since IS NOT NULL
		ORDER BY t.channel, t.contact LIMIT ?6`

	sqlUpdateThread = `UPDATE threads SET conversation = ?, opted_out = ?, consent_since = ?, consent_source = ?,
		consent_keyword = ?, consents = ?, consents_lost = ?, automatic = ?, ai_next = ?, version = version + 1
		WHERE workspace = ? AND channel = ? AND contact = ? AND version = ?`
)

// Threads implements [livedesk.ReadTx]. It costs one read for each channel, and one more for each workspace in which
// conversations name the threads.
func (r *reader) Threads(ctx context.Context, keys []livedesk.ThreadKey) ([]livedesk.LoadedThread, error) {
	if err := r.usable(ctx); err != nil {
		return nil, err
	}
	out := make([]livedesk.LoadedThread, len(keys))
	addresses, conversations, contacts := batches{}, batches{}, batches{}
	for i, k := range keys {
		if k.Conversation != "" {
			conversations.add(scope{workspace: k.Workspace}, k.Conversation, i)
		} else {
			addresses.add(scope{k.Workspace, k.Channel}, string(k.Address), i)
		}
	}
	for s, b := range conversations {
		err := lookUp(r, b, r.scanConversation, func(i int, c livedesk.Conversation) {
			out[i].Asked = &c
			contacts.add(scope{s.workspace, c.Channel}, c.Contact, i)
		}, sqlConversations, s.workspace)
		if err != nil {
			return nil, err
		}
	}
	return out, r.load(out, addresses, contacts)
}

// load fills in the threads of contacts that are named by their addresses or ids. Without a thread on the channel a
// contact doesn't count.
func (r *reader) load(out []livedesk.LoadedThread, addresses, ids batches) error {
	for _, by := range []struct {
		text string
		keys batches
	}{{sqlLoadedAt, addresses}, {sqlLoadedOf, ids}} {
		for s, b := range by.keys {
			err := lookUp(r, b, r.scanLoaded, func(i int, l livedesk.LoadedThread) {
				if l.Thread.Contact != "" {
					l.Asked = out[i].Asked
					out[i] = l
				}
			}, by.text, s.workspace, s.within)
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// Contacts implements [livedesk.ReadTx]. It costs one read.
func (r *reader) Contacts(ctx context.Context, workspace string, ids []string) ([]livedesk.Contact, error) {
	if err := r.usable(ctx); err != nil {
		return nil, err
	}
	out, keys := make([]livedesk.Contact, len(ids)), batches{}
	for i, id := range ids {
		keys.add(scope{workspace: workspace}, id, i)
	}
	for _, b := range keys {
		err := lookUp(r, b, scanContact, func(i int, c livedesk.Contact) { out[i] = c }, sqlContacts, workspace)
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Consents implements [livedesk.ReadTx]. A page costs a step for each thread, found by an index of those alone that have a
// change of consent, or by the contact.
func (r *reader) Consents(ctx context.Context, q livedesk.ConsentQuery) ([]livedesk.Thread, error) {
	if err := r.usable(ctx); err != nil {
		return nil, err
	}
	if q.Limit < 1 || q.Limit > 1000 {
		return nil, errLimit
	}
	switch {
	case q.Contact != "":
		return all(r, nil, scanThread, sqlConsentsOfContact, q.Workspace, q.Contact, q.Channel, q.AfterChannel, q.AfterContact, q.Limit)
	case q.Channel != "":
		behind, more := q.Goes()
		if !more {
			return nil, nil
		}
		return all(r, nil, scanThread, sqlConsentsOfChannel, q.Workspace, q.Channel, behind, q.Limit)
	}
	return all(r, nil, scanThread, sqlConsents, q.Workspace, q.AfterChannel, q.AfterContact, q.Limit)
}

func (t *tx) putThread(h *livedesk.Thread) error {
	if h.Version == 0 {
		return livedesk.ErrConflict // TakeIn makes them
	}
	return t.put(h.Version, "", sqlUpdateThread, []any{h.Conversation, h.Consent.OptedOut, maybeMicros(h.Consent.Since),
		h.Consent.Source, h.Consent.Keyword, array(h.ConsentHistory), h.ConsentDropped, h.Automatic, maybeMicros(h.AINext)},
		h.Workspace, h.Channel, h.Contact)
}
