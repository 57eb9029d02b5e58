package pgstore_test

import (
	"context"
	"encoding/json"
	"net/http"
	neturl "net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/sms/smstest"
)

// What the carriers saw, what the database holds, and how to wait for them.

// post is one request to send a text, as it reached a carrier.
type post struct {
	smstest.Request
	ref  string // the id of our message
	to   channel.Address
	text string
}

// posts returns what reached the carriers of the numbers, in the order of arrival.
func posts(numbers ...*number) (all []post) {
	for _, n := range numbers {
		for _, r := range n.Requests() {
			if r.Kind == smstest.KindSend {
				all = append(all, readPost(r))
			}
		}
	}
	slices.SortStableFunc(all, func(a, b post) int { return a.At.Compare(b.At) })
	return all
}

func readPost(r smstest.Request) post {
	if form, err := neturl.ParseQuery(string(r.Body)); err == nil && form.Has("StatusCallback") {
		callback, _, _ := strings.Cut(form.Get("StatusCallback"), "#")
		return post{r, callback[strings.LastIndexByte(callback, '/')+1:], channel.Address(form.Get("To")), form.Get("Body")}
	}
	var m struct {
		To        []channel.Address `json:"to"`
		Text, Tag string
	}
	if json.Unmarshal(r.Body, &m) != nil || len(m.To) != 1 {
		panic("a request to send a text can't be read")
	}
	return post{r, m.Tag, m.To[0], m.Text}
}

// knownNotSent reports whether the answer said that the text was not sent, so that it may be posted again.
func (p post) knownNotSent() bool {
	return p.Status == http.StatusTooManyRequests || p.Status == http.StatusServiceUnavailable && p.Fault.RetryAfter > 0 ||
		p.Status == http.StatusUnauthorized
}

// byRef returns the posts that may have sent something, by message.
func byRef(all []post) map[string][]post {
	out := map[string][]post{}
	for _, p := range all {
		if !p.knownNotSent() {
			out[p.ref] = append(out[p.ref], p)
		}
	}
	return out
}

// postedOnce holds the fleet to the promise of at most once (I5).
func (f *fleet) postedOnce(numbers ...*number) {
	f.Helper()
	for ref, list := range byRef(posts(numbers...)) {
		if len(list) > 1 {
			f.Errorf("message %s was posted %d times: %s", ref, len(list), spread(list))
		}
	}
}

func spread(list []post) string {
	var b strings.Builder
	for _, p := range list {
		b.WriteString(p.At.Format("05.000") + " ")
	}
	return b.String()
}

// text lets a customer write, and the answer must be 2xx at once. It may be called from many goroutines.
func (n *number) text(f *fleet, ctx context.Context, m smstest.Text) {
	f.Helper()
	d, err := n.Deliver(ctx, m)
	if err != nil || !d.OK() || d.Attempts != 1 {
		f.Errorf("webhook: status %d after %d attempts, error %v", d.Status, d.Attempts, err)
	}
}

// rows returns what a query finds; {s} is the schema.
func rows[T any](f *fleet, query string, args ...any) []T {
	f.Helper()
	found, err := f.pool.Query(f.Context(), strings.ReplaceAll(query, "{s}", f.schema), args...)
	require.NoError(f, err)
	out, err := pgx.CollectRows(found, pgx.RowToStructByPos[T])
	require.NoError(f, err)
	return out
}

// count returns the number that a query finds.
func (f *fleet) count(query string, args ...any) (n int) {
	f.Helper()
	require.NoError(f, f.pool.QueryRow(f.Context(), strings.ReplaceAll(query, "{s}", f.schema), args...).Scan(&n))
	return n
}

// unfinished counts texts without a verdict.
func (f *fleet) unfinished() int {
	f.Helper()
	return f.count(`SELECT count(*) FROM {s}.messages WHERE due IS NOT NULL`)
}

// quiet waits until nothing is left to do: no text without a verdict, no job that is due, no receipt under way.
func (f *fleet) quiet(within time.Duration) {
	f.Helper()
	f.eventually(within, "to be quiet", func() bool {
		return f.unfinished() == 0 && f.count(`SELECT count(*) FROM {s}.jobs WHERE due <= $1`, time.Now().Add(f.clock.ahead()).UnixMicro()) == 0
	})
	ctx, cancel := context.WithTimeout(f.Context(), within)
	defer cancel()
	require.NoError(f, f.twilio.Wait(ctx))
	require.NoError(f, f.bandwidth.Wait(ctx))
}

// eventually waits for something that must come.
func (f *fleet) eventually(within time.Duration, what string, holds func() bool) {
	f.Helper()
	for began := f.watch(); !holds(); time.Sleep(20 * time.Millisecond) {
		if took := began(); took > within {
			f.Fatalf("waited %s for the fleet %s", took.Round(time.Millisecond), what)
		}
	}
}

// watch begins to measure time. What the machine stood still for meanwhile doesn't count.
func (f *fleet) watch() func() time.Duration {
	began, lost := time.Now(), f.lost.Load()
	return func() time.Duration { return time.Since(began) - time.Duration(f.lost.Load()-lost) }
}

// noticeStalls adds up for how long nothing ran on the machine, until ctx ends.
func (f *fleet) noticeStalls(ctx context.Context) {
	const tick = 50 * time.Millisecond
	for last := time.Now(); pause(ctx, tick); last = time.Now() {
		if late := time.Since(last) - tick; late > tick {
			f.lost.Add(int64(late))
		}
	}
}

// pause waits, and reports whether ctx goes on.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// conversations returns all of them, by the public API.
func (f *fleet) conversations(l livedesk.List) (list []livedesk.Conversation) {
	f.Helper()
	for c, err := range f.desk.AllConversations(f.Context(), l) {
		require.NoError(f, err)
		list = append(list, c)
	}
	return list
}

// timeline returns all of a conversation's entries, and holds them to an order without gaps (I4).
func (f *fleet) timeline(c livedesk.Conversation) (list []livedesk.Message) {
	f.Helper()
	for m, err := range f.desk.Messages(f.Context(), c.ID, 0) {
		require.NoError(f, err)
		list = append(list, m)
		require.Equal(f, int64(len(list)), m.Seq)
	}
	require.Equal(f, c.LastSeq, int64(len(list)))
	return list
}

// ofKind returns the entries of a kind.
func ofKind(list []livedesk.Message, k livedesk.MessageKind) (out []livedesk.Message) {
	for _, m := range list {
		if m.Kind == k {
			out = append(out, m)
		}
	}
	return out
}

// together does n things at once.
func together(n int, fn func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { fn(i) })
	}
	all.Wait()
}
