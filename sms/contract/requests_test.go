package contract_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/smstest"
)

// unlisted is a request that the descriptions in ../shared/data don't have, since they hold the paths of messages only.
// Each is documented elsewhere, and held to that by the tests that are named.
type unlisted struct {
	method, host, path string // path as package path matches it
	why                string
}

// ledger sorts requests into those of the description and those that are known to be outside of it.
type ledger struct {
	*description
	outside []unlisted
	seen    map[string]int
}

// hold wants every request to be as described or listed, and returns those that the description has.
func (l *ledger) hold(t *testing.T, all []exchange) (described []exchange) {
	t.Helper()
	for _, x := range all {
		if name, _ := l.operation(x); name != "" {
			l.seen[name]++
			if err := l.request(x); err != nil {
				t.Errorf("%v\nbody: %s", err, x.body)
			}
			described = append(described, x)
			continue
		}
		u, err := url.Parse(x.url)
		require.NoError(t, err)
		i := l.find(x.method, u)
		if i < 0 {
			t.Errorf("%s %s is in no description and isn't listed: find its documentation, and list it", x.method, x.url)
			continue
		}
		l.seen[l.outside[i].name()]++
	}
	return described
}

func (l *ledger) find(method string, u *url.URL) int {
	for i, o := range l.outside {
		if ok, _ := path.Match(o.path, u.Path); ok && o.method == method && o.host == u.Host {
			return i
		}
	}
	return -1
}

func (u unlisted) name() string { return u.method + " " + u.host + u.path }

// complete wants every request that an adapter can make to have been seen, so that the test looks at all of them, and
// nothing to be listed that nobody sends any more.
func (l *ledger) complete(t *testing.T, described ...string) {
	t.Helper()
	for _, o := range l.outside {
		require.NotEmpty(t, o.why)
		described = append(described, o.name())
	}
	for _, name := range described {
		require.NotZero(t, l.seen[name], "nobody sent %s", name)
	}
	require.Len(t, l.seen, len(described), "%v", l.seen)
}

// rig is an adapter's account, connected to a fake carrier through a recorder.
type rig struct {
	account sms.Account
	rec     *recorder
	values  map[string]string // of the channel
}

func connect(t testing.TB, p sms.Provider, rec *recorder, values map[string]string) rig {
	t.Helper()
	valid, err := p.Form().Validate(values)
	require.NoError(t, err)
	s := sms.Settings{Values: map[string]string{}, Secrets: map[string]sms.Secret{}, WebhookURL: "https://desk.example.com/sms/3f9a"}
	for _, f := range p.Form().Fields {
		if v, ok := valid[f.Name]; ok && f.Secret {
			s.Secrets[f.Name] = sms.NewSecret(v)
		} else if ok {
			s.Values[f.Name] = v
		}
	}
	a, err := p.Open(s)
	require.NoError(t, err)
	return rig{account: a, rec: rec, values: valid}
}

// seeded returns a source of chance that is the same in every run.
func seeded() *rand.Rand { return rand.New(rand.NewPCG(4, 2026)) }

// outbounds are texts over the whole range of what an [channel.Outbound] can carry at a carrier whose texts have at most
// max characters: each of the corners, and many mixtures of them.
func outbounds(senders, recipients []channel.Address, pools []string, max, urlMax int) (out []channel.Outbound) {
	texts := []string{"a", " ", "  blanks at both ends  ", "line\r\nline\ttab\x00\x1b[31m", `{"text":"\u0000"}`, "a=b&To=+15005550006&c;d",
		"50% + 50% = a%20b %2B %00", `quotes "double" 'single' \back <b>&amp;</b>`, "Ça coûte 5 € à l'été", "👩‍👩‍👧 𝒳 é", "مرحبا", "\u2028\u00a0\ufeff",
		strings.Repeat("x", max), strings.Repeat("é", max), strings.Repeat("😀", max), strings.Repeat("\u0301", max)}
	media := [][]string{nil, {"https://media.example.com/a.png"}, {"https://media.example.com/a%20b.png?x=1&y=%2B#top", "https://media.example.com:8443/é.jpg"},
		{"https://media.example.com/" + strings.Repeat("x", urlMax-len("https://media.example.com/"))}, files(10)}
	refs := []string{"a", "0192f0c1-7e57-7000-8000-000000000001", strings.Repeat("Z", 64), "-"}
	expires := []time.Duration{0, time.Millisecond, time.Second, 90 * time.Second, time.Hour, 10 * time.Hour, 10*time.Hour + 1, 8760 * time.Hour}
	before := []time.Duration{0, time.Minute}
	add := func(r *rand.Rand, text string, files []string, ref, pool string, from, to channel.Address, left, gate time.Duration) {
		m := channel.Outbound{Ref: ref, From: from, To: to, Pool: pool, Text: text, Media: files}
		if pool != "" {
			m.From = ""
		}
		if left > 0 {
			m.Expires = time.Now().Add(left + time.Minute*time.Duration(min(1, left/time.Minute)))
		}
		if gate > 0 {
			m.Before = time.Now().Add(gate)
		}
		if m.Text == "" && len(m.Media) == 0 {
			m.Media = media[1]
		}
		out = append(out, m)
	}
	r := seeded()
	one := func(list []string) string { return list[r.IntN(len(list))] }
	pools = append([]string{""}, pools...)
	for range 3 { // every corner beside others at random
		for _, text := range append(texts, "") {
			add(r, text, media[r.IntN(len(media))], one(refs), one(pools), senders[r.IntN(len(senders))], recipients[r.IntN(len(recipients))],
				expires[r.IntN(len(expires))], before[r.IntN(len(before))])
		}
		for _, files := range media {
			for _, from := range senders {
				add(r, one(texts), files, one(refs), "", from, recipients[r.IntN(len(recipients))], expires[r.IntN(len(expires))], 0)
			}
		}
		for _, left := range expires {
			for _, pool := range pools {
				add(r, one(texts), nil, one(refs), pool, senders[0], recipients[r.IntN(len(recipients))], left, before[r.IntN(len(before))])
			}
		}
	}
	return out
}

func files(n int) (out []string) {
	for i := range n {
		out = append(out, fmt.Sprintf("https://media.example.com/%d.jpg", i))
	}
	return out
}

// sendAll sends texts of which each reaches the carrier, or is refused before as expired.
func sendAll(t *testing.T, r rig, all []channel.Outbound) {
	t.Helper()
	for _, m := range all {
		if _, err := r.account.Send(t.Context(), m); err != nil && sms.ReasonOf(err) != channel.ReasonExpired {
			t.Errorf("ref %q, %d characters, %d files: %v", m.Ref, len([]rune(m.Text)), len(m.Media), err)
		}
	}
}

// fetch downloads a file that the carrier keeps.
func fetch(t *testing.T, r rig, address string) {
	t.Helper()
	m, err := r.account.(sms.MediaFetcher).FetchMedia(t.Context(), address, 0)
	require.NoError(t, err)
	body, err := io.ReadAll(m)
	require.NoError(t, err)
	require.NotEmpty(t, body)
	require.NoError(t, m.Close())
}

// suite runs the provider suite, whose carriers break in every way, with all that is sent recorded.
func suite(t *testing.T, values map[string]string, open func(t testing.TB, rec *recorder) (sms.Provider, smstest.Carrier)) (all []exchange) {
	t.Helper()
	var recorders []*recorder
	made := make(chan *recorder, 1000)
	except := map[string]string{}
	if values["use_basic"] == "true" {
		for _, clause := range []string{"verify", "verify_503", "verify_429", "verify_garbage"} {
			except[clause] = "how long Bandwidth accepts API users is always left open"
		}
	}
	t.Run("suite", func(t *testing.T) {
		smstest.RunProvider(t, smstest.Case{Values: values, Except: except, Connect: func(t testing.TB) (sms.Provider, smstest.Carrier) {
			rec := &recorder{}
			p, c := open(t, rec)
			made <- rec
			return p, c
		}})
	})
	close(made)
	for rec := range made {
		recorders = append(recorders, rec)
	}
	for _, rec := range recorders {
		all = append(all, rec.exchanges()...)
	}
	require.NotEmpty(t, all)
	return all
}

// ask sends a request to a fake that no adapter would send.
func ask(t *testing.T, rt http.RoundTripper, method, address, authorization, contentType, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	require.NoError(t, err)
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	res, err := rt.RoundTrip(req)
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, res.Body)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
}
