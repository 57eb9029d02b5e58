package smstest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
	"github.com/livedesk/livedesk-go/sms/bandwidth"
	"github.com/livedesk/livedesk-go/sms/twilio"
)

// A contract that nothing can break proves nothing: each of these providers is a good one with one fault, and the
// suite must name it.

// wrapped is a provider whose accounts, form or settings are changed on the way.
type wrapped struct {
	sms.Provider
	form func(sms.Form) sms.Form
	open func(*sms.Settings)
	wrap func(sms.Settings, sms.Account) sms.Account
}

func (w wrapped) Form() sms.Form {
	if w.form == nil {
		return w.Provider.Form()
	}
	return w.form(w.Provider.Form())
}

func (w wrapped) Open(s sms.Settings) (sms.Account, error) {
	if w.open != nil {
		s.Values, s.Secrets = maps.Clone(s.Values), maps.Clone(s.Secrets)
		w.open(&s)
	}
	a, err := w.Provider.Open(s)
	if err == nil && w.wrap != nil {
		a = w.wrap(s, a)
	}
	return a, err
}

// account is an account with one method replaced.
type account struct {
	sms.Account
	send  func(context.Context, channel.Outbound) (channel.Accepted, error)
	parse func(*http.Request, []byte) ([]channel.Event, error)
}

func (a account) Send(ctx context.Context, m channel.Outbound) (channel.Accepted, error) {
	if a.send == nil {
		return a.Account.Send(ctx, m)
	}
	return a.send(ctx, m)
}

func (a account) Parse(r *http.Request, body []byte) ([]channel.Event, error) {
	if a.parse == nil {
		return a.Account.Parse(r, body)
	}
	return a.parse(r, body)
}

// headed is an account that looks at headers in a way of its own.
type headed struct {
	sms.Account
	check func(*http.Request) error
}

func (h headed) CheckHeader(r *http.Request) error { return h.check(r) }

func heading(check func(sms.HeaderChecker, *http.Request) error) wrapped {
	return wrapped{wrap: func(_ sms.Settings, a sms.Account) sms.Account {
		return headed{a, func(r *http.Request) error { return check(a.(sms.HeaderChecker), r) }}
	}}
}

func sending(send func(sms.Account, context.Context, channel.Outbound) (channel.Accepted, error)) wrapped {
	return wrapped{wrap: func(_ sms.Settings, a sms.Account) sms.Account {
		return account{Account: a, send: func(ctx context.Context, m channel.Outbound) (channel.Accepted, error) { return send(a, ctx, m) }}
	}}
}

func parsing(parse func(sms.Account, *http.Request, []byte) ([]channel.Event, error)) wrapped {
	return wrapped{wrap: func(_ sms.Settings, a sms.Account) sms.Account {
		return account{Account: a, parse: func(r *http.Request, b []byte) ([]channel.Event, error) { return parse(a, r, b) }}
	}}
}

// fetcher is an account that downloads files in a way of its own.
type fetcher struct {
	sms.Account
	fetch func(ctx context.Context, address string, max int64) (*sms.Media, error)
}

func (f fetcher) FetchMedia(ctx context.Context, address string, max int64) (*sms.Media, error) {
	return f.fetch(ctx, address, max)
}

func fetching(fetch func(a sms.MediaFetcher, ctx context.Context, address string, max int64) (*sms.Media, error)) wrapped {
	return wrapped{wrap: func(_ sms.Settings, a sms.Account) sms.Account {
		return fetcher{a, func(ctx context.Context, address string, max int64) (*sms.Media, error) {
			return fetch(a.(sms.MediaFetcher), ctx, address, max)
		}}
	}}
}

// following is a transport that follows redirects and repeats the request there, as http.Client does for 307.
type following struct{ http.RoundTripper }

func (f following) RoundTrip(req *http.Request) (*http.Response, error) {
	body, _ := io.ReadAll(req.Body)
	req.Body = io.NopCloser(bytes.NewReader(body))
	res, err := f.RoundTripper.RoundTrip(req)
	if err == nil && res.StatusCode == http.StatusTemporaryRedirect {
		again := req.Clone(req.Context())
		again.URL, _ = url.Parse(res.Header.Get("Location"))
		again.Body = io.NopCloser(bytes.NewReader(body))
		return f.RoundTripper.RoundTrip(again)
	}
	return res, err
}

func TestBrokenProviders(t *testing.T) {
	t.Parallel()
	for name, b := range broken {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { b.check(t) })
		})
	}
}

// check runs in a bubble, so deadlines and pauses cost nothing.
func (b brokenCase) check(t *testing.T) {
	c := Case{Values: twilioValues, Connect: b.twilio}
	if b.bandwidth {
		c = Case{Values: bandwidthValues, Connect: b.atBandwidth}
	}
	require.NotEmpty(t, b.red)
	for _, name := range b.red {
		require.Error(t, run(t.Context(), t, c, contract[indexOf(name)]), "%s did not see it", name)
	}
	if b.green != "" {
		require.NoError(t, run(t.Context(), t, c, contract[indexOf(b.green)]))
	}
}

var (
	twilioValues    = twilio.Setup{Name: "x", PhoneNumber: TwilioNumber, AccountSID: TwilioAccountSID, AuthToken: sms.NewSecret(TwilioAuthToken)}.Values()
	bandwidthValues = bandwidth.Setup{Name: "x", PhoneNumber: BandwidthNumber, AccountID: BandwidthAccountID,
		ApplicationID: BandwidthApplicationID, APIKey: sms.NewSecret(BandwidthClientID), APISecret: sms.NewSecret(BandwidthClientSecret),
		WebhookUser: sms.NewSecret(BandwidthWebhookUser), WebhookPassword: sms.NewSecret(BandwidthWebhookPassword)}.Values()
)

func (b brokenCase) twilio(t testing.TB) (sms.Provider, Carrier) {
	fake := NewTwilio(t, TwilioConfig{})
	via := fake.Transport()
	if b.follow {
		via = following{via}
	}
	b.provider.Provider = twilio.New(twilio.Config{Transport: via})
	return b.provider, fake
}

func (b brokenCase) atBandwidth(t testing.TB) (sms.Provider, Carrier) {
	fake := NewBandwidth(t, BandwidthConfig{})
	b.provider.Provider = bandwidth.New(bandwidth.Config{Transport: fake.Transport()})
	return b.provider, fake
}

func indexOf(name string) int {
	for i, cl := range contract {
		if cl.name == name {
			return i
		}
	}
	panic(name)
}

type brokenCase struct {
	provider  wrapped
	follow    bool     // redirects
	bandwidth bool     // at Bandwidth, not at Twilio
	red       []string // clauses that must fail
	green     string   // one that must not
}

var broken = map[string]brokenCase{
	"believes every header": {green: "forged_unsigned", red: []string{"headers"}, provider: heading(
		func(sms.HeaderChecker, *http.Request) error { return nil })},
	"refuses good headers": {green: "send_wrong_credentials", red: []string{"headers", "inbound"}, provider: heading(
		func(sms.HeaderChecker, *http.Request) error { return channel.ErrForged })},
	"reads headers otherwise than Parse": {green: "inbound", red: []string{"headers", "media_type"}, bandwidth: true, provider: heading(
		func(c sms.HeaderChecker, r *http.Request) error {
			if c.CheckHeader(r) != nil {
				return channel.ErrTooLarge
			}
			return nil
		})},
	"retries inside Send": {green: "send", red: []string{"fault_500", "fault_reset", "fault_hang_accepted", "fault_no_id"},
		provider: sending(func(a sms.Account, ctx context.Context, m channel.Outbound) (channel.Accepted, error) {
			got, err := a.Send(ctx, m)
			if err != nil {
				return a.Send(context.WithoutCancel(ctx), m)
			}
			return got, err
		})},
	"tries again and tells of the first": {green: "send", red: []string{"fault_500", "fault_redirect", "fault_reset_accepted", "fault_429_after"},
		provider: sending(func(a sms.Account, ctx context.Context, m channel.Outbound) (channel.Accepted, error) {
			got, err := a.Send(ctx, m)
			if err != nil {
				_, _ = a.Send(ctx, m)
			}
			return got, err
		})},
	"calls a lost answer not sent": {green: "send", red: []string{"fault_reset", "fault_502_html", "fault_hang_accepted", "send_canceled_during"},
		provider: sending(func(a sms.Account, ctx context.Context, m channel.Outbound) (channel.Accepted, error) {
			got, err := a.Send(ctx, m)
			if e, ok := errors.AsType[*sms.SendError](err); ok && e.Reason == channel.ReasonUnknown {
				e.Reason = channel.ReasonRetry
			}
			return got, err
		})},
	"calls everything unknown": {green: "fault_500", red: []string{"fault_down", "fault_429", "fault_401", "send_bad_recipient", "send_wrong_credentials"},
		provider: sending(func(a sms.Account, ctx context.Context, m channel.Outbound) (channel.Accepted, error) {
			got, err := a.Send(ctx, m)
			if e, ok := errors.AsType[*sms.SendError](err); ok {
				e.Reason, e.After = channel.ReasonUnknown, 0
			}
			return got, err
		})},
	"accepts without an id": {red: []string{"send"}, provider: sending(
		func(a sms.Account, ctx context.Context, m channel.Outbound) (channel.Accepted, error) {
			got, err := a.Send(ctx, m)
			got.ID = ""
			return got, err
		})},
	"takes a bad answer for acceptance": {green: "send", red: []string{"fault_no_id", "fault_garbage", "fault_redirect"}, provider: sending(
		func(a sms.Account, ctx context.Context, m channel.Outbound) (channel.Accepted, error) {
			got, err := a.Send(ctx, m)
			if sms.ReasonOf(err) == channel.ReasonUnknown {
				return channel.Accepted{ID: "SM0", Status: channel.StatusAccepted}, nil
			}
			return got, err
		})},
	"forgets the Ref": {green: "send", red: []string{"send_ref"}, provider: sending(
		func(a sms.Account, ctx context.Context, m channel.Outbound) (channel.Accepted, error) {
			m.Ref = "the-same-for-all"
			return a.Send(ctx, m)
		})},
	"trims texts": {green: "send", red: []string{"send_text"}, provider: sending(
		func(a sms.Account, ctx context.Context, m channel.Outbound) (channel.Accepted, error) {
			m.Text = string(bytes.TrimSpace([]byte(m.Text)))
			return a.Send(ctx, m)
		})},
	"ignores its context": {green: "send", red: []string{"send_canceled_before"}, provider: sending(
		func(a sms.Account, ctx context.Context, m channel.Outbound) (channel.Accepted, error) {
			return a.Send(context.WithoutCancel(ctx), m)
		})},
	"sends twice under load": {green: "fault_down", red: []string{"send", "send_concurrent"}, provider: sending(
		func(a sms.Account, ctx context.Context, m channel.Outbound) (channel.Accepted, error) {
			_, _ = a.Send(ctx, m)
			return a.Send(ctx, m)
		})},
	"follows redirects": {green: "send", follow: true, red: []string{"fault_redirect"}},
	"believes everybody": {green: "inbound", red: []string{"forged_unsigned", "forged_secret", "forged_empty", "forged_bit", "forged_receipt", "rotation", "rotation_blank"},
		provider: wrapped{wrap: func(s sms.Settings, a sms.Account) sms.Account {
			trusting, err := twilio.New(twilio.Config{InsecureSkipSignature: true}).Open(s)
			if err != nil {
				panic(err)
			}
			return account{Account: a, parse: trusting.Parse}
		}}},
	"forgets secrets at once": {green: "inbound", red: []string{"rotation"}, provider: wrapped{open: func(s *sms.Settings) { s.Previous = nil }}},
	"opens without a secret": {green: "inbound", red: []string{"open_blank_secret"}, provider: wrapped{open: func(s *sms.Settings) {
		if string(bytes.TrimSpace([]byte(s.Secrets["auth_token"].Reveal()))) == "" {
			s.Secrets["auth_token"] = sms.NewSecret("0")
		}
	}}},
	"tells its secret": {green: "send", red: []string{"send_wrong_credentials", "fault_reset"}, provider: wrapped{wrap: func(s sms.Settings, a sms.Account) sms.Account {
		return account{Account: a, send: func(ctx context.Context, m channel.Outbound) (channel.Accepted, error) {
			got, err := a.Send(ctx, m)
			if e, ok := errors.AsType[*sms.SendError](err); ok {
				e.Err = fmt.Errorf("with token %s", TwilioAuthToken)
			}
			return got, err
		}}
	}}},
	"tells the text": {green: "send", red: []string{"send_bad_recipient", "fault_500"}, provider: sending(
		func(a sms.Account, ctx context.Context, m channel.Outbound) (channel.Accepted, error) {
			got, err := a.Send(ctx, m)
			if err != nil {
				return got, &sms.SendError{Provider: "twilio", Reason: sms.ReasonOf(err), Err: fmt.Errorf("sending %q", m.Text)}
			}
			return got, err
		})},
	"answers late": {green: "send", red: []string{"send_canceled_during"}, provider: sending(
		func(a sms.Account, ctx context.Context, m channel.Outbound) (channel.Accepted, error) {
			got, err := a.Send(ctx, m)
			if err != nil && ctx.Err() != nil {
				time.Sleep(6 * time.Second)
			}
			return got, err
		})},
	"calls forgery malformed": {green: "malformed", red: []string{"forged_unsigned", "forged_bit"}, provider: parsing(
		func(a sms.Account, r *http.Request, body []byte) ([]channel.Event, error) {
			events, err := a.Parse(r, body)
			if errors.Is(err, channel.ErrForged) {
				err = channel.ErrMalformed
			}
			return events, err
		})},
	"takes what it can't read for nothing": {green: "forged_bit", red: []string{"malformed", "flood"}, provider: parsing(
		func(a sms.Account, r *http.Request, body []byte) ([]channel.Event, error) {
			events, err := a.Parse(r, body)
			if errors.Is(err, channel.ErrMalformed) {
				err = nil
			}
			return events, err
		})},
	"lets one bad event spoil a batch": {green: "inbound", bandwidth: true, red: []string{"inbound_batch"}, provider: parsing(
		func(a sms.Account, r *http.Request, body []byte) ([]channel.Event, error) {
			events, err := a.Parse(r, body)
			for _, e := range events {
				if _, bad := e.(channel.Unread); bad {
					return nil, channel.ErrMalformed
				}
			}
			return events, err
		})},
	"gives another id every time": {green: "inbound", bandwidth: true, red: []string{"inbound_again"}, provider: parsing(
		func(a sms.Account, r *http.Request, body []byte) ([]channel.Event, error) {
			events, err := a.Parse(r, body)
			for i, e := range events {
				if in, ok := e.(channel.Inbound); ok {
					in.ID = randomHex(8)
					events[i] = in
				}
			}
			return events, err
		})},
	"trusts the Host": {green: "send", red: []string{"inbound"}, provider: parsing(
		func(a sms.Account, r *http.Request, body []byte) ([]channel.Event, error) {
			r.URL.Host = r.Host
			return a.Parse(r, body)
		})},
	"loses media": {green: "inbound", red: []string{"inbound_media"}, provider: parsing(
		func(a sms.Account, r *http.Request, body []byte) ([]channel.Event, error) {
			events, err := a.Parse(r, body)
			for i, e := range events {
				if in, ok := e.(channel.Inbound); ok {
					in.Media = nil
					events[i] = in
				}
			}
			return events, err
		})},
	"fetches any address": {green: "media", red: []string{"media_foreign"}, provider: fetching(
		func(a sms.MediaFetcher, ctx context.Context, address string, max int64) (*sms.Media, error) {
			m, err := a.FetchMedia(ctx, address, max)
			if errors.Is(err, sms.ErrMediaAddress) {
				return sms.NewMedia(io.NopCloser(bytes.NewReader(gif)), "", -1, max)
			}
			return m, err
		})},
	"forgets the limit": {green: "media", red: []string{"media_bounded"}, provider: fetching(
		func(a sms.MediaFetcher, ctx context.Context, address string, _ int64) (*sms.Media, error) {
			return a.FetchMedia(ctx, address, 1<<20)
		})},
	"cuts at the limit": {green: "media", red: []string{"media_bounded"}, provider: fetching(
		func(a sms.MediaFetcher, ctx context.Context, address string, max int64) (*sms.Media, error) {
			m, err := a.FetchMedia(ctx, address, 1<<20)
			if err != nil || max == 0 {
				return m, err
			}
			return sms.NewMedia(struct {
				io.Reader
				io.Closer
			}{io.LimitReader(m, max), m}, m.Told, -1, max)
		})},
	"believes the length": {green: "media", red: []string{"media_broken"}, provider: fetching(
		func(a sms.MediaFetcher, ctx context.Context, address string, max int64) (*sms.Media, error) {
			m, err := a.FetchMedia(ctx, address, max)
			if err != nil {
				return nil, err
			}
			b, _ := io.ReadAll(m)
			return sms.NewMedia(io.NopCloser(bytes.NewReader(b)), m.Told, -1, max)
		})},
	"believes the type": {green: "media_bounded", red: []string{"media"}, provider: fetching(
		func(a sms.MediaFetcher, ctx context.Context, address string, max int64) (*sms.Media, error) {
			m, err := a.FetchMedia(ctx, address, max)
			if err == nil {
				m.Type = m.Told
			}
			return m, err
		})},
	"follows redirects of files": {green: "media", bandwidth: true, red: []string{"media_redirect"}, provider: fetching(
		func(a sms.MediaFetcher, ctx context.Context, address string, max int64) (*sms.Media, error) {
			m, err := a.FetchMedia(ctx, address, max)
			if e, ok := errors.AsType[*sms.MediaError](err); ok && e.Status == http.StatusTemporaryRedirect {
				return sms.NewMedia(io.NopCloser(bytes.NewReader(gif)), "", -1, max)
			}
			return m, err
		})},
	"fetches without its context": {green: "media", bandwidth: true, red: []string{"media_canceled"}, provider: fetching(
		func(a sms.MediaFetcher, ctx context.Context, address string, max int64) (*sms.Media, error) {
			return a.FetchMedia(context.WithoutCancel(ctx), address, max)
		})},
	"hides what the carrier said of a file": {green: "media", red: []string{"media_missing", "media_wrong_credentials"}, provider: fetching(
		func(a sms.MediaFetcher, ctx context.Context, address string, max int64) (*sms.Media, error) {
			m, err := a.FetchMedia(ctx, address, max)
			if err != nil {
				return nil, &sms.MediaError{Provider: "twilio"}
			}
			return m, err
		})},
	"lets bad addresses through": {green: "send", red: []string{"send_bad_media"}, provider: sending(
		func(a sms.Account, ctx context.Context, m channel.Outbound) (channel.Accepted, error) {
			m.Media = nil
			return a.Send(ctx, m)
		})},
	"a form in one language": {green: "send", red: []string{"form"}, provider: wrapped{form: func(f sms.Form) sms.Form {
		f.Fields[2].Label.FR = ""
		return f
	}}},
	"an open secret in the form": {green: "form", red: []string{"form_secrets"}, provider: wrapped{form: func(f sms.Form) sms.Form {
		for i := range f.Fields {
			f.Fields[i].Secret = f.Fields[i].Secret && f.Fields[i].Name != "api_key_secret"
		}
		return f
	}}},
	"does I/O in Open": {green: "send", red: []string{"open_without_io"}, provider: wrapped{wrap: func(_ sms.Settings, a sms.Account) sms.Account {
		_, _ = a.Send(context.Background(), channel.Outbound{Ref: "r", To: Customer, From: TwilioNumber, Text: "x"})
		return a
	}}},
}

// A token that is fetched for every text is not against the contract, so Bandwidth's own rule is held here.
func TestBandwidthAsksForOneToken(t *testing.T) {
	t.Parallel()
	fake := NewBandwidth(t, BandwidthConfig{})
	r := &rig{c: Case{Values: bandwidthValues}, provider: bandwidth.New(bandwidth.Config{Transport: fake.Transport()}), carrier: fake}
	r.form = r.provider.Form()
	require.NoError(t, r.open())
	require.NoError(t, checkConcurrent(t.Context(), r))
	tokens := 0
	for _, q := range fake.Requests() {
		if q.Kind == KindToken {
			tokens++
		}
	}
	require.Equal(t, 1, tokens)
}
