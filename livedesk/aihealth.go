package livedesk

import (
	"slices"
	"strings"
	"sync"
	"time"
)

// AIHealth is how an AI agent is doing, as one process sees it. After three failures in a row it gets no conversation, and
// no turn, for a minute; then it is tried again, and one more failure is enough for the next minute. Nothing of this is
// stored: other processes find out for themselves, and a process that begins anew trusts every AI agent.
type AIHealth struct {
	Name    string `json:"name"`
	Healthy bool   `json:"healthy"`
	// Failures counts those since the last answer that was one.
	Failures int `json:"failures"`
	// Reason is why the last of them failed ("timeout", "error", …); empty when none did.
	Reason string `json:"reason,omitempty"`
	// Until is when it is tried again, by the store's clock; zero when it is healthy.
	Until time.Time `json:"until,omitzero"`
}

const (
	aiFailures = 3
	aiPause    = time.Minute
)

// aiHealths keeps how the AI agents of this process are doing.
type aiHealths struct {
	mu  sync.Mutex
	of  map[string]AIHealth
	now time.Time // the newest time by the store's clock that anybody came with
}

// fit reports whether an AI agent may get a conversation.
func (h *aiHealths) fit(name string, now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.see(now)
	return !now.Before(h.of[name].Until)
}

// note keeps how a turn ended: why it failed, or empty.
func (h *aiHealths) note(name string, now time.Time, why string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.see(now)
	if why == "" {
		delete(h.of, name)
		return
	}
	if h.of == nil {
		h.of = map[string]AIHealth{}
	}
	s := h.of[name]
	s.Failures++
	s.Reason = why
	if s.Failures >= aiFailures {
		s.Until = now.Add(aiPause)
	}
	h.of[name] = s
}

func (h *aiHealths) see(now time.Time) {
	if now.After(h.now) {
		h.now = now
	}
}

// all tells of every AI agent of the engine, by name.
func (e *Engine) aiHealth() []AIHealth {
	h := &e.aiHealths
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []AIHealth
	for name := range e.ais {
		s := h.of[name]
		s.Name, s.Healthy = name, !h.now.Before(s.Until)
		if s.Healthy {
			s.Until = time.Time{}
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b AIHealth) int { return strings.Compare(a.Name, b.Name) })
	return out
}
