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
	"slices"
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

// The optional interfaces, each with its method replaced.
type (
	verifying struct {
		sms.Account
		verify func(context.Context, map[string]string) error
	}
	telling struct {
		sms.Account
		tell func(map[string]string) []sms.Webhook
	}
	registering struct {
		sms.Account
		register func(context.Context, map[string]string) error
	}
	listing struct {
		sms.Account
		list func(context.Context, sms.ListQuery) ([]sms.Listed, error)
	}
)

func (v verifying) Verify(ctx context.Context, values map[string]string) error {
	return v.verify(ctx, values)
}
func (t telling) Webhooks(values map[string]string) []sms.Webhook { return t.tell(values) }
func (g registering) Register(ctx context.Context, values map[string]string) error {
	return g.register(ctx, values)
}
func (l listing) List(ctx context.Context, q sms.ListQuery) ([]sms.Listed, error) {
	return l.list(ctx, q)
}

func wrapping(wrap func(sms.Account) sms.Account) wrapped {
	return wrapped{wrap: func(_ sms.Settings, a sms.Account) sms.Account { return wrap(a) }}
}

// mistold changes what an account says of its webhooks.
func mistold(change func(*sms.Webhook)) wrapped {
	return wrapping(func(a sms.Account) sms.Account {
		return telling{a, func(values map[string]string) []sms.Webhook {
			hooks := a.(sms.WebhookTeller).Webhooks(values)
			change(&hooks[0])
			return hooks
		}}
	})
}

// mislisted changes a query, or what comes of it.
func mislisted(ask func(*sms.ListQuery), answer func([]sms.Listed, error) ([]sms.Listed, error)) wrapped {
	return wrapping(func(a sms.Account) sms.Account {
		return listing{a, func(ctx context.Context, q sms.ListQuery) ([]sms.Listed, error) {
			if ask != nil {
				ask(&q)
			}
			out, err := a.(sms.Lister).List(ctx, q)
			if answer != nil {
				return answer(out, err)
			}
			return out, err
		}}
	})
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
	"blames the values for an outage": {green: "verify", red: []string{"verify_down", "verify_503", "verify_429", "verify_garbage", "verify_canceled"},
		provider: wrapping(func(a sms.Account) sms.Account {
			return verifying{a, func(ctx context.Context, values map[string]string) error {
				if err := a.(sms.Verifier).Verify(ctx, values); err != nil {
					return sms.FieldErrors{{Field: "account_sid", Problem: "is out of order"}}
				}
				return nil
			}}
		})},
	"finds nothing wrong": {green: "verify", red: []string{"verify_credentials", "verify_sender", "verify_sender_shape", "verify_down", "verify_canceled"},
		provider: wrapping(func(a sms.Account) sms.Account {
			return verifying{a, func(context.Context, map[string]string) error { return nil }}
		})},
	"tries the number by sending": {green: "inbound", red: []string{"verify"}, provider: wrapping(func(a sms.Account) sms.Account {
		return verifying{a, func(ctx context.Context, _ map[string]string) error {
			_, err := a.Send(ctx, channel.Outbound{Ref: "r", To: Customer, From: TwilioNumber, Text: "test"})
			return err
		}}
	})},
	"repeats the number that is wrong": {green: "verify", red: []string{"verify_sender"}, provider: wrapping(func(a sms.Account) sms.Account {
		return verifying{a, func(ctx context.Context, values map[string]string) error {
			if a.(sms.Verifier).Verify(ctx, values) != nil {
				return sms.FieldErrors{{Field: "phone_number", Problem: values["phone_number"] + " is not yours"}}
			}
			return nil
		}}
	})},
	"blames the wrong field": {green: "register", red: []string{"register_sender"}, provider: wrapping(func(a sms.Account) sms.Account {
		return registering{a, func(ctx context.Context, values map[string]string) error {
			if err := a.(sms.Registrar).Register(ctx, values); err != nil {
				return sms.FieldErrors{{Field: "account_sid", Problem: "is wrong somehow"}}
			}
			return nil
		}}
	})},
	"an address elsewhere":           {green: "inbound", red: []string{"webhooks"}, provider: mistold(func(w *sms.Webhook) { w.URL = "https://elsewhere.example/" })},
	"an address for nothing known":   {green: "inbound", red: []string{"webhooks"}, provider: mistold(func(w *sms.Webhook) { w.Purpose = "texts" })},
	"no address for inbound":         {green: "inbound", red: []string{"webhooks"}, provider: mistold(func(w *sms.Webhook) { w.Purpose = "status" })},
	"an address in one language":     {green: "inbound", red: []string{"webhooks"}, provider: mistold(func(w *sms.Webhook) { w.Where.FR = "" })},
	"registers nothing":              {green: "inbound", red: []string{"register", "register_again", "register_credentials", "register_down", "register_503"}, provider: wrapping(registersNothing)},
	"lists the oldest first":         {green: "list_inbound", red: []string{"list_order", "list_pages"}, provider: mislisted(nil, reversed)},
	"lists more than Limit":          {green: "list_outbound", red: []string{"list_order"}, provider: mislisted(func(q *sms.ListQuery) { q.Limit = 0 }, nil)},
	"lists one page":                 {green: "list_order", red: []string{"list_pages"}, provider: mislisted(nil, firstPage)},
	"lists both ways":                {green: "list_order", red: []string{"list_direction"}, provider: mislisted(func(q *sms.ListQuery) { q.Direction = "" }, nil)},
	"lists everybody":                {green: "list_order", red: []string{"list_addresses"}, provider: mislisted(func(q *sms.ListQuery) { q.From, q.To = "", "" }, nil)},
	"lists without a beginning":      {green: "list_order", red: []string{"list_time"}, provider: mislisted(func(q *sms.ListQuery) { q.Since = time.Time{} }, nil)},
	"lists without an end":           {green: "list_order", red: []string{"list_time"}, provider: mislisted(func(q *sms.ListQuery) { q.Until = time.Time{} }, nil)},
	"lists texts without their file": {green: "list_order", red: []string{"list_inbound"}, provider: mislisted(nil, withoutMedia)},
	"lists receipts without reason": {green: "list_outbound", red: []string{"list_failed"}, provider: mislisted(nil, func(out []sms.Listed, err error) ([]sms.Listed, error) {
		for _, l := range out {
			l.Receipt.Reason = channel.ReasonNone
		}
		return out, err
	})},
	"calls a list that failed unknown": {green: "list_order", red: []string{"list_down", "list_429"}, provider: mislisted(nil, func(out []sms.Listed, err error) ([]sms.Listed, error) {
		if e, ok := errors.AsType[*sms.SendError](err); ok {
			e.Reason = channel.ReasonUnknown
		}
		return out, err
	})},
	"calls a list that failed empty": {green: "list_order", red: []string{"list_down", "list_429", "list_credentials", "list_canceled"},
		provider: mislisted(nil, func(out []sms.Listed, _ error) ([]sms.Listed, error) { return out, nil })},
	"does I/O in Open": {green: "send", red: []string{"open_without_io"}, provider: wrapped{wrap: func(_ sms.Settings, a sms.Account) sms.Account {
		_, _ = a.Send(context.Background(), channel.Outbound{Ref: "r", To: Customer, From: TwilioNumber, Text: "x"})
		return a
	}}},
}

func registersNothing(a sms.Account) sms.Account {
	return registering{a, func(context.Context, map[string]string) error { return nil }}
}

func reversed(out []sms.Listed, err error) ([]sms.Listed, error) {
	slices.Reverse(out)
	return out, err
}

func firstPage(out []sms.Listed, err error) ([]sms.Listed, error) {
	return out[:min(len(out), 50)], err
}

func withoutMedia(out []sms.Listed, err error) ([]sms.Listed, error) {
	for _, l := range out {
		if l.Inbound != nil {
			l.Inbound.Media = nil
		}
	}
	return out, err
}

// An account that is none of the optional interfaces skips their clauses, visibly, and passes none of them.
func TestSuiteSkipsWhatAnAccountCannotDo(t *testing.T) {
	t.Parallel()
	b := brokenCase{provider: wrapping(func(a sms.Account) sms.Account { return account{Account: a} })}
	for _, cl := range slices.Concat(verifyClauses, registerClauses, listClauses) {
		err := run(t.Context(), t, Case{Values: twilioValues, Connect: b.twilio}, cl)
		require.ErrorAs(t, err, new(absent), cl.name)
	}
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
