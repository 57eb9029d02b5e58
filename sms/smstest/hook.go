package smstest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"time"
)

// hook is one webhook, ready to be posted.
type hook struct {
	kind    HookKind
	id      string
	word    string
	url     string // with its fragment
	header  http.Header
	body    []byte
	damage  Damage
	retries int // after the first attempt
	again   func(status int, err error) bool
	limit   time.Duration // how long the carrier waits for an answer
}

// flood is how much a flooded webhook holds too much.
const flood = 10_000

// errNoTarget says that nobody told the carrier where webhooks go.
var errNoTarget = errors.New("smstest: no webhook URL is set")

// localOnly posts over real sockets where nobody gave a RoundTripper. It reaches this machine only: the callbacks of a
// test must not knock at whoever owns the host of its public URL. It never uses a proxy of the environment.
type localOnly struct{ http.RoundTripper }

var local = sync.OnceValue(func() http.RoundTripper {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.Proxy = nil
	return localOnly{t}
})

var errNotLocal = errors.New("smstest: without a WebhookTransport, webhooks go to loopback addresses only")

// RoundTrip implements [http.RoundTripper].
func (l localOnly) RoundTrip(req *http.Request) (*http.Response, error) {
	host := req.URL.Hostname()
	if addr, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !addr.IsLoopback()) {
		return nil, errNotLocal
	}
	return l.RoundTripper.RoundTrip(req)
}

// post posts a webhook until it is taken or the carrier gives up.
func (f *Fake) post(ctx context.Context, h hook) (Delivery, *http.Response, error) {
	d := Delivery{ID: h.id}
	if h.url == "" {
		return d, nil, errNoTarget
	}
	if err := f.ready(ctx); err != nil {
		return d, nil, err
	}
	for {
		d.Attempts++
		res, answer, err := f.attempt(ctx, h, d.Attempts)
		d.Status = 0
		if err == nil {
			d.Status = res.StatusCode
			res.Body = io.NopCloser(bytes.NewReader(answer))
		}
		if d.OK() || d.Attempts > h.retries || !h.again(d.Status, err) {
			return d, res, err
		}
		if err := sleep(ctx, f.pause); err != nil {
			return d, res, err
		}
	}
}

func (f *Fake) ready(ctx context.Context) error {
	f.mu.Lock()
	closed := f.closed
	f.mu.Unlock()
	if closed {
		return fmt.Errorf("smstest: %w", net.ErrClosed)
	}
	return context.Cause(ctx)
}

// attempt posts a webhook once, as the carrier does: it follows no redirect and keeps no cookie.
func (f *Fake) attempt(ctx context.Context, h hook, n int) (*http.Response, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, h.limit)
	defer cancel()
	rec := Webhook{At: time.Now().UTC(), Kind: h.kind, ID: h.id, Word: h.word, URL: h.url, Header: h.header.Clone(),
		Body: bytes.Clone(h.body[:min(len(h.body), maxKept)]), Damage: h.damage, Attempt: n}
	res, answer, err := f.send(ctx, h)
	if err != nil {
		rec.Err = err.Error()
	} else {
		rec.Status, rec.Answer = res.StatusCode, string(answer[:min(len(answer), 4<<10)])
	}
	f.mu.Lock()
	f.webhooks.add(rec, f.keep)
	f.wake()
	f.mu.Unlock()
	return res, answer, err
}

func (f *Fake) send(ctx context.Context, h hook) (*http.Response, []byte, error) {
	target, err := url.Parse(h.url)
	if err != nil || target.Host == "" {
		return nil, nil, errors.New("smstest: the webhook URL is not absolute")
	}
	target.Fragment, target.RawFragment = "", ""
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target.String(), bytes.NewReader(h.body))
	if err != nil {
		return nil, nil, fmt.Errorf("smstest: %w", err)
	}
	req.Header = h.header.Clone()
	res, err := f.via().RoundTrip(req)
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxKept))
	return res, answer, err
}

func (f *Fake) via() http.RoundTripper {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.hookVia != nil {
		return f.hookVia
	}
	return local()
}

// target is where a webhook goes that has no URL of its own.
func (f *Fake) target(own string) string {
	if own != "" {
		return own
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hookURL
}

// Report posts delivery receipts for a text, in the order given, pauses included, and returns when the last one was
// answered or given up. A receipt that isn't taken doesn't stop the next. The error says that there is no such text,
// that ctx ended, or how the attempts failed that got no answer.
func (f *Fake) Report(ctx context.Context, id string, steps ...Step) error {
	var errs []error
	for _, step := range steps {
		if err := sleep(ctx, step.After); err != nil {
			return err
		}
		if err := f.report(ctx, id, f.protocol.word(step)); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (f *Fake) report(ctx context.Context, id string, step Step) error {
	s, ok := f.Find(id)
	if !ok {
		return fmt.Errorf("smstest: no text %s", id)
	}
	h, err := f.protocol.receipt(s, step)
	if err != nil {
		return err
	}
	f.setStatus(id, step.Status, step.Word, step.Code)
	if h.url == "" {
		return nil // nobody asked for receipts
	}
	_, _, err = f.post(ctx, h)
	return err
}

// Replay posts a webhook of the log once more, byte for byte, with the headers that it had.
func (f *Fake) Replay(ctx context.Context, w Webhook) (Delivery, error) {
	d, _, err := f.post(ctx, hook{kind: w.Kind, id: w.ID, word: w.Word, url: w.URL, header: w.Header, body: w.Body,
		damage: w.Damage, limit: bandwidthPatience, again: func(int, error) bool { return false }})
	return d, err
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return context.Cause(ctx)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
