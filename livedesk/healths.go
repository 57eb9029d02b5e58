package livedesk

import (
	"sync"
	"time"
)

// healths is what this process knows of the health of channels: of those that a person paused, or that ever had trouble.
// It is read with the configuration but is no part of a snapshot: it changes in the worst moment, when a carrier breaks
// down, and must not cost a new snapshot for each channel.
type healths struct {
	mu   sync.RWMutex
	rows map[objectKey]healthRecord // by channel
}

func newHealths() *healths { return &healths{rows: map[objectKey]healthRecord{}} }

// of returns what is known of a channel; the zero value where there never was anything.
func (h *healths) of(channel objectKey) healthRecord {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.rows[channel]
}

// take takes over what was read from the store.
func (h *healths) take(o Object) error {
	r, err := readHealth(o)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if o.Deleted {
		delete(h.rows, objectKey{o.Workspace, o.ID})
		return nil
	}
	h.rows[objectKey{o.Workspace, o.ID}] = r
	return nil
}

// limit lowers budgets to what the health of their channels allows: nothing of a channel that is paused, or that its
// carrier asked to wait, or whose next probe is not due, one text of a channel that is to be probed.
func (h *healths) limit(budgets map[Sender]int, now time.Time) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for key, r := range h.rows {
		s := Sender{key.workspace, key.id}
		switch n, given := budgets[s]; {
		case r.Paused || now.Before(r.Quiet) || r.Trouble != nil && now.Before(r.Trouble.Probe):
			budgets[s] = 0
		case r.Trouble != nil && (!given || n > 1):
			budgets[s] = 1
		}
	}
}

// blocked calls fn with the channels that send nothing at now because of what is kept here, or no more than probes.
func (h *healths) blocked(now time.Time, fn func(channel objectKey, probed bool)) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for key, r := range h.rows {
		if r.Paused || now.Before(r.Quiet) || r.Trouble != nil {
			fn(key, !r.Paused)
		}
	}
}
