package smstest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
)

// Accounts whose set-up or lists are broken, as those of broken_test.go.
func TestBrokenSetups(t *testing.T) {
	t.Parallel()
	for name, b := range brokenSetups {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { b.check(t) })
		})
	}
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

var brokenSetups = map[string]brokenCase{
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
