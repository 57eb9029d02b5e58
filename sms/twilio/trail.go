package twilio

import (
	"maps"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
)

// Lists are read from the newest message on, and Twilio can't be told to begin at an hour: its dates are days. Who asks for
// an hour of yesterday on an account with a million messages a day would have to be led past all of today's each time. So
// the account remembers the way that its lists took, and the next one that wants older messages begins on the page where
// those can be. The page tokens are ids of messages, so they stay good while new ones come in at the top.

const (
	trailLife = time.Hour // a page token is used for that long at the most
	maxTrails = 8         // that an account remembers
	maxSteps  = 4096      // of one; then every other page is forgotten
)

// trailOf is what a list is of. Only what Twilio filters by counts, and the direction, which decides whether it does by day.
type trailOf struct {
	from, to  channel.Address
	direction sms.Direction
}

// trail is the way of one list through Twilio's pages.
type trail struct {
	of    trailOf
	query url.Values // of its first page
	begun time.Time
	seen  time.Time // when the oldest message was created that it came by; zero for none
	steps []step
}

// step is a page to begin at.
type step struct {
	page, token string
	passed      time.Time // when the oldest message on the pages before it was created
}

// at turns a query into that of the step's page.
func (s step) at(query url.Values) {
	query.Set("Page", s.page)
	query.Set("PageToken", s.token)
}

// passes notes a page, and the one that follows it.
func (t *trail) passes(p page, query url.Values) {
	for _, m := range p.Messages {
		if at := rfc2822(m.Created); !at.IsZero() && (t.seen.IsZero() || at.Before(t.seen)) {
			t.seen = at
		}
	}
	if t.seen.IsZero() {
		return
	}
	if len(t.steps) >= maxSteps {
		half := make([]step, 0, maxSteps)
		for i := 1; i < len(t.steps); i += 2 {
			half = append(half, t.steps[i])
		}
		t.steps = half
	}
	t.steps = append(t.steps, step{query.Get("Page"), query.Get("PageToken"), t.seen})
}

// covers reports whether what query lists is among what the trail leads past.
func (t *trail) covers(query url.Values) bool {
	lower, upper := t.query.Get("DateSent>"), t.query.Get("DateSent<")
	return (lower == "" || query.Has("DateSent>") && lower <= query.Get("DateSent>")) &&
		(upper == "" || query.Has("DateSent<") && upper >= query.Get("DateSent<"))
}

// trails are those that an account remembers. It is safe for concurrent use.
type trails struct {
	mu   sync.Mutex
	kept map[trailOf]*trail // read only once they are here
}

// begin returns the trail of a new list and the query of its first page: the last one before which nothing was created
// as early as the list wants it.
func (s *trails) begin(q sms.ListQuery, now time.Time) (*trail, url.Values) {
	t := &trail{of: trailOf{q.From, q.To, q.Direction}, query: listQuery(q, now), begun: now}
	s.mu.Lock()
	old := s.kept[t.of]
	s.mu.Unlock()
	if old == nil || q.Until.IsZero() || now.Sub(old.begun) > trailLife || !old.covers(t.query) {
		return t, maps.Clone(t.query)
	}
	last := -1
	for i, one := range old.steps { // they go back in time
		if one.passed.Before(q.Until) {
			break
		}
		last = i
	}
	if last < 0 {
		return t, maps.Clone(t.query)
	}
	t.query, t.begun, t.steps, t.seen = old.query, old.begun, slices.Clone(old.steps[:last+1]), old.steps[last].passed
	query := maps.Clone(t.query)
	t.steps[last].at(query)
	return t, query
}

// keep remembers a trail, if it leads further back than the one that is known.
func (s *trails) keep(t *trail, now time.Time) {
	if len(t.steps) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.kept[t.of]; old != nil && now.Sub(old.begun) <= trailLife && old.covers(t.query) && !t.seen.Before(old.seen) {
		return
	}
	if s.kept == nil {
		s.kept = map[trailOf]*trail{}
	}
	maps.DeleteFunc(s.kept, func(_ trailOf, old *trail) bool { return now.Sub(old.begun) > trailLife })
	for of := range s.kept {
		if len(s.kept) < maxTrails {
			break
		}
		delete(s.kept, of)
	}
	s.kept[t.of] = t
}

// forget forgets a trail: Twilio may not know its page any more.
func (s *trails) forget(of trailOf) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.kept, of)
}
