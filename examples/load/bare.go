package main

import (
	"context"
	"net/http"
	"strings"
	"sync"
)

// reference is the least that any program has to do that keeps what a carrier reports: one statement, one commit. Each
// database has one, as a careful programmer would write it there without a library.
type reference interface {
	// insert stores a text under a unique id.
	insert(ctx context.Context, id, from, to, body string) error
	// mark updates the row with a unique id.
	mark(ctx context.Context, id, status string) error
	// fill stores rows to be marked, in as few commits as it likes.
	fill(ctx context.Context, ids []string) error
}

// bareWebhooks is the reference's handler. Like the desk's it answers when what it was told is committed; unlike it,
// it believes everybody.
func bareWebhooks(db reference) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		f := r.PostForm
		var err error
		if strings.Contains(r.URL.Path, "/status/") {
			err = db.mark(r.Context(), f.Get("MessageSid"), f.Get("MessageStatus"))
		} else {
			err = db.insert(r.Context(), f.Get("MessageSid"), f.Get("From"), f.Get("To"), f.Get("Body"))
		}
		if err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
}

// bareMemory is a map: what remains of the reference when there is no database.
type bareMemory struct {
	mu   sync.Mutex
	rows map[string][]string
}

func newBareMemory() *bareMemory { return &bareMemory{rows: map[string][]string{}} }

func (m *bareMemory) insert(_ context.Context, id, from, to, body string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rows[id] = []string{from, to, body}
	return nil
}

func (m *bareMemory) mark(_ context.Context, id, status string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.rows[id] == nil {
		return errNoRow
	}
	m.rows[id] = []string{status}
	return nil
}

func (m *bareMemory) fill(_ context.Context, ids []string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range ids {
		m.rows[id] = []string{"queued"}
	}
	return nil
}
