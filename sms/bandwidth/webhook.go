package bandwidth

import (
	"cmp"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"mime"
	"net/http"
	"strings"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
)

const (
	maxBody   = 1 << 20 // bytes of one webhook; the engine's own limit is lower
	maxEvents = 1000    // events of one webhook
)

// Parse implements [channel.Channel] for callbacks of the messaging application: a JSON array of events. It looks at
// nothing but the Authorization header until that has proved the origin. What can't be read as a whole (not JSON, no
// array, nested too deep) is [channel.ErrMalformed]; an event that is JSON but not what Bandwidth documents, that has a
// name twice in one object, or that is of another application, becomes a [channel.Unread] and spoils no other.
//
// Several credentials may count at once, while old ones rotate out. It is safe for concurrent use.
func (a *account) Parse(r *http.Request, body []byte) ([]channel.Event, error) {
	if err := a.CheckHeader(r); err != nil {
		return nil, err
	}
	if len(body) > maxBody {
		return nil, fmt.Errorf("%s: %w", Name, channel.ErrTooLarge)
	}
	raw, err := events(body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", Name, err)
	}
	out := make([]channel.Event, len(raw))
	for i, e := range raw {
		if e.err != nil {
			out[i] = channel.Unread{Err: e.err}
		} else {
			out[i] = a.event(e.body)
		}
	}
	return out, nil
}

// CheckHeader implements [sms.HeaderChecker]: wrong credentials are [channel.ErrUnauthenticated], and what isn't JSON in the
// clear is [channel.ErrMediaType]. After it a body that can be read counts.
func (a *account) CheckHeader(r *http.Request) error {
	switch {
	case !a.webhook.admits(r):
		return fmt.Errorf("%s: %w", Name, channel.ErrUnauthenticated)
	case !isJSON(r.Header):
		return fmt.Errorf("%s: %w", Name, channel.ErrMediaType)
	}
	return nil
}

// isJSON accepts application/json in UTF-8 and in the clear. A compressed body is never inflated.
func isJSON(h http.Header) bool {
	if e := h.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return false
	}
	types := h.Values("Content-Type")
	if len(types) != 1 || len(h.Values("Content-Encoding")) > 1 {
		return false
	}
	t, params, err := mime.ParseMediaType(types[0])
	return err == nil && t == "application/json" && strings.EqualFold(cmp.Or(params["charset"], "utf-8"), "utf-8")
}

// guard knows the credentials that count, as digests: so all comparisons take the same time, whatever the length.
type guard struct{ pairs []pair }

type pair struct{ user, password [sha256.Size]byte }

func newPair(user, password string) pair {
	return pair{sha256.Sum256([]byte(user)), sha256.Sum256([]byte(password))}
}

// newGuard takes the current credentials, of which neither half is empty, and those that still count, newest first. A
// previous set that lacks one half means that only the other one was replaced, so no pair ever has an empty half.
func newGuard(user, password string, previous []map[string]sms.Secret) guard {
	g := guard{pairs: []pair{newPair(user, password)}}
	for _, old := range previous {
		u, p := old[fieldWebhookUser].Reveal(), old[fieldWebhookPassword].Reveal()
		user, password = cmp.Or(strings.TrimSpace(u), user), cmp.Or(strings.TrimSpace(p), password)
		g.pairs = append(g.pairs, newPair(user, password))
	}
	return g
}

// admits compares both halves with every pair that counts, without leaving early, so that its time tells nobody which
// half was right. More than one Authorization header is refused: proxies disagree on which one counts.
func (g guard) admits(r *http.Request) bool {
	user, password, ok := r.BasicAuth()
	got := newPair(user, password)
	match := 0
	for i := range g.pairs {
		p := &g.pairs[i]
		match |= subtle.ConstantTimeCompare(p.user[:], got.user[:]) &
			subtle.ConstantTimeCompare(p.password[:], got.password[:])
	}
	return match == 1 && ok && len(r.Header.Values("Authorization")) == 1
}
